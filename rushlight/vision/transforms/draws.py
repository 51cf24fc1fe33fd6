"""Random choices as torchvision makes them: one number at a time, from the default generator."""

from __future__ import annotations

from ... import ops


def uniform(low: float, high: float) -> float:
    """A number between the two."""
    return float(ops.empty(1).uniform_(low, high).item())


def integer(low: int, high: int) -> int:
    """One of low ... high - 1."""
    return int(ops.randint(low, high, (1,)).item())


def happens(p: float) -> bool:
    """True with probability p."""
    return bool(ops.rand(1) < p)


def coin() -> bool:
    """True half of the time."""
    return integer(0, 2) == 1
