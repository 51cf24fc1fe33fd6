"""Arithmetic, comparisons and functions of one argument, element by element, at four sizes: one where the call is all,
one that a small network has, one that fits the caches, one that does not. Also in place, in other dtypes, and on
tensors that are not contiguous."""

import math
from typing import Any

from case import Case, both_ways, forward

SIZES = {"16": 1 << 4, "1k": 1 << 10, "64k": 1 << 16, "4M": 1 << 22}

UNARY = [
    "abs",
    "neg",
    "sign",
    "reciprocal",
    "square",
    "sqrt",
    "rsqrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "erf",
    "sigmoid",
    "floor",
    "ceil",
    "round",
    "trunc",
    "isnan",
    "isfinite",
    "logical_not",
]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "fmod", "atan2", "eq", "lt", "logical_and"]
ACTIVATIONS = [
    "relu",
    "gelu",
    "silu",
    "elu",
    "leaky_relu",
    "softplus",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "mish",
    "selu",
    "logsigmoid",
    "relu6",
    "tanhshrink",
    "softsign",
    "hardshrink",
    "softshrink",
]
IN_PLACE = {
    "add_": lambda t, x, y: x.add_(y),
    "add_ scaled": lambda t, x, y: x.add_(y, alpha=0.1),
    "mul_": lambda t, x, y: x.mul_(y),
    "mul_ 0.99": lambda t, x, y: x.mul_(0.99),
    "div_": lambda t, x, y: x.div_(y),
    "sub_": lambda t, x, y: x.sub_(y),
    "neg_": lambda t, x, y: x.neg_(),
    "relu_": lambda t, x, y: x.relu_(),
    "clamp_": lambda t, x, y: x.clamp_(-1, 1),
    "sigmoid_": lambda t, x, y: x.sigmoid_(),
    "lerp_": lambda t, x, y: x.lerp_(y, 0.1),
    "addcmul_": lambda t, x, y: x.addcmul_(y, y, value=0.1),
    "addcdiv_": lambda t, x, y: x.addcdiv_(y, y, value=0.1),
    "copy_": lambda t, x, y: x.copy_(y),
    "zero_": lambda t, x, y: x.zero_(),
    "fill_": lambda t, x, y: x.fill_(2.0),
    "masked_fill_": lambda t, x, y: x.masked_fill_(y > 0, 0.0),
}
OTHER_DTYPES = {
    "x + y": lambda t, x, y: x + y,
    "x * y": lambda t, x, y: x * y,
    "x - 1": lambda t, x, y: x - 1,
    "x / y": lambda t, x, y: x / y,
    "x // 3": lambda t, x, y: x // 3,
    "x % 3": lambda t, x, y: x % 3,
    "-x": lambda t, x, y: -x,
    "abs": lambda t, x, y: x.abs(),
    "clamp": lambda t, x, y: x.clamp(2, 5),
    "x == y": lambda t, x, y: x == y,
    "x < 3": lambda t, x, y: x < 3,
    "maximum": lambda t, x, y: t.maximum(x, y),
    "where": lambda t, x, y: t.where(x > y, x, y),
    "sum": lambda t, x, y: x.sum(),
    "max": lambda t, x, y: x.max(),
    "mean in float32": lambda t, x, y: x.float().mean(),
}
BOOLS = {
    "x & y": lambda t, x, y: x & y,
    "x | y": lambda t, x, y: x | y,
    "x ^ y": lambda t, x, y: x ^ y,
    "~x": lambda t, x, y: ~x,
    "sum of bools": lambda t, x, y: x.sum(),
    "any": lambda t, x, y: x.any(),
    "bools to float32": lambda t, x, y: x.float(),
    "bools to int64": lambda t, x, y: x.long(),
}
STRIDED = {
    "x.t() + y.t()": lambda t, x, y: x.t() + y.t(),
    "x.t() * y": lambda t, x, y: x.t() * y,
    "relu of x.t()": lambda t, x, y: t.relu(x.t()),
    "exp of x[:, ::2]": lambda t, x, y: x[:, ::2].exp(),
    "x[:, 1:] - x[:, :-1]": lambda t, x, y: x[:, 1:] - x[:, :-1],
    "x[:, :half] * 2": lambda t, x, y: x[:, : x.shape[1] // 2] * 2,
    "sum of x.t() over rows": lambda t, x, y: x.t().sum(1),
    "x[:, 0] == y[:, 0]": lambda t, x, y: x[:, 0] == y[:, 0],
    "x[:, :half] += 1": lambda t, x, y: x[:, : x.shape[1] // 2].add_(1),
}


def positive(torch: Any, x: Any) -> Any:
    return x.abs() + 0.1


def unary(name: str, label: str, n: int) -> Case:
    """On numbers in (0.1, 0.9), where all of these are defined."""

    def make(torch: Any) -> Any:
        x, function = torch.rand(n) * 0.8 + 0.1, getattr(torch, name)

        def call() -> Any:
            with torch.no_grad():
                return function(x)

        return call

    return Case(f"{name} {label}", make, bytes=8 * n)


def named(name: str) -> Any:
    return lambda torch, *operands: getattr(torch, name)(*operands)


def activation(name: str) -> Any:
    return lambda torch, x: getattr(torch.nn.functional, name)(x)


def of_dtype(kind: str, functions: dict[str, Any], label: str, n: int) -> list[Case]:
    """On whole numbers of 1 to 8 (bools: whether they are above 4) in this dtype."""

    def case(name: str, function: Any) -> Case:
        def make(torch: Any) -> Any:
            x, y = (torch.randint(1, 9, (n,)) for _ in range(2))
            x, y = (x > 4, y > 4) if kind == "bool" else (x.to(getattr(torch, kind)), y.to(getattr(torch, kind)))
            return lambda: function(torch, x, y)

        return Case(f"{kind}: {name} {label}", make)

    return [case(name, function) for name, function in functions.items()]


def of_size(label: str, n: int) -> list[Case]:
    rows = (n // 256, 256) if n > 256 else (n // 4, 4)
    side = (math.isqrt(n),) * 2
    return [
        *[unary(name, label, n) for name in UNARY],
        *[forward(f"{name} {label}", named(name), (n,), (n,), bytes=12 * n) for name in BINARY],
        *[forward(f"{name} {label}", activation(name), (n,), bytes=8 * n) for name in ACTIVATIONS],
        *[both_ways(f"{name} {label}", activation(name), (n,), bytes=24 * n) for name in ACTIVATIONS],
        *[both_ways(f"{name} {label}", named(name), (n,), bytes=24 * n) for name in ("exp", "tanh", "sigmoid", "sqrt")],
        *[both_ways(f"{name} {label}", named(name), (n,), (n,), bytes=36 * n) for name in ("add", "mul", "div")],
        forward(f"x + row {label}", lambda t, x, y: x + y, rows, rows[1:], bytes=8 * n),
        forward(f"x * column {label}", lambda t, x, y: x * y, rows, (rows[0], 1), bytes=8 * n),
        forward(f"x * 2 {label}", lambda t, x: x * 2, (n,), bytes=8 * n),
        forward(f"x ** 2 {label}", lambda t, x: x**2, (n,), bytes=8 * n),
        forward(f"x.abs() ** 1.5 {label}", lambda t, x: x.abs() ** 1.5, (n,), bytes=8 * n),
        *[forward(f"{name} {label}", f, (n,), (n,), bytes=12 * n) for name, f in IN_PLACE.items()],
        *[case for kind in ("float64", "int64") for case in of_dtype(kind, OTHER_DTYPES, label, n)],
        *of_dtype("bool", BOOLS, label, n),
        *[forward(f"{name} {label}", f, side, side) for name, f in STRIDED.items()],
        both_ways(f"x + row {label}", lambda t, x, y: x + y, rows, rows[1:], bytes=24 * n),
        forward(f"clamp {label}", lambda t, x: x.clamp(-1, 1), (n,), bytes=8 * n),
        forward(f"where {label}", lambda t, x, y: t.where(x > 0, x, y), (n,), (n,), bytes=18 * n),
        forward(f"masked_fill {label}", lambda t, x: x.masked_fill(x > 0, 0.0), (n,), bytes=14 * n),
        forward(f"x > 0 {label}", lambda t, x: x > 0, (n,), bytes=5 * n),
        forward(f"x == x.round() {label}", lambda t, x: x == x.round(), (n,), bytes=9 * n),
        forward(f"1 - x {label}", lambda t, x: 1 - x, (n,), bytes=8 * n),
        forward(f"1 / x {label}", lambda t, x: 1 / x, (n,), bytes=8 * n),
        forward(f"x / 3 {label}", lambda t, x: x / 3, (n,), bytes=8 * n),
        forward(f"x.pow(2).sum() {label}", lambda t, x: x.pow(2).sum(), (n,), bytes=8 * n),
        forward(f"clamp_min {label}", lambda t, x: x.clamp_min(0), (n,), bytes=8 * n),
        forward(f"addcdiv {label}", lambda t, x, y, z: t.addcdiv(x, y, z), (n,), (n,), (n,), bytes=16 * n),
        both_ways(f"clamp {label}", lambda t, x: x.clamp(-1, 1), (n,), bytes=24 * n),
        both_ways(f"where {label}", lambda t, x, y: t.where(x > 0, x, y), (n,), (n,), bytes=36 * n),
        both_ways(f"lerp {label}", lambda t, x, y: t.lerp(x, y, 0.3), (n,), (n,), bytes=24 * n),
        both_ways(f"addcmul {label}", lambda t, x, y, z: t.addcmul(x, y, z), (n,), (n,), (n,), bytes=48 * n),
        forward(f"lerp {label}", lambda t, x, y: t.lerp(x, y, 0.3), (n,), (n,), bytes=12 * n),
        forward(f"addcmul {label}", lambda t, x, y, z: t.addcmul(x, y, z), (n,), (n,), (n,), bytes=16 * n),
    ]


CASES = [case for label, n in SIZES.items() for case in of_size(label, n)]
