"""NumPy's functions over Tensors: the vocabulary in which kernels are defined.

A definition says `xp.exp(x)`. With NumPy or CuPy arrays that is their own function; with Tensors NumPy asks the two
functions here, which look the operator up by NumPy's name. So a definition can be recorded on the tape, which is how
fused operators get derivatives of any order. What is not in the table runs on the bare arrays, without gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.tape import TensorBase, wrap
from ..errors import GraphError

MAKERS = (np.arange, np.asarray, np.empty, np.eye, np.full, np.ones, np.tri, np.zeros)  # take `like=`

_table: dict[str, Callable[..., Any]] = {}  # NumPy's name -> operator taking NumPy's arguments


def numpy_name(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers an operator as what these NumPy functions do to Tensors."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _table.update(dict.fromkeys(names, function))
        return function

    return register


def is_numpys(function: Any) -> bool:
    """Whether this is a ufunc of NumPy's, with or without a native twin in front."""
    return isinstance(getattr(function, "definition", function), np.ufunc)


def _bare(x: Any) -> Any:
    """Arrays in place of Tensors, also inside lists, tuples and dicts."""
    if isinstance(x, TensorBase):
        if x._edge is not None:
            raise GraphError(
                "a NumPy function that Rushlight cannot differentiate was called on a Tensor that requires grad"
            )
        return x._array
    if isinstance(x, (list, tuple)):
        return type(x)(map(_bare, x))
    return {k: _bare(v) for k, v in x.items()} if isinstance(x, dict) else x


def _wrapped(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_wrapped, x))
    return wrap(x) if hasattr(x, "strides") and not isinstance(x, TensorBase) else x


def call_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`ufunc(*inputs)` where one of them is a Tensor (NumPy's `__array_ufunc__`)."""
    if method == "at" and ufunc is np.add:
        target, index, values = inputs
        return target.index_put_(index if isinstance(index, tuple) else (index,), values, accumulate=True)
    operator = _table.get(ufunc.__name__)
    if method == "__call__" and operator is not None and kwargs.get("out") is None:
        operands = [wrap(x) if isinstance(x, (np.ndarray, np.generic)) else x for x in inputs]
        return operator(*operands, **{k: v for k, v in kwargs.items() if k != "out"})
    return _wrapped(getattr(ufunc, method)(*_bare(inputs), **_bare(kwargs)))


def call_function(self: Any, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`function(*args)` where one of them is a Tensor (NumPy's `__array_function__`)."""
    operator = _table.get(function.__name__)
    if operator is not None:
        first = wrap(args[0]) if args and isinstance(args[0], (np.ndarray, np.generic)) else args[0]
        return operator(first, *args[1:], **kwargs)
    if function in MAKERS:  # `xp.arange(n, like=x)`: NumPy has taken the `like` away
        kwargs["like"] = self._array
    return _wrapped(function(*_bare(args), **_bare(kwargs)))
