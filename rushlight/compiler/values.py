"""What the evaluator and the recorder tell each other: refusals, numbers read from tensors, and which values are plain
data of Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..autograd.tape import TensorBase
from ..device import device
from ..dtypes import dtype
from ..ops.conversion import layout

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), slice, range, dtype, device, layout)
CONTAINERS = (tuple, list, dict)


class Deferred:
    """A number read from a tensor (`loss.item()`): it may be handed on, but nothing may be computed from it."""

    def __init__(self, value: Any, slot: int) -> None:
        self.value, self.slot = value, slot


def leaves(value: Any) -> Iterator[Any]:
    """What is in a nest of tuples, lists and dicts."""
    if isinstance(value, (tuple, list)):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    else:
        yield value


def deferred(*values: Any) -> bool:
    """Whether a number read from a tensor is among these values."""
    return any(isinstance(each, Deferred) for each in leaves(values))


def bare(value: Any) -> Any:
    """A value as Python has it. Containers stay the same objects."""
    if isinstance(value, Deferred):
        return value.value
    if type(value) is tuple and deferred(value):
        return tuple(map(bare, value))
    if isinstance(value, list):
        value[:] = map(bare, value)
    elif isinstance(value, dict) and deferred(value):
        value.update({key: bare(each) for key, each in value.items()})
    return value


def tensors_in(*values: Any) -> list[TensorBase]:
    """The tensors in nests of containers."""
    return [each for each in leaves(values) if isinstance(each, TensorBase)]
