"""Shows a model layer by layer: output shapes, parameters, FLOPs, memory.

MODEL is a TOML file as for `rushlight train`, or "module:function" (the module is looked for in the current folder
too).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rushlight.cli.outcome import OK, UsageError

SUMMARY = "show a model layer by layer"


def _sizes(text: str) -> tuple[int, ...]:
    """Sizes with commas between them."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"expected sizes such as 1,3,32,32, not {text!r}")
    return tuple(map(int, parts))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `rushlight summary` takes."""
    parser.add_argument("model", metavar="MODEL", help="a TOML file, or module:function")
    parser.add_argument("--input", type=_sizes, metavar="SIZES", help="shape of the input, such as 1,3,32,32")


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    from rushlight.cli import recipe
    from rushlight.train.summary import summary

    if options.model.endswith(".toml"):
        config = recipe.load(Path(options.model))
        model, size = recipe.model(config), options.input
        if size is None:
            sample = recipe.data_sets(config, classes=True)[0][0][0]
            size = (1, *sample.shape)
    else:
        sys.path.insert(0, os.getcwd())
        model, size = recipe.named_model(options.model), options.input
    if size is None:
        raise UsageError("--input is missing: the shape of the model's input, such as --input 1,3,32,32")
    try:
        print(summary(model, size))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UsageError(f"the model does not take an input of shape {size}: {error}") from None
    return OK
