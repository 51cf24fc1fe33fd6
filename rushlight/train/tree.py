"""Nests of containers, split into JSON and named arrays, and put together again: the content of a checkpoint.

JSON has lists, dicts with keys of text, numbers, text, true, false and null. All else becomes a dict with one key that
begins with "$": a Tensor or array stands under its name among the arrays, a tuple, a Counter, or a dict with other keys
is spelt out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import rushlight

from ..errors import DTypeError, OperatorError

Tensors = dict[str, Any]


def split(tree: Any) -> tuple[Any, Tensors]:
    """What JSON can hold of a nest, and its Tensors by name.

    Raises:
        TypeError: something is of a kind that is not known here; the message says where it stands.

    Example:
        >>> split({"w": rushlight.ones(1), 0: (1, None)})
        ({'$dict': [['w', {'$tensor': 'w'}], [0, {'$tuple': [1, None]}]]}, {'w': tensor([1.])})
    """
    tensors: Tensors = {}
    return _plain(tree, "", tensors), tensors


def _plain(value: Any, path: str, tensors: Tensors) -> Any:
    def inner(part: Any, name: Any) -> Any:
        return _plain(part, f"{path}.{name}" if path else str(name), tensors)

    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (rushlight.Tensor, np.ndarray)):
        return _kept(value, path, tensors)
    if isinstance(value, (tuple, list)):
        parts = [inner(part, i) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"$tuple": parts}
    if isinstance(value, Mapping):
        pairs = [[key, inner(part, key)] for key, part in value.items()]
        if isinstance(value, Counter):
            return {"$counter": pairs}
        plain = all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs)
        return dict(pairs) if plain else {"$dict": pairs}
    raise DTypeError(f"save: {path or 'the object'} is a {type(value).__name__}, which a checkpoint cannot hold")


def _kept(value: Any, path: str, tensors: Tensors) -> dict[str, str]:
    name = path
    while name in tensors:  # keys 0 and "0" of one dict
        name += "'"
    is_array = isinstance(value, np.ndarray)
    tensors[name] = rushlight.from_numpy(value) if is_array else value.detach()
    return {"$array" if is_array else "$tensor": name}


def join(plain: Any, tensors: Tensors) -> Any:
    """The nest that `split` took apart.

    Raises:
        RuntimeError: it names a Tensor that is not there, or a kind that is not known.
    """
    if isinstance(plain, list):
        return [join(part, tensors) for part in plain]
    if not isinstance(plain, dict):
        return plain
    (kind, content) = next(iter(plain.items()), ("", None))
    if not kind.startswith("$"):
        return {key: join(part, tensors) for key, part in plain.items()}
    if kind not in _MAKERS:
        raise OperatorError(f"checkpoint: unknown kind {kind!r}; was it written by a newer version?")
    return _MAKERS[kind](content, tensors)


def _named(name: str, tensors: Tensors) -> Any:
    if name not in tensors:
        raise OperatorError(f"checkpoint: the array {name!r} is missing")
    return tensors[name]


def _pairs(content: Any, tensors: Tensors) -> dict[Any, Any]:
    return {key: join(part, tensors) for key, part in content}


_MAKERS: dict[str, Callable[[Any, Tensors], Any]] = {
    "$tensor": _named,
    "$array": lambda name, tensors: _named(name, tensors).numpy(),
    "$tuple": lambda content, tensors: tuple(join(part, tensors) for part in content),
    "$dict": _pairs,
    "$counter": lambda content, tensors: Counter(_pairs(content, tensors)),
}
