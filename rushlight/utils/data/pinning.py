"""Batches in pinned memory, from which a GPU reads on its own while the program goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...autograd.tape import TensorBase


def pinned(batch: Any) -> Any:
    """The batch with every tensor in it moved there; what has a method `pin_memory` is asked to do it itself.

    Source: the behaviour of torch.utils.data._utils.pin_memory.
    """
    if isinstance(batch, TensorBase) or hasattr(batch, "pin_memory"):
        return batch.pin_memory()
    if isinstance(batch, Mapping):
        found = {key: pinned(value) for key, value in batch.items()}
        return type(batch)(found) if type(batch) is not dict else found  # type: ignore[call-arg]
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(pinned, batch))
    if type(batch) in (list, tuple):
        return type(batch)(map(pinned, batch))
    return batch
