"""Runs a PyTorch program with Rushlight in PyTorch's place, as `python` would run it.

    rushlight run script.py --epochs 3          rushlight run -m package.module --epochs 3

The program and the processes it starts find Rushlight wherever they say `import torch`; torch need not be installed.
Arguments, exit code and tracebacks are the program's own. `rushlight check` tells beforehand which names it uses that
we lack.
"""

from __future__ import annotations

import argparse
import io
import os
import runpy
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType, TracebackType

from rushlight.cli.outcome import FAILED, INTERRUPTED, OK, UsageError
from rushlight.compat import install_as_torch, install_for_children
from rushlight.distributed.environment import announce

SUMMARY = "run a PyTorch program with Rushlight in PyTorch's place"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The program and, after it, whatever it takes."""
    parser.usage = "rushlight run [-h] (SCRIPT | -m MODULE) [ARGUMENT ...]"
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="run a module, as python -m does")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="SCRIPT", help="the program and its arguments")


def run(arguments: argparse.Namespace) -> int:
    """Runs it; the exit code is the program's."""
    program = arguments.module if arguments.module is not None else arguments.program
    if not program:
        raise UsageError("run: name a script (rushlight run script.py) or a module (rushlight run -m module)")
    start = _start_module if arguments.module is not None else _start_script
    install_as_torch()
    install_for_children()
    announce()
    return _as_python_would(start, program)


def _start_script(argv: Sequence[str]) -> None:
    path = argv[0]
    sys.argv = list(argv)
    if os.path.isdir(path):
        sys.path[0] = path
        runpy.run_path(path, run_name="__main__")
        return
    path = os.path.abspath(path)
    code = _compiled(path)
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    main = ModuleType("__main__")
    vars(main).update(__file__=path, __builtins__=__builtins__, __spec__=None, __cached__=None)
    sys.modules["__main__"] = main  # stays: threads and pickles look for it to the end
    exec(code, vars(main))


def _compiled(path: str) -> CodeType:
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        raise UsageError(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}") from None
    return compile(source, path, "exec", dont_inherit=True)


def _start_module(argv: Sequence[str]) -> None:
    sys.path[0] = os.getcwd()
    sys.argv = list(argv)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def _as_python_would(start: object, argv: Sequence[str]) -> int:
    """Runs the program; an exception that it lets through is told as Python tells it."""
    try:
        start(argv)  # type: ignore[operator]
    except (SystemExit, UsageError):
        raise
    except BaseException as error:
        error.__traceback__ = _from_program_on(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    return OK


def _from_program_on(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames that started the program."""
    starters = (__file__, "<frozen runpy>", runpy.__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename in starters:
        trace = trace.tb_next
    return trace
