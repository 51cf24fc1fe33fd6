"""Types of command-line arguments; each refuses what lies outside its range with a sentence that says so."""

from __future__ import annotations

import argparse
import math


def whole_number(text: str) -> int:
    """An int of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, not {text!r}")
    return int(text)


def seed_number(text: str) -> int:
    """An int that fits in 64 bits, as generators take it."""
    if not text.isdecimal() or int(text) >= 2**64:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2**64 - 1, not {text!r}")
    return int(text)


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}")
    return number


def positive_number(text: str) -> float:
    """A finite float above 0."""
    number = _finite(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return number


def threshold(text: str) -> float:
    """A finite float of at least 0."""
    number = _finite(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, not {text!r}")
    return number


def percentage(text: str) -> float:
    """A float from 0 to 100."""
    number = _finite(text)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100, not {text!r}")
    return number
