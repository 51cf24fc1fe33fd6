"""Trains what a TOML file describes: a model, data, a loss, an optimizer and limits.

    seed = 0
    [data]
    name = "digits"             # or path = "table.csv" (numbers under a header) or "arrays.npz" (x and y)
    batch_size = 64             # for files also: target (a column), validation (share held out), standardize
    [model]
    layers = [["Flatten"], ["Linear", 784, 64], ["ReLU"], ["Linear", 64, 10]]
    [loss]                      # any loss of rushlight.nn; CrossEntropyLoss if left out
    name = "CrossEntropyLoss"
    [optimizer]                 # any of rushlight.optim
    name = "Adam"
    lr = 1e-3
    [schedule]                  # any of rushlight.optim.lr_scheduler, with each = "epoch" or "step"; may be left out
    name = "OneCycleLR"
    max_lr = 1e-2
    [train]
    epochs = 3                  # and/or steps, until_loss
    metrics = ["accuracy"]      # also: clip_norm, accumulate, ema, patience, best, checkpoint_steps
    folder = "run"

The folder gets checkpoints, the history, a table of figures and report.html. After a crash, or Ctrl-C, --resume goes on
where it was, bit for bit.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from rushlight.cli.outcome import FAILED, OK, UsageError
from rushlight.errors import RushlightError

SUMMARY = "train a model that a TOML file describes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `rushlight train` takes."""
    parser.add_argument("config", type=Path, help="the TOML file")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder")
    parser.add_argument("--out", type=Path, help="the folder, in place of that in the file")


def _drawn(recipe: Any) -> None:
    """Writes report.html, or says what it takes."""
    from rushlight.train.report import report

    try:
        print(f"report      {report(recipe.folder)}")
    except ImportError as error:
        print(f"report      none: {error}")


def _mistakes_in(config: dict[str, Any]) -> tuple[type[Exception], ...]:
    """What tells that the file is wrong. Where it names a program of the user's, the traceback of that is wanted."""
    of_layers = (RuntimeError, TypeError, ValueError, IndexError)
    return (RushlightError,) if "make" in config["model"] else (RushlightError, *of_layers)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    from rushlight import train
    from rushlight.cli.recipe import load, recipe

    config = load(options.config)
    if options.out is not None:
        config.setdefault("train", {})["folder"] = str(options.out)
    made = recipe(config, options.resume)
    try:
        made.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.config, made.folder / "config.toml")
    except shutil.SameFileError:
        pass
    except OSError as error:
        raise UsageError(f"{made.folder}: {error.strerror}") from None
    try:
        history = train.fit(
            made.model,
            made.training,
            made.loss,
            made.optimizer,
            validate=made.validation,
            metrics=made.metrics,
            callbacks=made.callbacks,
            **made.limits,
        )
    except _mistakes_in(config) as error:  # a model that does not fit its data
        raise UsageError(f"{options.config}: {error}") from error
    _drawn(made)
    return FAILED if history.failed else OK
