"""Indexing of batched arrays: the batch axes are passed by, and the rest is NumPy's own indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import BatchedArray, example, gathered, levels_of, physical, places, unbatchable
from .levels import Level

Key = tuple[Any, ...]


def _parts(key: Any) -> Key:
    return key if isinstance(key, tuple) else (key,)


def _is_advanced(part: Any) -> bool:
    return isinstance(part, (np.ndarray, list, BatchedArray, bool, np.bool_))


def _moves_to_front(key: Key) -> bool:
    """Whether NumPy puts the result of the index arrays in front, because something stands between them."""
    if not any(map(_is_advanced, key)):
        return False
    at = [i for i, part in enumerate(key) if _is_advanced(part) or isinstance(part, (int, np.integer))]
    return at != list(range(at[0], at[-1] + 1))


def getitem(x: BatchedArray, key: Any) -> BatchedArray:
    """`x[key]`, for each example."""
    key = _parts(key)
    levels = levels_of(key)
    if levels:
        return _each(x, key, levels_of((x, *key)))
    if _moves_to_front(key):
        return _each(x, key, x.levels)
    return BatchedArray(x.array[(*(slice(None),) * len(x.levels), *key)], x.levels)


def _each(x: BatchedArray, key: Key, levels: tuple[Level, ...]) -> BatchedArray:
    return gathered([np.asarray(_at(x, levels, place)[_key(key, levels, place)]) for place in places(levels)], levels)


def _at(x: Any, levels: tuple[Level, ...], place: tuple[int, ...]) -> Any:
    return example(x, levels, place)


def _key(key: Key, levels: tuple[Level, ...], place: tuple[int, ...]) -> Key:
    return tuple([example(part, levels, place) for part in key])


def setitem(x: BatchedArray, key: Any, value: Any) -> None:
    """`x[key] = value`, for each example.

    Raises:
        Unbatchable: x has one value for examples that would get different ones.
    """
    key = _parts(key)
    levels = levels_of((x, value, *key))
    check_holds(x, levels)
    if levels_of(key) or _moves_to_front(key):
        for place in places(levels):
            _at(x, levels, place)[_key(key, levels, place)] = example(value, levels, place)
        return
    inside = (*(slice(None),) * len(levels), *key)
    x.array[inside] = physical(value, levels, x.array[inside].ndim - len(levels))


def check_holds(target: Any, levels: tuple[Level, ...]) -> None:
    """Raises unless `target` has room for a value per example of these levels."""
    if type(target) is not BatchedArray or target.levels != levels:
        raise unbatchable("writing in place to a tensor that is not batched the values of")
