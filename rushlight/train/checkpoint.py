"""Checkpoints of a whole training: written so that a crash at any moment leaves a whole one, read so that a damaged one
is noticed.

A checkpoint is one safetensors file: all arrays, and as its metadata the rest as JSON, and a SHA-256 of both. A new one
is written under a temporary name, flushed to the disk, and renamed over the old one, which by then has a second name:

    last.safetensors  last.1.safetensors  last.2.safetensors  ...     newest to oldest

So at every moment the first name, or the next, is a whole file.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import rushlight

from ..errors import ArgumentError, DTypeError, OperatorError
from ..serialization import load_safetensors, save_safetensors
from ..serialization.atomic import sync_folder
from ..utils.data.random_state import random_state, set_random_state
from . import ranks, tree

FORMAT = "rushlight-checkpoint-1"
StrPath = str | os.PathLike[str]


class DamagedError(OperatorError):
    """A file that is no whole checkpoint."""


# ---------------------------------------------------------------------------------------------------------- one file


def _digest(text: str, tensors: Mapping[str, Any]) -> str:
    """SHA-256 of the JSON, and of every array with its name, dtype and shape."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        array = tensors[name].numpy() if tensors[name].dtype is not rushlight.bfloat16 else tensors[name]._array
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def write(path: StrPath, content: Any) -> None:
    """Writes a nest of containers as a checkpoint file, whole or not at all.

    Raises:
        TypeError: the nest holds something that no checkpoint can. OSError: it cannot be written.
    """
    plain, tensors = tree.split(content)
    text = json.dumps(plain)
    metadata = {"format": FORMAT, "json": text, "sha256": _digest(text, tensors)}
    save_safetensors(tensors, path, metadata)


def read(path: StrPath) -> Any:
    """What `write` was given.

    Raises:
        FileNotFoundError: no such file. DamagedError (a RuntimeError): the file is not whole, or no checkpoint.
    """
    try:
        metadata, tensors = _metadata(Path(path)), load_safetensors(path)
        text = metadata["json"]
        whole = metadata["format"] == FORMAT and metadata["sha256"] == _digest(text, tensors)
        if whole:
            return tree.join(json.loads(text), tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, UnicodeError) as error:
        raise DamagedError(f"{os.fspath(path)!r} is no whole checkpoint: {error}") from None
    raise DamagedError(f"{os.fspath(path)!r} is damaged: its checksum does not fit its content")


def _metadata(path: Path) -> dict[str, str]:
    """The text that a safetensors file holds besides its arrays."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            raise ArgumentError("its header is longer than the file")
        header = json.loads(file.read(length))
    return dict(header["__metadata__"])


# ----------------------------------------------------------------------------------------------------- their history


def older(path: StrPath, number: int) -> Path:
    """The name of the checkpoint that was written so many times before the last.

    Example:
        >>> older("run/last.safetensors", 1).name
        'last.1.safetensors'
    """
    path = Path(path)
    return path if number == 0 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def _second_name(path: Path) -> None:
    """Lets the file also be the first of the older ones."""
    target = older(path, 1)
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:  # a file system without links
        shutil.copy2(path, target)


def write_keeping(path: StrPath, content: Any, keep: int = 3) -> None:
    """`write`, with the `keep - 1` checkpoints before it kept under names of their own."""
    path, new = Path(path), Path(f"{os.fspath(path)}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    for unfinished in path.parent.glob(f".{glob.escape(new.name)}.*"):  # of a process that was killed
        unfinished.unlink(missing_ok=True)
    try:
        write(new, content)
        if keep > 1 and path.exists():
            for number in range(keep - 2, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(older(path, number), older(path, number + 1))
            _second_name(path)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_newest(path: StrPath) -> Any:
    """The newest whole checkpoint: that at `path`, or else an older one, with a warning that says so. None if there is
    none at all.

    Raises:
        DamagedError (a RuntimeError): there are some, and all are damaged.
    """
    damaged: list[str] = []
    for number in range(100):
        try:
            content = read(older(path, number))
        except FileNotFoundError:
            if number > 1:
                break
            continue
        except DamagedError as error:
            damaged.append(str(error))
            continue
        if damaged:
            warnings.warn(f"{'; '.join(damaged)}. Using the one before it, {older(path, number)}", stacklevel=3)
        return content
    if damaged:
        raise DamagedError("; ".join(damaged))
    return None


# ------------------------------------------------------------------------------------------------ whole trainings


def save(
    path: StrPath,
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loader: Any = None,
    *,
    rng: bool = True,
    keep: int = 3,
    **more: Any,
) -> None:
    """Writes where a training is, so that `resume` goes on bit for bit.

    Of several ranks (torch.distributed) all call it, and `resume`: rank 0 writes and reads; if it fails, all raise.

    Args:
        path: of the file (a safetensors file); the `keep - 1` before it are kept as name.1.safetensors and so on.
        model, optimizer, scheduler, loader: what has a `state_dict`; None for none.
        rng: the states of Rushlight's, Python's and NumPy's random numbers too.
        keep: how many checkpoints to keep.
        more: further objects with a `state_dict`, or numbers, text, Tensors and containers of them.

    Raises:
        TypeError: something cannot be held by a checkpoint. OSError: it cannot be written; those that were there stay.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> optimizer = optim.Adam(model.parameters())
        >>> save("run/last.safetensors", model, optimizer, epoch=3)
        >>> resume("run/last.safetensors", model, optimizer)
        {'epoch': 3}
    """
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader, **more}
    if ranks.several():
        ranks.write(given, rng, _content, lambda content: write_keeping(path, content, keep))
    else:
        write_keeping(path, _content(given, rng), keep)


def _content(given: Mapping[str, Any], rng: bool) -> dict[str, Any]:
    """What a checkpoint holds of objects and values."""
    states = {
        name: value.state_dict() if hasattr(value, "state_dict") else value
        for name, value in given.items()
        if value is not None
    }
    return {**states, "rng": random_state()} if rng else states


def resume(
    path: StrPath, model: Any = None, optimizer: Any = None, scheduler: Any = None, loader: Any = None, **more: Any
) -> dict[str, Any] | None:
    """Takes up what `save` wrote: loads it into these objects, and sets the random numbers' states.

    Args:
        path: as given to `save`. If that file is damaged or half written, the one before it is used, with a warning.
        model, optimizer, scheduler, loader, more: objects made as they were then.

    Returns:
        What else was saved, by name; None if there is no checkpoint, and nothing was changed.

    Raises:
        RuntimeError: all checkpoints are damaged. ValueError: the checkpoint has nothing for one of the objects.
    """
    content = ranks.read(lambda: read_newest(path)) if ranks.several() else read_newest(path)
    if content is None:
        return None
    numbers = content.pop("rng", None)
    content.pop(ranks.OTHERS, None)
    for name, target in {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "loader": loader,
        **more,
    }.items():
        if target is None:
            continue
        if name not in content:
            raise ArgumentError(f"resume: {os.fspath(path)!r} holds no {name!r}; it has {', '.join(content)}")
        if not hasattr(target, "load_state_dict"):
            raise DTypeError(f"resume: {name} is a {type(target).__name__}, which has no load_state_dict")
        target.load_state_dict(content.pop(name))
    if numbers is not None:
        set_random_state(numbers)
    return dict(content)
