"""The operators that lead into a batch and out of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import Operator
from .array import BatchedArray, example, gathered, levels_of, physical, whole
from .levels import Level

Array = Any


def _in_order(level: Level, levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """A level among others, the outermost first."""
    return tuple(sorted((level, *levels), key=lambda each: each.start))


class Map(Operator):
    """A dimension becomes the batch of a level."""

    @staticmethod
    def forward(ctx: Any, x: Array, level: Level, dim: int) -> Array:
        ctx.level, ctx.dim = level, dim
        levels = levels_of((x,))
        order = _in_order(level, levels)
        return BatchedArray(np.moveaxis(physical(x, levels), len(levels) + dim, order.index(level)), order)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Unmap.derive(grad, ctx.level, ctx.dim)


class Unmap(Operator):
    """The batch of a level becomes a dimension."""

    @staticmethod
    def forward(ctx: Any, x: Array, level: Level, dim: int) -> Array:
        ctx.level, ctx.dim = level, dim
        levels = levels_of((x,))
        order = levels if level in levels else _in_order(level, levels)
        rest = tuple([each for each in levels if each is not level])
        array = np.moveaxis(whole(x, order), order.index(level), len(rest) + dim)
        return BatchedArray(array, rest) if rest else array

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Map.derive(grad, ctx.level, ctx.dim)


class Total(Operator):
    """The sum over the examples of a level."""

    @staticmethod
    def forward(ctx: Any, x: Array, level: Level) -> Array:
        ctx.level = level
        rest = tuple([each for each in x.levels if each is not level])
        array = x.array.sum(axis=x.levels.index(level), dtype=x.dtype)
        return BatchedArray(array, rest) if rest else array

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Spread.derive(grad, ctx.level)


class Spread(Operator):
    """The same for each example of a level."""

    @staticmethod
    def forward(ctx: Any, x: Array, level: Level) -> Array:
        ctx.level = level
        order = _in_order(level, levels_of((x,)))
        return BatchedArray(whole(x, order), order)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return Total.derive(grad, ctx.level)


class Examples(Operator):
    """The examples of a level, one by one."""

    @staticmethod
    def forward(ctx: Any, x: Array, level: Level) -> tuple[Array, ...]:
        ctx.level = level
        return tuple([example(x, (level,), (i,)) for i in range(level.size)])

    @staticmethod
    def backward(ctx: Any, *grads: Array) -> Array:
        like = next(g for g in grads if g is not None)
        return Gather.derive(*[np.zeros_like(like) if g is None else g for g in grads], ctx.level)


class Gather(Operator):
    """A batch out of its examples."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Array:
        *examples, ctx.level = args
        levels = levels_of(examples)
        if not levels:
            return gathered([np.asarray(x) for x in examples], (ctx.level,))
        array = np.stack([whole(x, levels) for x in examples])
        order = _in_order(ctx.level, levels)
        return BatchedArray(np.moveaxis(array, 0, order.index(ctx.level)), order)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return Examples.derive(grad, ctx.level)


def is_batched(x: Any, level: Level) -> bool:
    """Whether a Tensor or an array differs between the examples of a level."""
    array = getattr(x, "_array", x)
    return type(array) is BatchedArray and level in array.levels
