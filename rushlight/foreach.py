"""`torch._foreach_add` and its kin: a method of Tensor, called on each tensor of a list.

Optimizers that were written against PyTorch's inner lists use them. Our own take all in one kernel call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import OperatorError
from .tensor import Tensor

PREFIX = "_foreach_"
_ALSO = {"maximum": "clamp_min", "minimum": "clamp_max"}  # which take numbers, too
_LAST = {"addcdiv": (2, "value"), "addcmul": (2, "value")}  # from which place on an argument goes by name to the method


def foreach(full: str) -> Callable[..., Any]:
    """The operator of this full name, `_foreach_mul_` say.

    Raises:
        AttributeError: Tensors have no such method.
    """
    name = full.removeprefix(PREFIX)
    bare = name.removesuffix("_")
    one = _method(_ALSO.get(bare, bare) + name[len(bare) :])
    place, keyword = _LAST.get(bare, (None, ""))

    def call(self: list[Tensor], *args: Any, **kwargs: Any) -> list[Tensor] | tuple[Tensor, ...]:
        rows = zip(self, *(_entries(full, a, len(self)) for a in args), strict=True)
        calls = [(row[: place and place + 1], dict(zip([keyword], row[place + 1 :])) if place else {}) for row in rows]
        results = tuple(one(*row, **kwargs, **named) for row, named in calls)
        return self if name.endswith("_") else results

    call.__name__ = call.__qualname__ = full
    call.__doc__ = f"`x.{name}(...)` of each tensor x of a list; other arguments are lists as long, or shared by all."
    return call


def _method(name: str) -> Callable[..., Any]:
    if hasattr(Tensor, name) or not name.endswith("_"):
        return getattr(Tensor, name)
    pure = getattr(Tensor, name[:-1])
    return lambda x, *args, **kwargs: x.copy_(pure(x, *args, **kwargs))


def _entries(full: str, argument: Any, count: int) -> list[Any]:
    """An argument for each of the tensors."""
    if not isinstance(argument, (list, tuple)):
        return [argument] * count
    if len(argument) != count:
        raise OperatorError(
            f"{full}: Tensor lists must have the same number of tensors, got {count} and {len(argument)}"
        )
    return list(argument)
