"""What docs/native.md says of the accuracy of functions in float32 holds on every build: the largest error against
float64, in units of the last place of the exact result."""

import re
from pathlib import Path

import numpy as np
import pytest

special = pytest.importorskip("scipy.special")
NATIVE = {  # twin, arguments, exact
    "tanh": ("tanh_forward", (), np.tanh),
    "sigmoid": ("sigmoid_forward", (), special.expit),
    "silu": ("silu_forward", (), lambda x: x * special.expit(x)),
    "erf": ("erf_forward", (), special.erf),
    "gelu": ("gelu_forward", ("none",), lambda x: x * special.ndtr(x)),
}
ROW = re.compile(r"^\| `(\w+)` \| (-?[\d.]+) to (-?[\d.]+) \| (\d+) \|")


def stated():
    """The rows of the table: function, from, to, units in the last place."""
    text = (Path(__file__).parents[2] / "docs" / "native.md").read_text(encoding="utf-8")
    found = [ROW.match(line) for line in text.splitlines()]
    return [(m[1], float(m[2]), float(m[3]), int(m[4])) for m in found if m]


def error_in_ulp(found, exact):
    last_place = np.spacing(np.maximum(np.abs(exact).astype(np.float32), np.finfo(np.float32).tiny))
    return np.abs(found.astype(np.float64) - exact) / last_place


def numbers(low, high):
    """Evenly, and close to 0 where that is within."""
    small = np.random.default_rng(0).uniform(-1, 1, 50_000)
    found = np.concatenate([np.linspace(low, high, 400_003), small, small**7]).astype(np.float32)
    return found[(found >= low) & (found <= high)]


def test_the_table_is_there():
    assert {row[0] for row in stated()} >= {*NATIVE, "exp", "log", "sin", "cos"}


@pytest.mark.parametrize(("name", "low", "high", "ulp"), stated())
def test_largest_error(native, name, low, high, ulp):
    x = numbers(low, high)
    twin, arguments, exact = NATIVE.get(name, (None, (), getattr(np, name, None)))
    with np.errstate(all="ignore"):
        found = (getattr(native, twin) if twin else native.in_threads(exact))(x, *arguments)
        assert error_in_ulp(found, exact(x.astype(np.float64))).max() <= ulp
