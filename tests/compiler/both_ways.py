"""Runs the same training twice, as it is and compiled, and holds every number of the one to the other's bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight
from rushlight.compiler.api import capture_of


def bits(value: Any) -> Any:
    """Tensors, in containers too, as bytes."""
    if isinstance(value, rushlight.Tensor):
        array = np.ascontiguousarray(value.detach().numpy())
        return array.shape, str(array.dtype), array.tobytes()
    if isinstance(value, (list, tuple)):
        return [bits(each) for each in value]
    if isinstance(value, dict):
        return {key: bits(each) for key, each in value.items()}
    return value


def same_bits(scenario: Callable[[Callable[..., Any]], Any]) -> Any:
    """`scenario(compile)` with a `compile` that changes nothing and with Rushlight's; returns the compiled thing's
    capture, after checking that both gave the same bits and left the generator in the same state."""
    captures = []

    def compiling(model: Any) -> Any:
        made = rushlight.compile(model)
        captures.append(capture_of(made))
        return made

    outcomes = []
    for compile_ in (lambda model: model, compiling):
        rushlight.manual_seed(0)
        result = bits(scenario(compile_))
        outcomes.append((result, bits(rushlight.get_rng_state())))
    assert outcomes[0] == outcomes[1]
    return captures[0]
