"""Collation: a list of samples into one batch, and single samples into tensors, through any nest of containers.

What `default_collate` does with each type of entry is in a table, `default_collate_fn_map`; `collate` takes another.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...autograd.tape import wrap
from ...errors import DTypeError, OperatorError
from ...ops.creation import tensor
from ...ops.joining import stack
from ...tensor import Tensor

Map = dict[Any, Callable[..., Any]]
REFUSAL = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _rebuilt(elem: Any, parts: Iterable[Any]) -> Any:
    """A container like `elem` with these parts (pairs with keys, for a mapping); if that fails, a list or dict."""
    if isinstance(elem, Mapping):
        pairs = dict(parts)
        return _attempt(elem, pairs, MutableMapping, lambda twin: twin.update(pairs))
    if isinstance(elem, tuple):
        return type(elem)(*parts) if hasattr(elem, "_fields") else list(parts)
    entries = list(parts)
    return _attempt(elem, entries, MutableSequence, lambda twin: _overwrite(twin, entries))


def _attempt(elem: Any, plain: Any, mutable: type, fill: Callable[[Any], None]) -> Any:
    """`plain` in a container of the type of `elem`: a filled copy if it can be changed, so all else stays."""
    try:
        if not isinstance(elem, mutable):
            return type(elem)(plain)
        twin = copy.copy(elem)
        fill(twin)
        return twin
    except TypeError:
        return plain


def _overwrite(twin: Any, entries: list[Any]) -> None:
    for i, entry in enumerate(entries):
        twin[i] = entry


def _is_text(array: Any) -> bool:
    return array.dtype.kind in "SUO" or "a" in array.dtype.str


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers in `data` as Tensors; containers are gone through, everything else stays.

    Example:
        >>> rushlight.utils.data.default_convert([np.array([0, 1]), "text"])
        [tensor([0, 1]), 'text']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (np.str_, np.bytes_)):
        return data if _is_text(data) else wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuilt(data, [(key, default_convert(data[key])) for key in data])
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, map(default_convert, data))
    return data


def collate(batch: Sequence[Any], *, collate_fn_map: Map | None = None) -> Any:
    """A list of samples as one batch; `collate_fn_map` says, by type, what becomes of the entries.

    Args:
        batch: samples of one structure.
        collate_fn_map: type (or tuple of types) -> function of a list of entries and this map.

    Raises:
        TypeError: an entry of a type that is not in the map. RuntimeError: samples of different lengths.
    """
    elem = batch[0]
    function = _function_for(elem, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(elem, Mapping):
        keys = [(key, [sample[key] for sample in batch]) for key in elem]
        return _rebuilt(elem, [(key, collate(column, collate_fn_map=collate_fn_map)) for key, column in keys])
    if not isinstance(elem, Sequence):
        raise DTypeError(REFUSAL.format(type(elem)))
    if not hasattr(elem, "_fields") and any(len(sample) != len(elem) for sample in batch):
        raise OperatorError("each element in list of batch should be of equal size")
    return _rebuilt(elem, [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)])


def _function_for(elem: Any, functions: Map) -> Callable[..., Any] | None:
    kind = type(elem)
    if kind in functions:
        return functions[kind]
    return next((function for types, function in functions.items() if isinstance(elem, types)), None)


def _collate_tensors(batch: Sequence[Tensor], *, collate_fn_map: Map | None = None) -> Tensor:
    return stack(tuple(batch))


def _collate_arrays(batch: Sequence[Any], *, collate_fn_map: Map | None = None) -> Any:
    if _is_text(batch[0]):
        raise DTypeError(REFUSAL.format(batch[0].dtype))
    return collate([wrap(array) for array in batch], collate_fn_map=collate_fn_map)


def _collate_numpy_numbers(batch: Sequence[Any], *, collate_fn_map: Map | None = None) -> Any:
    return wrap(np.asarray(batch))


def _collate_floats(batch: Sequence[float], *, collate_fn_map: Map | None = None) -> Any:
    return wrap(np.asarray(batch, np.float64))  # torch: not the default dtype


def _collate_integers(batch: Sequence[int], *, collate_fn_map: Map | None = None) -> Any:
    return tensor(list(batch))


def _collate_texts(batch: Any, *, collate_fn_map: Map | None = None) -> Any:
    return batch


default_collate_fn_map: Map = {
    Tensor: _collate_tensors,
    np.ndarray: _collate_arrays,
    (np.bool_, np.number, np.object_): _collate_numpy_numbers,
    float: _collate_floats,
    int: _collate_integers,
    str: _collate_texts,
    bytes: _collate_texts,
}


def default_collate(batch: Sequence[Any]) -> Any:
    """A list of samples as one batch: tensors, arrays and numbers are stacked along a new first dimension.

    Tuples become lists, other containers stay what they are, texts stay a list.

    Raises:
        TypeError: an entry that is none of these. RuntimeError: shapes or lengths that differ.

    Example:
        >>> rushlight.utils.data.default_collate([(0, {"x": 1.0}), (2, {"x": 3.0})])
        [tensor([0, 2]), {'x': tensor([1., 3.], dtype=torch.float64)}]

    Source: the behaviour of torch.utils.data.default_collate.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
