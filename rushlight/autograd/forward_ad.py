"""Forward-mode derivatives (`torch.autograd.forward_ad`): tensors that carry a tangent through a computation.

    with dual_level():
        y = f(make_dual(x, v))
        y, jv = unpack_dual(y)           # jv = J v, J the Jacobian of f at x

A dual tensor is an entry on the tape that knows its tangent. Where a result is unpacked, two walks back to the nearest
such entries give the product: J v is the derivative of u -> J^T u. A `Function` with a `jvp` of its own is asked for
its results' tangents when it is called, and they become dual tensors in turn.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, GraphError, OperatorError, ShapeError, UnsupportedError
from . import function
from .functional import push_forward
from .grad_mode import enable_grad, mode
from .tape import Leaf, Operator, TensorBase, tick, wrap

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class Level:
    """One derivative in forward mode."""


class Dual(Operator):
    """Where a tensor got its tangent; what carries tangents of its level on does not look behind it."""

    level: Level
    tangent: Any

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None if ctx.level is _state.pushing else grad


class _State(threading.local):
    """The levels of this thread, the outermost first, and the one whose tangents are being carried on."""

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.user: Level | None = None  # what `enter_dual_level` began, and whether gradients were recorded before
        self.recorded = True
        self.pushing: Level | None = None


_state = _State()


# --------------------------------------------------------------------------------------------------------- the levels


def begin(level: Level) -> None:
    """From now on this thread's Functions with a `jvp` carry the level's tangents by it."""
    _state.levels.append(level)
    function.forward_rule = _by_jvp


def end(level: Level) -> None:
    """Ends a level."""
    _state.levels.remove(level)


@contextmanager
def running(level: Level) -> Iterator[None]:
    """A block in which a level runs."""
    begin(level)
    try:
        yield
    finally:
        end(level)


def dual(tensor: Any, tangent: Any, level: Level) -> Any:
    """The tensor, carrying a tangent."""
    entry = Dual()
    entry.level, entry.tangent = level, tangent
    entry._enter((tensor._edge,))
    return wrap(tensor._array, entry)


def _behind(tensors: Sequence[Any], level: Level) -> list[Dual]:
    """The nearest dual entries of a level behind tensors."""
    waiting = [t._edge for t in tensors]
    seen, found = set(), []
    while waiting:
        entry = waiting.pop()
        if entry is None or entry in seen:
            continue
        seen.add(entry)
        if isinstance(entry, Dual) and entry.level is level:
            found.append(entry)
        elif type(entry) is not Leaf:
            waiting += entry.edges
    return found


def outside(entry: Any, before: int) -> bool:
    """Whether an entry that was made before this time is differentiated by something: a leaf, or the dual entry of a
    level that runs."""
    if type(entry) is Leaf:
        return entry.seq < before
    return isinstance(entry, Dual) and entry.seq < before and entry.level in _state.levels


def _settled(tensor: Any, before: int, level: Level) -> Any:
    """A tensor as the caller gets it: a part of the graph only if something outside of the level is behind it."""
    return tensor if _reaches_out(tensor, before, level) else wrap(tensor._array)


def _reaches_out(tensor: Any, before: int, level: Level) -> bool:
    waiting, seen = [tensor._edge], set()
    while waiting:
        entry = waiting.pop()
        if entry is None or entry in seen:
            continue
        if outside(entry, before) and getattr(entry, "level", None) is not level:
            return True
        seen.add(entry)
        waiting += () if type(entry) is Leaf else entry.edges
    return False


def tangents(outputs: Sequence[Any], level: Level) -> list[Any]:
    """The tangents of tensors, None where none reaches."""
    found: list[Any] = [None] * len(outputs)
    moving = [i for i, out in enumerate(outputs) if out._array.dtype.kind not in "iub" and _behind([out], level)]
    if not moving:
        return found
    start = tick()
    chosen = tuple(outputs[i] for i in moving)
    duals = _behind(chosen, level)
    given = tuple(entry.tangent for entry in duals)
    places = tuple(wrap(entry.tangent._array, entry) for entry in duals)
    create = mode.enabled and any(_reaches_out(t, start, level) for t in (*chosen, *given))
    before, _state.pushing = _state.pushing, level
    try:
        with enable_grad():
            products = push_forward(chosen, places, given, create, False)
    finally:
        _state.pushing = before
    for i, product in zip(moving, products):
        found[i] = _settled(product, start, level)
    return found


def _by_jvp(cls: Any, ctx: Any, args: tuple[Any, ...], output: Any) -> Any:
    """The results of a Function with a `jvp` of its own, with the tangents that it gives them."""
    for level in _state.levels:
        tensors = [a for a in args if isinstance(a, TensorBase)]
        arrived = dict(zip(map(id, tensors), tangents(tensors, level)))
        given = [arrived.get(id(a)) for a in args]
        if any(t is not None for t in given):
            if ctx.materialize_grads:
                given = [_zeros(a) if t is None and _is_floating(a) else t for t, a in zip(given, args)]
            output = _with_tangents(output, cls.jvp(ctx, *given), level)
    return output


def _is_floating(x: Any) -> bool:
    return isinstance(x, TensorBase) and x._array.dtype.kind not in "iub"


def _zeros(like: Any) -> Any:
    return wrap(np.zeros_like(like._array))


def _with_tangents(output: Any, found: Any, level: Level) -> Any:
    outputs = output if isinstance(output, tuple) else (output,)
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(outputs):
        raise OperatorError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got "
            f"{len(found)})"
        )
    results = tuple(
        dual(out, _zeros(out) if t is None else _checked(out, t), level) if _is_floating(out) else out
        for out, t in zip(outputs, found)
    )
    return results if isinstance(output, tuple) else results[0]


# ---------------------------------------------------------------------------------------------------------- for users


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: a tensor and its tangent, None where there is none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Begins a level, in which tensors may carry tangents. There is one at a time.

    Raises:
        RuntimeError: a level is entered already.
    """
    if _state.user is not None:
        raise GraphError("Nested forward mode AD is not supported at the moment")
    _state.user = Level()
    _state.recorded, mode.enabled = mode.enabled, True
    begin(_state.user)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Ends the level: its tangents are gone.

    Raises:
        RuntimeError: none was entered, or another one.
    """
    if _state.user is None:
        raise GraphError("Dual level must be a positive number.")
    if level not in (None, 0):
        raise GraphError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    end(_state.user)
    _state.user, mode.enabled = None, _state.recorded


class dual_level:
    """A block in which tensors may carry tangents; see `make_dual`.

    Example:
        >>> x = rushlight.tensor([1., 2.])
        >>> with dual_level():
        ...     y = make_dual(x, rushlight.ones(2)) ** 2
        ...     unpack_dual(y).tangent
        tensor([2., 4.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *failure: object) -> None:
        exit_dual_level()

    def __call__(self, wrapped: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(wrapped)
        def call(*args: Any, **kwargs: Any) -> Any:
            with dual_level():
                return wrapped(*args, **kwargs)

        return call


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """The tensor with a tangent, which what is computed from it will carry on.

    Args:
        tangent: of the tensor's shape.
        level: None or 0, the one there is.

    Raises:
        RuntimeError: no level is entered, shapes differ, or there is a tangent already.
        ValueError: integers.
    """
    current = _current(level)
    if current is None:
        raise GraphError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ArgumentError(f"Expected {name} to be floating point or complex, but got: {value.dtype}")
    if tangents([tensor], current)[0] is not None:
        raise GraphError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported."
        )
    return dual(tensor, _checked(tensor, tangent), current)


def _checked(tensor: Any, tangent: Any) -> Any:
    """A tangent of the tensor's shape, in its dtype."""
    if tangent.shape != tensor.shape:
        raise ShapeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    if tangent._array.dtype.kind == "c" and tensor._array.dtype.kind != "c":
        raise UnsupportedError("make_dual: a complex tangent of a real tensor is not supported; split it")
    return tangent if tangent._array.dtype == tensor._array.dtype else tangent.to(tensor.dtype)


def _current(level: int | None) -> Level | None:
    if level not in (None, 0):
        raise GraphError(f"forward_ad: there is no level {level}")
    return _state.user


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor without its tangent, and the tangent: None if none reached it, or outside of a level.

    Raises:
        NotImplementedError: inside `no_grad`, where nothing is recorded and so no tangent is carried on.
    """
    current = _current(level)
    if current is None:
        return UnpackedDualTensor(tensor, None)
    if not mode.enabled:
        raise UnsupportedError(
            "unpack_dual: tangents follow the tape, on which nothing is recorded inside no_grad; leave no_grad out, or "
            "put it around dual_level()"
        )
    (tangent,) = tangents([tensor], current)
    return UnpackedDualTensor(_settled(tensor, tick(), current), tangent)
