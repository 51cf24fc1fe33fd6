"""Arithmetic, functions of one argument, comparison and logic."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Case, Refusal


def signed(t: Any, *shape: int) -> Any:
    """Neither near 0 nor near an integer or a half."""
    return t.float(t.rng.integers(-4, 4, shape) + t.rng.random(shape) * 0.3 + 0.1)


def binary() -> Any:
    pair = lambda t: (t(3, 4), t(3, 4))
    for name in ("add", "sub", "mul", "subtract", "multiply", "Tensor.add", "rsub"):
        yield Case(name, pair)
        yield Case(name, lambda t: (t(3, 1, 4), t(2, 4)), id="broadcast")
        yield Case(name, lambda t: (t(3, 4), 2.5), id="number")
        yield Case(name, lambda t: (t(3, 4), t()), id="0-d")
    for name in ("add", "sub", "rsub"):
        yield Case(name, pair, {"alpha": 2.5}, id="alpha")
    for name in ("div", "true_divide", "divide"):
        yield Case(name, lambda t: (t(3, 4), signed(t, 3, 4)))
        yield Case(name, lambda t: (t(3, 1), signed(t, 2, 1, 4)), id="broadcast")
        yield Case(name, lambda t: (t(3, 4), 3), id="number")
    for mode in ("trunc", "floor"):
        yield Case("div", lambda t: (t(3, 4), signed(t, 3, 4)), {"rounding_mode": mode}, id=mode)
        yield Case("div", lambda t: (t.ints(20, 3, 4), -3), {"rounding_mode": mode}, id=mode + "-int")
    for name in ("floor_divide", "remainder", "fmod"):
        yield Case(name, lambda t: (signed(t, 3, 4), signed(t, 4)), grad=name != "floor_divide")
        yield Case(name, lambda t: (signed(t, 3, 4), 0.7), id="number", grad=name != "floor_divide")
        yield Case(name, lambda t: (t.const(np.arange(-6, 6)), -4), id="int")
    for exponent in (2, 3, 0.5, -1, -0.5, 1.7, 0):
        yield Case("pow", lambda t, e=exponent: (t.positive(3, 4), e), id=str(exponent))
    yield Case("pow", lambda t: (t(3, 4), 2), id="square")
    yield Case("pow", lambda t: (t.positive(3, 1), t(2, 1, 4)), id="tensors")
    yield Case("pow", lambda t: (2.5, t(3, 4)), id="number base")
    yield Case("pow", lambda t: (t.ints(5, 3), t.ints(3, 3)), id="int")
    yield Case("float_power", lambda t: (t.positive(3, 4), t(4)))
    for name in ("maximum", "minimum", "fmax", "fmin"):
        yield Case(name, lambda t: (t.distinct(3, 4), t(3, 4)))
        yield Case(name, lambda t: (t(3, 1), t(2, 1, 4)), id="broadcast")
    yield Case("clamp", lambda t: (t(3, 4), -0.5, 0.7))
    yield Case("clamp", lambda t: (t(3, 4),), {"max": 0.2}, id="max")
    yield Case("clamp", lambda t: (t(3, 4), t(4), t(3, 1)), id="tensors")
    yield Case("clip", lambda t: (t(3, 4),), {"min": 0.1}, id="min")
    yield Case("clamp_min", lambda t: (t(3, 4), 0.1))
    yield Case("clamp_max", lambda t: (t(3, 4), t(4)))
    yield Case("where", lambda t: (t.bools(3, 4), t(3, 4), t(4)))
    yield Case("where", lambda t: (t.bools(3, 1), t(4), 0.5), id="number")
    yield Case("where", lambda t: (t.bools(3, 4),), id="indices")
    yield Case("lerp", lambda t: (t(3, 4), t(3, 4), 0.3))
    yield Case("lerp", lambda t: (t(3, 4), t(4), t(3, 1)), id="tensor")
    yield Case("addcmul", lambda t: (t(3, 4), t(4), t(3, 1)), {"value": 0.4})
    yield Case("addcdiv", lambda t: (t(3, 4), t(4), signed(t, 3, 1)), {"value": 0.4})
    yield Case("atan2", lambda t: (t(3, 4), signed(t, 4)))
    yield Case("hypot", lambda t: (t(3, 4), signed(t, 3, 1)))
    yield Case("copysign", lambda t: (signed(t, 3, 4), signed(t, 4)))
    yield Case("logaddexp", lambda t: (t(3, 4), t(4)))
    yield Case("logaddexp2", lambda t: (t(3, 4), t(4)))
    yield Case("xlogy", lambda t: (t(3, 4), t.positive(4)))
    yield Case("ldexp", lambda t: (t(3, 4), t.ints(4, 4)))
    yield Case("frexp", lambda t: (t(3, 4, grad=False),))
    yield Case("nextafter", lambda t: (t(3, 4, grad=False), t(3, 4, grad=False)))
    yield Case("heaviside", lambda t: (t(3, 4, grad=False), t(4, grad=False)))
    for name in ("gcd", "lcm"):
        yield Case(name, lambda t: (t.ints(20, 3, 4), t.ints(20, 4)))


UNARY = (
    "exp exp2 expm1 square sin cos tan sinh cosh tanh atan asinh sigmoid erf erfc deg2rad rad2deg neg abs positive "
    "sign floor ceil trunc round frac nan_to_num angle"
).split()
POSITIVE = "log log2 log10 log1p sqrt rsqrt reciprocal".split()
INSIDE = "asin acos atanh logit".split()


def unary() -> Any:
    for name in UNARY:
        yield Case(name, lambda t: (signed(t, 3, 4),))
    for name in POSITIVE:
        yield Case(name, lambda t: (t.positive(3, 4),))
    for name in INSIDE:
        yield Case(name, lambda t: (t.unit(3, 4),))
    yield Case("acosh", lambda t: (t.float(t.rng.random((3, 4)) + 1.2),))
    yield Case("sgn", lambda t: (signed(t, 3, 4),), grad=False)
    yield Case("round", lambda t: (signed(t, 3, 4),), {"decimals": 2}, id="decimals")
    yield Case("round", lambda t: (t.float(t.rng.random(5) * 1000),), {"decimals": -1}, id="tens")
    for name in ("exp", "sqrt", "sin", "sigmoid", "atan", "sign", "floor", "abs", "neg", "square", "rsqrt", "log"):
        yield Case(name, lambda t: (t.const(np.arange(1, 5)),), id="int")


def complex_() -> Any:
    names = (
        "exp log sqrt sin cos tan sinh cosh tanh atan asinh square rsqrt reciprocal abs angle sgn real imag "
        "conj_physical neg sigmoid log2 expm1"
    ).split()
    for name in names:
        yield Case(name, lambda t: (t.complex(3, 4),), id="complex", rtol=1e-3)
    for name in ("add", "sub", "mul", "div", "pow"):
        yield Case(name, lambda t: (t.complex(3, 4), t.complex(4)), id="complex", rtol=1e-3)
    yield Case("mul", lambda t: (t(3, 4), t.complex(4)), id="mixed")
    yield Case("complex", lambda t: (t(3, 4), t(3, 4)))
    yield Case("polar", lambda t: (t.positive(3, 4), t(3, 4)))


def questions() -> Any:
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield Case(name, lambda t: (t.ints(3, 3, 4), t.ints(3, 4)))
        yield Case(name, lambda t: (t(3, 4, grad=False), 0.3), id="number")
        yield Case(name, lambda t: (t.ints(3, 3, 4), 1.5), id="int and float")
    for name in ("logical_and", "logical_or", "logical_xor"):
        yield Case(name, lambda t: (t.ints(2, 3, 4), t.bools(4)))
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"):
        yield Case(name, lambda t: (t.ints(9, 3, 4), t.ints(4, 4)))
        yield Case(name, lambda t: (t.ints(9, 3, 4), 3), id="number")
    for name in ("logical_not", "bitwise_not", "isnan", "isinf", "isfinite", "isreal", "signbit"):
        yield Case(name, lambda t: (t.ints(3, 3, 4),))
    for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "logical_not", "nan_to_num"):
        yield Case(name, lambda t: (t.float([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5], grad=False),), id="special")
    yield Case("isclose", lambda t: (t.ints(3, 3, 4), t.ints(3, 3, 4)))


def cases() -> Any:
    yield from binary()
    yield from unary()
    yield from complex_()
    yield from questions()


def refusals() -> Any:
    yield Refusal("add", lambda t: (t(2, 3), t(2, 4)), RuntimeError, r"add: .*\(2, 3\).*\(2, 4\)")
    yield Refusal("mul", lambda t: (t(2, 3), "x"), TypeError, "mul.*str")
    yield Refusal("sub", lambda t: (t.bools(3), t.bools(3)), RuntimeError, "two bool tensors")
    yield Refusal("neg", lambda t: (t.bools(3),), RuntimeError, "bool")
    yield Refusal("div", lambda t: (t(3), 2), RuntimeError, "rounding_mode", {"rounding_mode": "up"})
    yield Refusal("floor_divide", lambda t: (t.ints(5, 3), 0), RuntimeError, "ZeroDivisionError")
    yield Refusal("remainder", lambda t: (t.ints(5, 3), 0), RuntimeError, "ZeroDivisionError")
    yield Refusal("pow", lambda t: (t.ints(5, 3), -1), RuntimeError, "negative integer powers")
    yield Refusal("clamp", lambda t: (t(3),), RuntimeError, "At least one")
    yield Refusal("maximum", lambda t: (t(3), 2), TypeError, "other")
    yield Refusal("where", lambda t: (t(3), t(3), t(3)), RuntimeError, "boolean")
    yield Refusal("lt", lambda t: (t.complex(3), t.complex(3)), NotImplementedError, "lt")
    yield Refusal("bitwise_and", lambda t: (t(3), t(3)), NotImplementedError, "bitwise_and")
    yield Refusal("exp", lambda t: (2.0,), TypeError, "Tensor")
    yield Refusal("erf", lambda t: (t.complex(3),), NotImplementedError, "erf")
    yield Refusal("lerp", lambda t: (t(3), t.ints(4, 3), 0.5), RuntimeError, "dtype")
    yield Refusal("add", lambda t: (t.ints(4, 3), t.ints(4, 3)), RuntimeError, "alpha", {"alpha": 0.5})
