"""`torch.utils.benchmark`: how long a statement takes, as PyTorch's `Timer` measures it."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..threads import get_num_threads, set_num_threads

Callback = Callable[[int, float], Any] | None

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass
class Measurement:
    """Times of a statement: `raw_times` are seconds for `number_per_run` runs each."""

    number_per_run: int
    raw_times: list[float]
    title: str = ""
    num_threads: int = 1

    @property
    def times(self) -> list[float]:
        """Seconds a run."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def mean(self) -> float:
        return float(np.mean(self.times))

    @property
    def median(self) -> float:
        return float(np.median(self.times))

    @property
    def iqr(self) -> float:
        """The distance between the first and the third quarter."""
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(high - low)

    def __repr__(self) -> str:
        scale, unit = next((u for u in _UNITS if self.median >= u[0]), _UNITS[-1])
        several = len(self.times) > 1
        lines = [f"  {'Median: ' if several else ''}{self.median / scale:.2f} {unit}"]
        lines += [f"  IQR:    {self.iqr / scale:.2f} {unit}"] if several else []
        lines += [
            f"  {len(self.times)} measurement{'s' * several}, {self.number_per_run} runs, {self.num_threads} thread"
        ]
        return "\n".join([self.title, *lines])


class Timer:
    """Measures a statement.

    Args:
        stmt, setup: Python, as text; `setup` runs once before.
        timer: a clock.
        globals: names that the statements use.
        label, sub_label, description, env: told with the result.
        num_threads: with which to compute.

    Example:
        >>> timer = rushlight.utils.benchmark.Timer("x + 1", globals={"x": rushlight.ones(3)})
        >>> timer.timeit(10).number_per_run
        10
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if language not in ("python", "py") or global_setup:
            raise ValueError("Timer: only statements in Python are measured")
        self._timer = timeit.Timer(stmt, setup, timer, globals)
        self._title = ": ".join(part for part in (label or stmt, sub_label, description, env) if part)
        self._num_threads = num_threads

    def _measure(self, number: int, repeat: int = 1) -> Measurement:
        before = get_num_threads()
        set_num_threads(self._num_threads)
        try:
            times = self._timer.repeat(repeat, number)
        finally:
            set_num_threads(before)
        return Measurement(number, times, self._title, self._num_threads)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Runs the statement `number` times, after as many as a hundredth of that to warm up."""
        self._measure(max(number // 100, 2))
        return self._measure(number)

    def _block(self, min_run_time: float) -> tuple[int, float]:
        """How many runs make a block of about a hundredth of `min_run_time` seconds, and the seconds they took."""
        number = 1
        while (once := sum(self._measure(number).raw_times)) < min_run_time / 100 and number < 10**7:
            number *= 10
        return number, max(once, 1e-9)

    def blocked_autorange(self, callback: Callback = None, min_run_time: float = 0.2) -> Measurement:
        """Runs blocks until `min_run_time` seconds are over.

        Args:
            callback: called with the number of runs in a block and the seconds of each block.
        """
        number, once = self._block(min_run_time)
        return self._told(self._measure(number, max(1, int(min_run_time / once))), callback)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callback = None,
    ) -> Measurement:
        """Runs blocks until the distance between their quarters is below `threshold` of the median.

        Args:
            min_run_time, max_run_time: at least and at most so many seconds.
            callback: as for `blocked_autorange`.
        """
        number, once = self._block(min_run_time)
        found = self._measure(number, max(3, int(min_run_time / once)))
        while found.iqr > threshold * found.median and sum(found.raw_times) < max_run_time:
            found.raw_times += self._measure(number, 3).raw_times
        return self._told(found, callback)

    @staticmethod
    def _told(found: Measurement, callback: Callback) -> Measurement:
        for seconds in found.raw_times if callback is not None else ():
            callback(found.number_per_run, seconds)  # type: ignore[misc]
        return found
