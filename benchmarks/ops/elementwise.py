"""Arithmetic, comparisons and functions of one argument, element by element, at three sizes: one that a small network
has, one that fits the caches, one that does not."""

from typing import Any

from case import Case, both_ways, forward

SIZES = {"1k": 1 << 10, "64k": 1 << 16, "4M": 1 << 22}

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
    "mish",
    "selu",
    "logsigmoid",
    "relu6",
    "tanhshrink",
]


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


def of_size(label: str, n: int) -> list[Case]:
    rows = (n // 256, 256)
    return [
        *[unary(name, label, n) for name in UNARY],
        *[forward(f"{name} {label}", named(name), (n,), (n,), bytes=12 * n) for name in BINARY],
        *[forward(f"{name} {label}", activation(name), (n,), bytes=8 * n) for name in ACTIVATIONS],
        *[both_ways(f"{name} {label}", activation(name), (n,), bytes=24 * n) for name in ACTIVATIONS],
        *[both_ways(f"{name} {label}", named(name), (n,), bytes=24 * n) for name in ("exp", "tanh", "sigmoid", "sqrt")],
        *[both_ways(f"{name} {label}", named(name), (n,), (n,), bytes=36 * n) for name in ("add", "mul", "div")],
        forward(f"x + row {label}", lambda t, x, y: x + y, rows, (256,), bytes=8 * n),
        forward(f"x * column {label}", lambda t, x, y: x * y, rows, (rows[0], 1), bytes=8 * n),
        forward(f"x * 2 {label}", lambda t, x: x * 2, (n,), bytes=8 * n),
        forward(f"x ** 2 {label}", lambda t, x: x**2, (n,), bytes=8 * n),
        forward(f"x.abs() ** 1.5 {label}", lambda t, x: x.abs() ** 1.5, (n,), bytes=8 * n),
        forward(f"x += y {label}", lambda t, x, y: x.add_(y), (n,), (n,), bytes=12 * n),
        both_ways(f"x + row {label}", lambda t, x, y: x + y, rows, (256,), bytes=24 * n),
        forward(f"clamp {label}", lambda t, x: x.clamp(-1, 1), (n,), bytes=8 * n),
        forward(f"where {label}", lambda t, x, y: t.where(x > 0, x, y), (n,), (n,), bytes=18 * n),
        forward(f"masked_fill {label}", lambda t, x: x.masked_fill(x > 0, 0.0), (n,), bytes=14 * n),
        forward(f"lerp {label}", lambda t, x, y: t.lerp(x, y, 0.3), (n,), (n,), bytes=12 * n),
        forward(f"addcmul {label}", lambda t, x, y, z: t.addcmul(x, y, z), (n,), (n,), (n,), bytes=16 * n),
    ]


CASES = [case for label, n in SIZES.items() for case in of_size(label, n)]
