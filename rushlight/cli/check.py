"""Lists every name of PyTorch's that a program uses and Rushlight lacks, with its line, without running the program.

    rushlight check script.py                  rushlight check folder

Modules beside the program that it imports are read too. Names in branches that are never taken are listed like others.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rushlight.cli.outcome import FAILED, OK, UsageError
from rushlight.compat import install_as_torch
from rushlight.compat.lookup import lacking
from rushlight.compat.usage import Use, uses_of

SUMMARY = "list the names of PyTorch's that a program uses and Rushlight lacks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The programs."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a program, or a folder of programs")


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each; exit code 1 if there are any."""
    install_as_torch()
    uses = sorted({use for path in arguments.paths for program in _programs(path) for use in _uses(program)})
    missing = list(_missing(uses))
    for use, reason in missing:
        print(f"{os.path.relpath(use.path)}:{use.line}: {use.name}: {reason}")
    names = len({use.name for use, _ in missing})
    print(f"{names} of the {len({use.name for use in uses})} names used are missing" if names else _praise(uses))
    return FAILED if missing else OK


def _praise(uses: list[Use]) -> str:
    return f"none of the {len({use.name for use in uses})} names used is missing"


def _programs(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"check: no such file or folder: {path}")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _uses(program: Path) -> Iterable[Use]:
    try:
        return uses_of(program)
    except (SyntaxError, ValueError) as error:
        print(f"rushlight: {program} is not read: {error}", file=sys.stderr)
        return ()


def _missing(uses: list[Use]) -> Iterator[tuple[Use, str]]:
    known: dict[str, str | None] = {}
    for use in uses:
        if use.name not in known:
            known[use.name] = lacking(use.name)
        reason = known[use.name]
        if reason is not None:
            yield use, reason
