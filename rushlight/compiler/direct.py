"""Operators that are one kernel forward and one kernel back: where backward was recorded too, a replay calls the
kernels themselves, without an entry of the tape and without the operator's Python around them.

The operators' own code stays what they mean: each rule here says what that code does for the arrays at hand, and
tests/compiler/test_training.py holds replays to its bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd.tape import OUT
from ..ops.cross_entropy import CrossEntropy, cross_entropy_backward, cross_entropy_forward
from ..ops.linear import Linear, linear_backward, linear_forward

GRAD = "grad"
Source = Any  # of a kernel's argument: ("arg", n), ("out", n), GRAD, or ("constant", value)


class Direct(NamedTuple):
    """The kernels, and where their arguments come from. `outs` counts the results of the first one."""

    forward: Any
    takes: tuple[Source, ...]
    outs: int
    backward: Any
    takes_back: tuple[Source, ...]


def _arguments(first: int, last: int) -> tuple[Source, ...]:
    return tuple(("arg", i) for i in range(first, last))


def _linear(args: tuple[Any, ...], needs: tuple[bool, ...]) -> Direct | None:
    if args[0].ndim != 2:
        return None
    takes = (*_arguments(0, 3), ("constant", None))
    return Direct(linear_forward, takes, 1, linear_backward, (GRAD, ("arg", 0), ("arg", 1), ("constant", needs)))


def _cross_entropy(args: tuple[Any, ...], needs: tuple[bool, ...]) -> Direct | None:
    logits, target, reduction = args[0], args[1], args[5]
    if logits.ndim != 2 or target.ndim != 1 or logits.dtype.itemsize == 2 or reduction == "none":
        return None
    back = (GRAD, *_arguments(0, 3), ("out", 1), *_arguments(3, 6))
    return Direct(cross_entropy_forward, _arguments(0, 6), 2, cross_entropy_backward, back)


RULES: dict[Any, Callable[..., Direct | None]] = {Linear: _linear, CrossEntropy: _cross_entropy}


def direct(cls: Any, args: tuple[Any, ...], needs: tuple[bool, ...]) -> Direct | None:
    """How an operator applied to these arrays and constants is called directly, or None."""
    if cls in RULES:
        return RULES[cls](args, needs)
    kernels = vars(cls).get("kernels")  # made by ops.unary.operator: element by element
    if kernels is None or args[0].dtype.itemsize == 2:
        return None
    saved = ("out", 0) if cls.saves == (OUT,) else ("arg", 0)
    rest = _arguments(1, len(args))
    return Direct(kernels[0], (("arg", 0), *rest), 1, kernels[1], (GRAD, saved, *rest))
