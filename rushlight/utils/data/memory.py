"""Data sets that lie in memory as arrays: a TensorDataset, and Subsets of one. A batch of them is one take per array,
of numbers that never were Python integers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ...autograd.tape import wrap
from .dataset import Subset, TensorDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler

# The orders that are known here; a program may put others in their place.
_IN_ORDER, _SHUFFLED = SequentialSampler.__iter__, RandomSampler.__iter__


def in_memory(dataset: Any) -> tuple[list[Any], Any] | None:
    """The arrays of a TensorDataset, and which of their rows are meant (None: all); None for any other data set."""
    if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
        plain = not hasattr(dataset, "__getitems__") and not any(t.requires_grad for t in dataset.tensors)
        return ([t._array for t in dataset.tensors], None) if plain else None
    found = in_memory(dataset.dataset) if type(dataset) is Subset else None
    if found is None:
        return None
    arrays, rows = found
    chosen = np.asarray(dataset.indices, np.int64)
    return arrays, chosen if rows is None else rows[chosen]


def array_batches(batches: BatchSampler) -> Iterator[Any]:
    """The batches of a BatchSampler over a plain sampler, as slices or arrays of numbers."""
    size, sampler = batches.batch_size, batches.sampler
    if type(sampler) is SequentialSampler and SequentialSampler.__iter__ is _IN_ORDER:
        for start in range(0, len(sampler), size):
            if start + size <= len(sampler) or not batches.drop_last:
                yield slice(start, start + size)
    elif type(sampler) is RandomSampler and RandomSampler.__iter__ is _SHUFFLED:
        yield from _regrouped(sampler.parts(), size, batches.drop_last)
    else:
        yield from map(np.asarray, batches)


def _regrouped(parts: Iterator[Any], size: int, drop_last: bool) -> Iterator[Any]:
    """Arrays of any lengths, joined and cut anew into arrays of `size`; the next is drawn only when it is needed."""
    held = next(parts)
    while True:
        for start in range(0, len(held) - size + 1, size):
            yield held[start : start + size]
        held = held[len(held) - len(held) % size :]
        following = next(parts, None)
        if following is None:
            break
        held = np.concatenate([held, following]) if len(held) else following
    if len(held) and not drop_last:
        yield held


def take(array: Any, rows: Any) -> Any:
    """New memory with these rows of an array."""
    return array[rows].copy() if isinstance(rows, slice) else array.take(rows, axis=0)


def memory_batches(dataset: Any, batches: Iterable[Any]) -> Iterator[list[Any]]:
    """The batches of a data set in memory, given the numbers of their samples."""
    found = in_memory(dataset)
    assert found is not None
    arrays, chosen = found
    for rows in batches:
        rows = rows if chosen is None else chosen[rows]
        yield [wrap(take(array, rows)) for array in arrays]
