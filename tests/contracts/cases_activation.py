"""Activations, softmax and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Case, Refusal

F = "nn.functional."


def off_corners(t: Any, *shape: int) -> Any:
    """From -4 to 4, away from the corners that activations have at multiples of 0.5."""
    return t.float(t.rng.integers(-8, 8, shape) / 2 + 0.1 + t.rng.random(shape) * 0.3)


def cases() -> Any:
    plain = (
        "relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh hardswish hardsigmoid "
        "hardshrink softshrink tanhshrink logsigmoid sigmoid tanh"
    ).split()
    for name in plain:
        yield Case(F + name, lambda t: (off_corners(t, 3, 4),))
        yield Case(F + name, lambda t: (off_corners(t, 2, 3, 2, 2),), id="4-d")
    options = {
        "leaky_relu": {"negative_slope": 0.3},
        "elu": {"alpha": 0.7},
        "celu": {"alpha": 0.7},
        "gelu": {"approximate": "tanh"},
        "softplus": {"beta": 2, "threshold": 3},
        "hardtanh": {"min_val": -1.5, "max_val": 2},
        "hardshrink": {"lambd": 1},
        "softshrink": {"lambd": 1},
        "threshold": {"threshold": 0.5, "value": 9.0},
        "rrelu": {"lower": 0.2, "upper": 0.4},
    }
    for name, kwargs in options.items():
        yield Case(F + name, lambda t: (off_corners(t, 3, 4),), kwargs, id="options")
    for name in ("relu", "relu6", "hardtanh", "threshold", "softsign", "sigmoid"):
        args = (0, 1) if name == "threshold" else ()
        yield Case(F + name, lambda t, args=args: (t.const(np.arange(-3, 9)), *args), id="int")
    yield Case(F + "prelu", lambda t: (off_corners(t, 3, 4), t(1)))
    yield Case(F + "prelu", lambda t: (off_corners(t, 3, 4, 2), t(4)), id="channels")
    yield Case(F + "prelu", lambda t: (off_corners(t, 3), t(1)), id="1-d")
    yield Case(F + "glu", lambda t: (t(3, 4),))
    yield Case(F + "glu", lambda t: (t(4, 3, 2),), {"dim": 0}, id="dim")
    for name in ("softmax", "log_softmax", "softmin"):
        yield Case(F + name, lambda t: (t(3, 4),), {"dim": 1})
        yield Case(F + name, lambda t: (t(2, 3, 4),), {"dim": 0}, id="first")
        yield Case(F + name, lambda t: (t(2, 3, 2, 2),), {"dim": 1}, id="channels")
        yield Case(F + name, lambda t: (t(),), {"dim": 0}, id="0-d")
    yield Case("softmax", lambda t: (t(3, 0), 1), id="empty")
    yield Case("Tensor.log_softmax", lambda t: (t(3, 4), -1))
    yield Case("logsumexp", lambda t: (t(3, 4), 1))
    yield Case("logsumexp", lambda t: (t(2, 3, 4), (0, 2)), {"keepdim": True}, id="dims")
    yield Case(
        "logsumexp", lambda t: (t.const(np.array([[-np.inf, -np.inf], [np.inf, 1.0]], np.float32)), 1), id="infinite"
    )


def refusals() -> Any:
    yield Refusal(F + "relu", lambda t: (t.bools(3),), RuntimeError, "relu")
    yield Refusal(F + "elu", lambda t: (t.ints(3, 3),), NotImplementedError, "elu")
    yield Refusal(F + "gelu", lambda t: (t(3),), RuntimeError, "approximate", {"approximate": "sin"})
    yield Refusal(F + "glu", lambda t: (t(3, 3),), RuntimeError, r"glu.*\(3, 3\)")
    yield Refusal(F + "softmax", lambda t: (t(3, 3), 2), IndexError, "softmax")
    yield Refusal(F + "softmax", lambda t: (t.ints(3, 3), 0), NotImplementedError, "softmax")
    yield Refusal(F + "prelu", lambda t: (t(3, 4), t(3)), RuntimeError, "prelu.*3.*4")
    yield Refusal(F + "celu", lambda t: (t(3),), RuntimeError, "alpha", {"alpha": 0})
    yield Refusal(F + "softshrink", lambda t: (t(3),), RuntimeError, "softshrink", {"lambd": -1})
    yield Refusal(F + "rrelu", lambda t: (t(3),), RuntimeError, "lower bound", {"lower": 2.0, "upper": 1.0})
    yield Refusal(F + "relu", lambda t: ([1.0],), TypeError, "relu.*list")
