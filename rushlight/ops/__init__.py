"""Operators: Tensors in, Tensors out. One file per family; this page gathers their public functions."""

from . import creation, elementwise, indexing, promotion, reduction, shape  # noqa: F401
from .elementwise import add, mul, sub  # noqa: F401
from .indexing import getitem, setitem  # noqa: F401
from .reduction import sum  # noqa: F401
from .shape import expand, permute, reshape, transpose  # noqa: F401
