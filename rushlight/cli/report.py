"""Writes one HTML page of a training, with its curves: FOLDER/report.html. It needs no network and no other files.

The folder is one that `rushlight train` or the callback Record wrote to.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rushlight.cli.outcome import OK, UsageError

SUMMARY = "write a page with the curves of a training"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `rushlight report` takes."""
    parser.add_argument("folder", type=Path, help="of the training")
    parser.add_argument("--out", type=Path, help="the file to write (default: FOLDER/report.html)")


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    from rushlight.train.report import report

    try:
        print(report(options.folder, options.out))
    except (ValueError, ImportError) as error:
        raise UsageError(str(error)) from None
    return OK
