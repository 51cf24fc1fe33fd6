"""Samplers under `vmap`, numbers drawn once for all examples, or for each; and for GPUs, numbers drawn here and moved
to the device of the generator.

`@sampler` stands on every sampler. Outside of `vmap` and on the CPU it changes nothing.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from ..batching import BatchedArray, Level, levels_of, only, running_levels
from ..device import CPU
from ..errors import OperatorError
from ..kernels.arrays import host
from ..kernels.places import moved

Array = Any
F = TypeVar("F", bound=Callable[..., Any])


class _Drawing(threading.local):
    """Whether a sampler runs, in this thread: what it draws by other samplers stays on the CPU."""

    inside = False

    @contextmanager
    def here(self) -> Iterator[None]:
        self.inside = True
        try:
            yield
        finally:
            self.inside = False


_drawing = _Drawing()


def sampler(draw: F) -> F:
    """A sampler `draw(generator, shape, ...)`, or one of parameters that is called example by example, that minds the
    `randomness` of `vmap`."""
    return _minding(draw, "loop")


def elementwise_sampler(draw: F) -> F:
    """A sampler `draw(generator, *arrays of parameters)` that draws one number per element."""
    return _minding(draw, "elementwise")


def _minding(draw: F, mapped: str) -> F:
    """`mapped` names how the sampler is called with batched parameters, in batching/functions.py."""

    @functools.wraps(draw)
    def sampled(generator: Any, what: Any, *args: Any, **kwargs: Any) -> Array:
        if not running_levels():
            if generator is None or generator.device is CPU or _drawing.inside:
                return draw(generator, what, *args, **kwargs)
            with _drawing.here():
                return moved(draw(generator, host(what), *map(host, args), **kwargs), generator.device)
        levels = _drawn_apart()
        with only(()):
            if isinstance(what, (tuple, list)):
                array = draw(generator, (*[level.size for level in levels], *what), *args, **kwargs)
                return BatchedArray(array, levels) if levels else array
            return _from_parameters(functools.partial(draw, generator), mapped, levels, (what, *args), kwargs)

    return sampled  # type: ignore[return-value]


def _from_parameters(
    draw: Callable[..., Any], mapped: str, levels: tuple[Level, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Array:
    from ..batching import functions

    if set(levels_of(args)) - set(levels):
        raise OperatorError(
            "vmap: randomness 'same' cannot draw from parameters that differ between the examples; use 'different'"
        )
    if not levels:
        return draw(*args, **kwargs)
    marker = BatchedArray(np.empty([level.size for level in levels]), levels)  # asks for a draw per example of each

    def draw_for(marker: Array, what: Any, *rest: Any, **named: Any) -> Array:
        sizes = np.shape(what)
        return draw(np.broadcast_to(what, np.broadcast_shapes(sizes, marker.shape)) if sizes else what, *rest, **named)

    return getattr(functions, mapped)(draw_for, (marker, *args), kwargs)


def _drawn_apart() -> tuple[Level, ...]:
    """The levels that want numbers of their own for each example."""
    levels = running_levels()
    if any(level.randomness == "error" for level in levels):
        raise OperatorError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
            "randomness flags on vmap or perform the randomness operation out of vmap"
        )
    return tuple([level for level in levels if level.randomness == "different"])


def with_room(array: Array) -> Array:
    """An uninitialised array like this one, with room for what samplers will draw for each example."""
    levels = _drawn_apart() if running_levels() else ()
    if not levels or type(array) is BatchedArray:
        return array
    return BatchedArray(np.empty((*[level.size for level in levels], *array.shape), array.dtype), levels)
