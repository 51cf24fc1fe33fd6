"""The vocabulary of kernels: NumPy's functions by their names, with a native twin in front of those that have one.

Functions of arrays element by element run NumPy's own loops, in threads. Everything else is NumPy's, looked up once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .fused import fused
from .native import native

ELEMENTWISE = [
    "absolute",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "ldexp",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "rad2deg",
    "reciprocal",
    "rint",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
]


def _with_twin(name: str) -> Any:
    function = getattr(np, name)
    return function if native is None else native.Kernel(native.in_threads(function), function)


globals().update({name: _with_twin(name) for name in ELEMENTWISE})


@fused
def where(*args: Any) -> Any:
    """Numbers chosen by a mask; otherwise NumPy's."""
    return np.where(*args)


def __getattr__(name: str) -> Any:
    value = globals()[name] = getattr(np, name)
    return value
