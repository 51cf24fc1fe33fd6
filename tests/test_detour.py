"""Detours around functions, wherever they are bound."""

from __future__ import annotations

from typing import Any

from rushlight.detour import detour, straighten


def add(a: int, b: int = 2, *, c: int = 3) -> int:
    """Adds."""
    return a + b + c


def adder(n: int) -> Any:
    def function(a: int) -> int:
        return a + n

    return function


def doubled(go_on: Any, *args: Any, **kwargs: Any) -> Any:
    return 2 * go_on(*args, **kwargs)


def negated(go_on: Any, *args: Any, **kwargs: Any) -> Any:
    return -go_on(*args, **kwargs)


def test_a_detour_and_back() -> None:
    other_name, code = add, add.__code__
    detour(add, doubled)
    assert other_name(1) == 12 and other_name(1, c=0, b=0) == 2 and add.__doc__ == "Adds."
    straighten(add, doubled)
    assert other_name(1) == 6 and add.__code__ is code


def test_two_detours_leave_in_any_order() -> None:
    detour(add, doubled)
    detour(add, negated)
    assert add(1) == -12
    straighten(add, doubled)
    assert add(1) == -6
    straighten(add, negated)
    assert add(1) == 6


def test_closures() -> None:
    five, six = adder(5), adder(6)
    detour(five, doubled)
    assert five(1) == 12 and six(1) == 7
    straighten(five, doubled)
    assert five(1) == 6
