"""The model of docs/scaling.md, as benchmarks/scaling.py computes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.fixture(scope="module")
def scaling() -> Any:
    spec = importlib.util.spec_from_file_location("scaling", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sums(scaling: Any) -> None:
    assert scaling.sum_seconds(1, 1e6, 1e-3, 1e9) == 0
    assert scaling.sum_seconds(4, 1e9, 0.5, 1e9) == pytest.approx(2 * 2 * 0.5 + 1.5)


def test_steps_hide_all_but_the_last_bucket(scaling: Any) -> None:
    assert scaling.step_seconds(1, 0.6, 50e6, 1e-5, 1e9) == 0.6
    assert scaling.step_seconds(2, 0.6, 50e6, 0.0, 1e9) == pytest.approx(0.6 + 0.025)
    assert scaling.step_seconds(2, 0.01, 50e6, 0.0, 1e9) == pytest.approx(0.01 + 0.025 + 0.025 - 0.006)


def test_fit_finds_the_numbers_that_made_the_times(scaling: Any) -> None:
    times = [scaling.sum_seconds(4, size, 20e-6, 3e9) for size in scaling.SIZES]
    assert scaling.fit(scaling.SIZES, times, 4) == pytest.approx((20e-6, 3e9))
