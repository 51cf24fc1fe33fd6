"""Values picked from a plane by their places in it, and put back: what every pooling of largest values ends in.

Both are linear once the places are known, so each is the backward of the other.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ...autograd.tape import Operator
from ...kernels import kernel, xp
from ..window import Sizes

Array = Any


def flat(x: Array, spatial: int) -> Array:
    """(N, C, *S) -> (N * C, prod(S))."""
    return x.reshape((x.shape[0] * x.shape[1], spatial))


def in_planes(indices: Array) -> tuple[Array, Array]:
    """(N, C, *S') places in a plane -> index of the same places in all flattened planes (N * C, prod(S))."""
    places = flat(indices, prod(indices.shape[2:]))
    return xp.arange(places.shape[0], like=places)[:, None], places


@kernel
def max_pool_backward(grad: Array, indices: Array, input_shape: Sizes) -> Array:
    """grad (N, C, *S'), indices of `max_pool_forward` -> dx (N, C, *S): adds each gradient where it came from."""
    planes, size = input_shape[0] * input_shape[1], prod(input_shape[2:])
    dx = xp.zeros_like(grad, shape=(planes, size))
    xp.add.at(dx, in_planes(indices), flat(grad, prod(grad.shape[2:])))
    return dx.reshape(input_shape)


def gather_planes(x: Array, indices: Array) -> Array:
    """x (N, C, *S) at indices (N, C, *S') into its flattened planes -> (N, C, *S')."""
    return flat(x, prod(x.shape[2:]))[in_planes(indices)].reshape(indices.shape)


class Gather(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, x: Array, indices: Array) -> Array:
        ctx.shape = x.shape
        ctx.save(indices)
        return gather_planes(x, indices)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return ScatterAdd.derive(grad, bare(ctx.saved[0]), ctx.shape)


class ScatterAdd(Operator):
    saves = ()

    @staticmethod
    def forward(ctx: Any, grad: Array, indices: Array, shape: Sizes) -> Array:
        ctx.save(indices)
        return max_pool_backward(grad, indices, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Gather.derive(grad, bare(ctx.saved[0]))


def bare(x: Array) -> Array:
    """Saved indices, which a recorded backward sees as a Tensor, as an array."""
    return getattr(x, "_array", x)
