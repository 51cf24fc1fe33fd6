"""Programs in processes of their own, since the alias changes a whole process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import rushlight

PATH = os.pathsep.join([str(Path(rushlight.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def program(tmp_path):
    """Runs a program's text with `rushlight run`, in an empty folder."""

    def run(text, *args, python=("-m", "rushlight", "run"), name="program.py"):
        (tmp_path / name).write_text(textwrap.dedent(text))
        return subprocess.run(
            [sys.executable, *python, name, *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": PATH},
        )

    run.folder = tmp_path
    return run


@pytest.fixture
def passes(program):
    """Runs a program that asserts what should hold; fails with its traceback."""

    def run(text, *args):
        result = program(text, *args)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
