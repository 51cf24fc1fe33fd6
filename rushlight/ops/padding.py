"""Padding: a border around a tensor, of a constant, of its own reflection, of its edge, or of its other end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator
from ..errors import OperatorError, ShapeError, UnsupportedError
from ..kernels import xp
from .resample import Resample, Table

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Border = tuple[tuple[int, int], ...]  # (before, after) of every dimension; negative ones cut away


class Pad(Operator):
    @staticmethod
    def forward(ctx: Any, x: Array, border: Border, value: Any) -> Array:
        ctx.border = border
        shape = tuple(n + b + a for n, (b, a) in zip(x.shape, border))
        wide = xp.full_like(x, value, shape=shape) if value else xp.zeros_like(x, shape=shape)
        target = tuple(slice(max(b, 0), m - max(a, 0)) for m, (b, a) in zip(shape, border))
        wide[target] = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape, border))]
        return wide

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Pad.derive(grad, tuple((-b, -a) for b, a in ctx.border), 0)


# ------------------------------------------------------------------------------------------- which element goes where


def _reflected(size: int, before: int, after: int) -> Array:
    period = 2 * (size - 1)
    place = np.abs(np.arange(-before, size + after)) % max(period, 1)
    return np.where(place >= size, period - place, place)


def _replicated(size: int, before: int, after: int) -> Array:
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def _wrapped(size: int, before: int, after: int) -> Array:
    """torch: what a negative padding cuts away on one side is not seen from the other."""
    first, last = max(-before, 0), size - max(-after, 0)
    return first + (np.arange(-before, size + after) - first) % (last - first)


_PLACES = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}


@lru_cache(maxsize=256)
def _table(mode: str, size: int, before: int, after: int) -> Table:
    return Table(_PLACES[mode](size, before, after)[:, None], None, size)


def _check_border(mode: str, shape: Sequence[int], border: Border) -> None:
    """What each mode can be asked for: not more than there is to reflect, or to go round."""
    for size, (before, after) in zip(shape, border):
        if not (before or after):
            continue
        if size == 0:
            raise ShapeError(f"pad: Expected input to have non-zero size for padded dimensions, but got: {list(shape)}")
        if mode == "reflect" and max(before, after) >= size:
            raise ShapeError(
                f"pad: Padding size should be less than the corresponding input dimension, but got: padding ({before}, "
                f"{after}) at a dimension of size {size} of input {list(shape)}"
            )
        if mode == "circular" and max(before, after) > size:
            raise ShapeError(
                f"pad: Padding value causes wrapping around more than once: padding ({before}, {after}) at a dimension "
                f"of size {size} of input {list(shape)}"
            )
        if size + before + after <= 0:
            raise ShapeError(
                f"pad: padding ({before}, {after}) leaves nothing of a dimension of size {size} of input {list(shape)}"
            )


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Puts a border around the last dimensions of `input`.

    Args:
        input: any shape; for the modes other than 'constant' (N, C, *S) or (C, *S).
        pad: how much before and after the last dimension, then before and after the one before it, and so on.
            Negative numbers cut away.
        mode: 'constant' (of `value`), 'reflect' (without repeating the edge), 'replicate' (the edge), 'circular' (the
            other end).
        value: of the constant border, 0 by default.

    Raises:
        RuntimeError: an odd number of paddings, more than there are dimensions, or more than a mode can give.

    Example:
        >>> rushlight.nn.functional.pad(rushlight.tensor([[1., 2., 3.]]), (1, 2), mode="reflect")
        tensor([[2., 1., 2., 3., 2., 1.]])
    """
    sizes = [int(p) for p in pad]
    ndim, shape = input.ndim, input._array.shape
    if len(sizes) % 2:
        raise OperatorError(f"pad: Padding length must be divisible by 2, but got {sizes}")
    if len(sizes) > 2 * ndim:
        raise OperatorError(
            "pad: Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(sizes)} and input of dimension {ndim}"
        )
    pairs = list(zip(sizes[::2], sizes[1::2]))
    border = ((0, 0),) * (ndim - len(pairs)) + tuple(reversed(pairs))
    if mode == "constant":
        if any(n + b + a < 0 for n, (b, a) in zip(shape, border)):
            raise ShapeError(
                f"pad: The input size {list(shape)}, plus negative padding {sizes}, resulted in a negative output size"
            )
        return Pad.apply(input, border, 0 if value is None else value)
    if mode not in _PLACES:
        raise UnsupportedError(f"pad: Unrecognised padding mode {mode!r}; use constant, reflect, replicate or circular")
    if value is not None and value != 0:
        raise OperatorError(f"pad: Padding mode {mode!r} doesn't take in value argument")
    if len(pairs) not in (1, 2, 3) or ndim not in (len(pairs) + 1, len(pairs) + 2):
        raise UnsupportedError(
            f"pad: Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now; got padding {sizes} of "
            f"input {list(shape)}"
        )
    _check_border(mode, shape, border)
    tables = tuple((axis, _table(mode, shape[axis], *b)) for axis, b in enumerate(border) if b != (0, 0))
    return Resample.apply(input, tables)
