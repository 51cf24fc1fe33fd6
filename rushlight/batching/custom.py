"""User-defined Functions under `vmap`: mapped by their own `vmap`, or as they are with `generate_vmap_rule`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd.function import Function
from ..autograd.tape import TensorBase
from ..errors import OperatorError
from .array import levels_of
from .levels import Level, only, running_levels
from .mapping import Map, Unmap, is_batched


class VmapInfo(NamedTuple):
    """What a Function's `vmap` is told: the size of the batch and the `randomness` asked for."""

    batch_size: int
    randomness: str


def mapped_function(cls: Any, args: tuple[Any, ...]) -> Callable[[], Any] | None:
    """How `cls.apply(*args)` runs while a level does: by the Function's own `vmap`, or None as outside of levels."""
    levels = levels_of([x._array for x in args if isinstance(x, TensorBase)])
    if not levels:
        return None
    own = cls.vmap is not Function.vmap
    _check(cls, own)
    return functools.partial(_by_own_rule, cls, args, levels[-1]) if own else None


def _check(cls: Any, own: bool) -> None:
    name = cls.__name__
    if cls.setup_context is Function.setup_context:
        raise OperatorError(
            f"{name}: In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), "
            "it must override the setup_context staticmethod."
        )
    if own and cls.generate_vmap_rule:
        raise OperatorError(
            f"You tried to vmap over {name}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            "ambiguity."
        )
    if not own and not cls.generate_vmap_rule:
        raise OperatorError(
            f"You tried to vmap over {name}, but it does not have vmap support. Please override and implement the vmap "
            "staticmethod or set generate_vmap_rule=True."
        )


def _by_own_rule(cls: Any, args: tuple[Any, ...], level: Level) -> Any:
    """The Function's `vmap`, which is given whole tensors with the batch in front."""
    batched = [isinstance(x, TensorBase) and is_batched(x, level) for x in args]
    given = [Unmap.apply(x, level, 0) if b else x for x, b in zip(args, batched, strict=True)]
    with only([each for each in running_levels() if each is not level]):
        result = cls.vmap(VmapInfo(level.size, level.randomness), tuple(0 if b else None for b in batched), *given)
    if not (isinstance(result, tuple) and len(result) == 2):
        raise OperatorError(
            f"Expected the vmap staticmethod of {cls.__name__} to have two returns, an output and out_dims with "
            "pytree structure compatible with the output."
        )
    out, dims = result
    if not isinstance(out, tuple):
        return _inside(out, dims, level)
    dims = dims if isinstance(dims, tuple) else (dims,) * len(out)
    return tuple([_inside(x, dim, level) for x, dim in zip(out, dims, strict=True)])


def _inside(x: Any, dim: int | None, level: Level) -> Any:
    return x if dim is None or not isinstance(x, TensorBase) else Map.apply(x, level, dim % x._array.ndim)
