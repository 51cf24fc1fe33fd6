"""The command `rushlight`: reads the arguments, runs the chosen subcommand, turns what went wrong into a message and an
exit code. A subcommand is a module with `SUMMARY`, `add_arguments(parser)` and `run(arguments) -> exit code`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rushlight.cli import bench, check, demo, info, launch, report, run, summary, train
from rushlight.cli.outcome import FAILED, INTERRUPTED, OK, USAGE, UsageError
from rushlight.version import __version__

COMMANDS = {
    "demo": demo,
    "train": train,
    "report": report,
    "summary": summary,
    "run": run,
    "check": check,
    "launch": launch,
    "info": info,
    "bench": bench,
}
EPILOG = """\
exit codes: 0 done, 1 the goal was missed or a file could not be written, 2 wrong usage, 130 interrupted by Ctrl-C

rushlight COMMAND --help tells what a command takes."""


def parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    top = argparse.ArgumentParser(
        prog="rushlight",
        description="Neural networks with PyTorch's API, light and fast on the CPU.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"rushlight {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.SUMMARY, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return top


def complain(message: str) -> None:
    """Says on stderr what went wrong."""
    print(f"rushlight: {message}", file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line (default: the process's own) and returns the exit code."""
    arguments = parser().parse_args(argv)
    if arguments.command is None:
        parser().print_help(sys.stderr)
        return USAGE
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except UsageError as error:
        complain(str(error))
        return USAGE
    except BrokenPipeError:  # whoever reads our output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not complain
        return OK
    except OSError as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
