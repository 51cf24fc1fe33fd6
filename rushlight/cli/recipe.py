"""Trainings described in a TOML file: reading it, and making model, data, loss, optimizer and schedule of it. What is
wrong with the file is a UsageError that names the place."""

from __future__ import annotations

import csv
import importlib
import inspect
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rushlight
from rushlight import nn, optim
from rushlight.cli.outcome import UsageError
from rushlight.train import callbacks, metrics
from rushlight.utils.data import DataLoader, TensorDataset, random_split

METRICS: dict[str, Callable[[], metrics.Metric]] = {
    "accuracy": metrics.Accuracy,
    "top5": metrics.TopK,
    "precision": metrics.Precision,
    "recall": metrics.Recall,
    "f1": metrics.F1,
    "confusion": metrics.ConfusionMatrix,
    "auroc": metrics.AUROC,
    "mse": metrics.MeanSquaredError,
    "mae": metrics.MeanAbsoluteError,
    "r2": metrics.R2,
}
KEYS = {
    "": ("seed", "data", "model", "loss", "optimizer", "schedule", "train"),
    "data": ("name", "path", "target", "batch_size", "validation", "standardize"),
    "model": ("layers", "make"),
    "train": (
        "epochs", "steps", "until_loss", "metrics", "clip_norm", "accumulate", "ema", "patience", "folder",
        "checkpoint_steps", "best",
    ),
}  # fmt: skip
WHOLE, TEXT = "a whole number of at least 1", "a text"
VALUES: dict[str, str] = {  # what an entry of [train] or [data] must be
    "epochs": WHOLE, "steps": WHOLE, "accumulate": WHOLE, "patience": WHOLE, "checkpoint_steps": WHOLE,
    "batch_size": WHOLE, "until_loss": "a number", "clip_norm": "a number above 0", "ema": "a number from 0 to 1",
    "validation": "a number between 0 and 1", "folder": TEXT, "best": TEXT, "path": TEXT, "target": TEXT,
    "metrics": "a list of texts", "standardize": "true or false",
}  # fmt: skip
MEETS: dict[str, Callable[[Any], bool]] = {
    WHOLE: lambda value: type(value) is int and value >= 1,
    TEXT: lambda value: isinstance(value, str),
    "a number": lambda value: type(value) in (int, float),
    "a number above 0": lambda value: type(value) in (int, float) and value > 0,
    "a number from 0 to 1": lambda value: type(value) in (int, float) and 0 <= value <= 1,
    "a number between 0 and 1": lambda value: type(value) in (int, float) and 0 < value < 1,
    "a list of texts": lambda value: isinstance(value, list) and all(isinstance(part, str) for part in value),
    "true or false": lambda value: isinstance(value, bool),
}


def load(path: Path) -> dict[str, Any]:
    """The file's content, its keys checked."""
    try:
        import tomllib
    except ImportError:
        raise UsageError("reading TOML takes Python 3.11 or newer") from None
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    for table, known in KEYS.items():
        part = config.get(table, {}) if table else config
        if not isinstance(part, dict):
            raise UsageError(f"[{table}] must be a table")
        unknown = sorted(set(part) - set(known))
        if unknown:
            raise UsageError(f"{f'[{table}] ' if table else ''}{unknown[0]}: no such key; there are {', '.join(known)}")
    for table in ("data", "model", "optimizer"):
        if table not in config:
            raise UsageError(f"[{table}] is missing")
    _check_values(config)
    return config


def _check_values(config: dict[str, Any]) -> None:
    seed = config.get("seed", 0)
    if type(seed) is not int or not 0 <= seed < 2**64:
        raise UsageError(f"seed = {seed!r}: expected a whole number from 0 to 2**64 - 1")
    for table in ("data", "train"):
        for name, value in config.get(table, {}).items():
            if name in VALUES and not MEETS[VALUES[name]](value):
                raise UsageError(f"[{table}] {name} = {value!r}: expected {VALUES[name]}")


def made(where: str, kinds: Any, base: type, description: dict[str, Any], *args: Any) -> Any:
    """An object of the class that `description["name"]` names in a module; its other entries are arguments."""
    options = dict(description)
    name = options.pop("name", None)
    kind = getattr(kinds, str(name), None)
    if not (inspect.isclass(kind) and issubclass(kind, base)):
        raise UsageError(
            f"[{where}] name = {name!r}: no such class in rushlight.{kinds.__name__.removeprefix('rushlight.')}"
        )
    try:
        return kind(*args, **options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"[{where}] {name}: {error}") from None


# --------------------------------------------------------------------------------------------------------------- data


def _table(path: Path, target: str | None) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The numbers of a CSV file with a header: all columns but one, and that one (by default the last)."""
    with open(path, newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    if not rows or any(len(row) != len(head) for row in rows):
        raise UsageError(f"[data] {path}: expected a header and, below it, rows of as many cells")
    target = head[-1] if target is None else target
    if target not in head:
        raise UsageError(f"[data] target = {target!r}: {path} has the columns {', '.join(head)}")
    try:
        numbers = np.array([[float(cell) for cell in row] for row in rows])
    except ValueError as error:
        raise UsageError(f"{path}: {error}; every cell below the header must be a number") from None
    place = head.index(target)
    return np.delete(numbers, place, axis=1), numbers[:, place]


def _arrays(path: Path, target: str | None) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The arrays "x" and "y" (or as `target` names it) of an npz file."""
    with np.load(path) as file:
        for name in ("x", target or "y"):
            if name not in file:
                raise UsageError(f"{path}: no array {name!r}; it has {', '.join(file.files)}")
        return file["x"], file[target or "y"]


def data_sets(config: dict[str, Any], classes: bool) -> tuple[Any, Any]:
    """Training and validation data.

    Args:
        classes: whether targets are class numbers.
    """
    data = config["data"]
    if data.get("name") == "digits":
        from rushlight.data import Digits

        return Digits(train=True), Digits(train=False)
    if "name" in data:
        raise UsageError(f'[data] name = {data["name"]!r}: expected "digits"; other data come from a file, by path')
    if "path" not in data:
        raise UsageError('[data] needs name = "digits", or path to a .csv or .npz file')
    path = Path(data["path"])
    if path.suffix not in (".csv", ".npz"):
        raise UsageError(f"[data] path = {str(path)!r}: expected a .csv or .npz file")
    try:
        x, y = (_table if path.suffix == ".csv" else _arrays)(path, data.get("target"))
    except OSError as error:
        raise UsageError(f"[data] {path}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise UsageError(f"[data] {path}: cannot be read: {error}") from None
    if len(x) != len(y) or len(x) < 2:
        raise UsageError(
            f"[data] {path}: expected two samples or more, and a target for each; has {len(x)} and {len(y)}"
        )
    return _split(x, y, data, classes)


def _split(x: Any, y: Any, data: dict[str, Any], classes: bool) -> tuple[Any, Any]:
    """A random share is held out; columns are brought to mean 0 and deviation 1 by what the rest shows."""
    share = data.get("validation", 0.2)
    target = rushlight.from_numpy(y.astype(np.int64) if classes else y.astype(np.float32).reshape(len(y), -1))
    parts = random_split(TensorDataset(rushlight.from_numpy(x.astype(np.float32)), target), [1 - share, share])
    if data.get("standardize", x.ndim == 2):
        seen = x[parts[0].indices].astype(np.float64)
        scale = np.maximum(seen.std(0), 1e-12)
        inputs = rushlight.from_numpy(((x - seen.mean(0)) / scale).astype(np.float32))
        for part in parts:
            part.dataset = TensorDataset(inputs, target)
    return parts[0], parts[1]


# -------------------------------------------------------------------------------------------------------------- model


def model(config: dict[str, Any]) -> nn.Module:
    """From a list of layers, each ["Class", arguments ..., {named = arguments}]; or from "package.module:function"."""
    description = config["model"]
    if "make" in description:
        return named_model(description["make"])
    layers = description.get("layers")
    if not isinstance(layers, list) or not layers:
        raise UsageError('[model] needs layers = [["Linear", 4, 2], ...], or make = "module:function"')
    return nn.Sequential(*(_layer(number, layer) for number, layer in enumerate(layers)))


def _layer(number: int, layer: Any) -> nn.Module:
    name, *args = layer if isinstance(layer, list) and layer else [layer]
    options = args.pop() if args and isinstance(args[-1], dict) else {}
    return made(f"model] layers[{number}", nn, nn.Module, {"name": name, **options}, *args)


def named_model(place: str) -> nn.Module:
    """The model that "package.module:function" gives (or is, or whose class it is)."""
    module_name, _, name = place.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f'{place!r}: {error}; expected "module:function"') from None
    try:
        model = found if isinstance(found, nn.Module) else found()
    except TypeError as error:  # what is no function, or wants arguments
        raise UsageError(f"{place!r}: {error}") from None
    if not isinstance(model, nn.Module):
        raise UsageError(f"{place!r} gives a {type(model).__name__}, not a Module")
    return model


# ----------------------------------------------------------------------------------------------------------- training


@dataclass
class Recipe:
    """All that `rushlight.train.fit` takes."""

    model: nn.Module
    training: Any
    validation: Any
    loss: Any
    optimizer: optim.Optimizer
    metrics: list[metrics.Metric]
    callbacks: list[callbacks.Callback]
    limits: dict[str, Any]
    folder: Path


def recipe(config: dict[str, Any], resume: bool) -> Recipe:
    """Everything made, in an order that the seed determines."""
    rushlight.manual_seed(config.get("seed", 0))
    options = config.get("train", {})
    loss = made("loss", nn, nn.Module, config.get("loss", {"name": "CrossEntropyLoss"}))
    network = model(config)
    training, validation = data_sets(config, classes=isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)))
    size = config["data"].get("batch_size", 64)
    batches: DataLoader[Any] = DataLoader(training, batch_size=size, shuffle=True)
    optimizer = made("optimizer", optim, optim.Optimizer, config["optimizer"], network.parameters())
    limits = {name: options[name] for name in ("epochs", "steps", "until_loss") if name in options} or {"epochs": 10}
    folder = Path(options.get("folder", "run"))
    used = [*_schedule(config, optimizer, limits, len(batches)), *_callbacks(options, folder, resume)]
    held_out: DataLoader[Any] = DataLoader(validation, batch_size=max(size, 256))
    return Recipe(network, batches, held_out, loss, optimizer, _metrics(options), used, limits, folder)


def _metrics(options: dict[str, Any]) -> list[metrics.Metric]:
    names = options.get("metrics", [])
    for name in names:
        if name not in METRICS:
            raise UsageError(f"[train] metrics: {name!r} is none of {', '.join(METRICS)}")
    return [METRICS[name]() for name in names]


def _schedule(config: dict[str, Any], optimizer: Any, limits: dict[str, Any], batches: int) -> list[callbacks.Callback]:
    description = dict(config.get("schedule", {}))
    if not description:
        return []
    each, monitor = description.pop("each", "epoch"), description.pop("monitor", "val_loss")
    if description.get("name") == "OneCycleLR":
        each = "step"
        description.setdefault("total_steps", limits.get("steps") or limits.get("epochs", 1) * batches)
    scheduler = made("schedule", optim.lr_scheduler, object, description, optimizer)
    try:
        return [callbacks.Schedule(scheduler, each, monitor)]
    except ValueError as error:
        raise UsageError(f"[schedule] {error}") from None


def _callbacks(options: dict[str, Any], folder: Path, resume: bool) -> list[callbacks.Callback]:
    makers: dict[str, Callable[[Any], callbacks.Callback]] = {
        "clip_norm": callbacks.ClipGradients,
        "accumulate": callbacks.Accumulate,
        "ema": callbacks.EMA,
        "patience": lambda epochs: callbacks.EarlyStopping(patience=epochs),
    }
    steps, best = options.get("checkpoint_steps"), options.get("best", "val_loss")
    try:
        wanted = [maker(options[name]) for name, maker in makers.items() if name in options]
        kept = [callbacks.Checkpoint(folder, every_steps=steps, best=best, resume=resume), callbacks.Record(folder)]
        return [*wanted, *kept, callbacks.CSVLog(folder / "log.csv")]
    except (TypeError, ValueError) as error:
        raise UsageError(f"[train] {error}") from None
