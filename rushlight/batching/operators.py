"""Operators over batched tensors, and the batch on the tape.

Inside a `vmap` a Tensor may hold a `BatchedArray`. Its operators run as always, their forwards and backwards over such
arrays; an operator that cannot is run once per example and the results are gathered, which the tape records like
anything else, so gradients of any order pass through.

A tensor from outside has one gradient, the sum over the examples. So where an operator inside uses one, a `Border` is
put between the two entries, which sums what comes back.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..autograd import function
from ..autograd.graph import become, observe, recorded, stop_observing
from ..autograd.intercept import intercepting
from ..autograd.tape import Leaf, Operator, Pick, View, link, owner
from ..errors import GraphError
from .array import BatchedArray, Unbatchable, levels_of
from .custom import mapped_function
from .levels import Level, only, running_levels
from .mapping import Examples, Gather, Total, is_batched

Array = Any

# What a forward or backward written for one example's array may stumble over: then it is run example by example.
STUMBLES = (Unbatchable, TypeError, AttributeError)


class Border(Operator):
    """Stands between an entry that a level uses and one from outside of it: gradients are summed over the examples."""

    def __init__(self, edge: Operator | Leaf, level: Level) -> None:
        self.edges = (edge,)
        self.seq = level.start  # newer than all outside, older than all inside
        self.level = level

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        if not is_batched(grad, ctx.level):
            return grad
        if ctx.level.running:
            raise GraphError(
                "vmap: inside the mapped function, differentiating with respect to a tensor from outside is not "
                "possible. Make it an argument of the function, with in_dims None."
            )
        return Total.derive(grad, ctx.level)


# ------------------------------------------------------------------------------------------- example by example


def _levels_in(values: Any) -> tuple[Level, ...]:
    """The levels of all Tensors and arrays in nested tuples, lists and dicts."""
    found: list[Any] = []
    queue = [values]
    for value in queue:
        if isinstance(value, (tuple, list)):
            queue.extend(value)
        elif isinstance(value, dict):
            queue.extend(value.values())
        else:
            found.append(getattr(value, "_array", value))
    return levels_of(found)


def _split(value: Any, level: Level) -> list[Any]:
    """A value for each example."""
    if isinstance(value, (tuple, list)):
        columns = [_split(each, level) for each in value]
        return [type(value)([column[i] for column in columns]) for i in range(level.size)]
    if isinstance(value, dict):
        columns = [_split(each, level) for each in value.values()]
        return [dict(zip(value, [column[i] for column in columns], strict=True)) for i in range(level.size)]
    if not is_batched(value, level):
        return [value] * level.size
    return list(Examples.derive(value, level))


def _joined(results: Sequence[Any], level: Level) -> Any:
    """The results of the examples as one; tuples by their parts."""
    if isinstance(results[0], tuple):
        return tuple([_joined(column, level) for column in zip(*results, strict=True)])
    if all(r is None for r in results):
        return None
    like = next(r for r in results if r is not None)
    return Gather.derive(*[np.zeros_like(like) if r is None else r for r in results], level)


def _each_forward(cls: Any, args: tuple[Any, ...], level: Level) -> Any:
    return _joined([cls.apply(*each) for each in _split(args, level)], level)


def _backward(ctx: Any, grads: tuple[Any, ...]) -> Any:
    """`ctx.backward(ctx, *grads)`; if that stumbles over a batched array, for each example."""
    try:
        return ctx.backward(ctx, *grads)
    except STUMBLES:
        levels = _levels_in((vars(ctx), ctx.saved, grads))
        if not levels:
            raise
    contexts = [_twin(ctx, *parts) for parts in _split((vars(ctx), ctx.saved), levels[0])]
    return _joined([_backward(*each) for each in zip(contexts, _split(grads, levels[0]), strict=True)], levels[0])


def _twin(ctx: Any, attributes: dict[str, Any], saved: tuple[Any, ...]) -> Any:
    """The entry for one example."""
    cls: Any = type(ctx)
    twin = cls.__new__(cls)
    vars(twin).update(attributes)
    twin.edges, twin.outputs, twin.saved = ctx.edges, ctx.outputs, saved
    return twin


# -------------------------------------------------------------------------------------------------------- on the tape


def _differentiate(plain: Callable[..., Any], node: Any, grad: Any, create_graph: bool) -> Any:
    """`Operator.differentiate`, and if it stumbles over a batched array, its backward for each example."""
    try:
        return plain(node, grad, create_graph)
    except STUMBLES:
        grads = tuple(grad) if type(grad) is list else (grad,)
        if not _levels_in((vars(node), node.saved, grads)):
            raise
    result = _backward(node._replay() if create_graph and node.saved else node, grads)
    return result if type(result) is tuple else (result,)


def _mapped(cls: Any) -> type[Any]:
    """What an entry of class `cls` becomes inside a level: it knows batched arrays also once the level is over."""

    class Mapped(cls):  # type: ignore[misc]
        def differentiate(self, grad: Any, create_graph: bool) -> Any:
            return _differentiate(cls.differentiate, self, grad, create_graph)

        def _check_unwritten(self, arrays: Any) -> None:
            super()._check_unwritten([a.array if type(a) is BatchedArray else a for a in arrays])

    return Mapped


def _note(entry: Any) -> None:
    """Puts borders between an entry that was recorded in this thread's levels and those from outside."""
    if type(entry) is Pick or isinstance(entry, Border) or not running_levels():
        return
    for level in running_levels():
        entry.edges = tuple([_border(edge, level) for edge in entry.edges])
        if hasattr(entry, "sources"):  # the places behind what a Function saved
            entry.sources = [_border(s, level) if isinstance(s, (Operator, Leaf)) else s for s in entry.sources]
    become(entry, _mapped)


def _border(edge: Any, level: Level) -> Any:
    if edge is None or edge.seq >= level.start:
        return edge
    if edge not in level.borders:
        level.borders[edge] = Border(edge, level)
    return level.borders[edge]


def _handle(cls: Any, args: tuple[Any, ...], proceed: Callable[..., Any]) -> Any:
    """One operator's call inside a level."""
    levels = _levels_in(args)
    if not levels:
        return proceed(*args)
    try:
        out = proceed(*args)
    except STUMBLES:
        return _each_forward(cls, args, levels[0])
    if issubclass(cls, View) and out._base is None and owner(out._array) is owner(args[0]._array):
        link(out, args[0], cls, args[1:])
    return out


_plain_enter, _plain_differentiate = Operator._enter, Operator.differentiate


def _enter_noted(self: Operator, edges: Any) -> None:
    _plain_enter(self, edges)
    recorded(self)


def _differentiate_any(self: Operator, grad: Any, create_graph: bool) -> Any:
    return _differentiate(_plain_differentiate, self, grad, create_graph)


_lock = threading.Lock()
_count = 0  # levels running in all threads


def _swap(change: int) -> None:
    """While a level runs, entries that no `apply` makes are noted too, and all may meet batched gradients."""
    global _count
    with _lock:
        _count += change
        Operator._enter = _enter_noted if _count else _plain_enter  # type: ignore[method-assign]
        Operator.differentiate = _differentiate_any if _count else _plain_differentiate  # type: ignore[method-assign]
        function.mapping = mapped_function if _count else None


@contextlib.contextmanager
def batching(size: int, randomness: str) -> Iterator[Level]:
    """A block that runs a level of this size in this thread."""
    level = Level(size, randomness)
    observe(_note)
    _swap(1)
    try:
        with only((*running_levels(), level)), intercepting(_handle):
            yield level
    finally:
        _swap(-1)
        stop_observing(_note)
        level.running = False
