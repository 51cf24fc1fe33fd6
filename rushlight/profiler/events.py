"""What a profiler saw: events with a beginning and an end, nested as they happened, and averages of those of one
name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ArgumentError
from ..serialization.atomic import write_atomically

COLUMNS = ("Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")


def as_time(microseconds: float) -> str:
    """A time with its unit, as PyTorch prints it.

    Example:
        >>> as_time(12.3), as_time(4567.8), as_time(3.2e6)
        ('12.300us', '4.568ms', '3.200s')
    """
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


@dataclass
class Event:
    """One call of an operator or module, or a named block. Times in microseconds.

    Attributes:
        name: of the operator, "nn.Module: ..." or what `record_function` was given.
        kind: "operator", "module" or "block".
        start, end: since the profiler began.
        thread: which thread it ran in.
        input_shapes: of the operator's arguments, if they are recorded.
        flops: of an operator's forward, if they are counted.
        children: what happened within it.
    """

    name: str
    kind: str
    start: float
    thread: int
    end: float = 0.0
    input_shapes: list[list[int]] = field(default_factory=list)
    flops: int = 0
    children: list[Event] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.name

    @property
    def cpu_time_total(self) -> float:
        return self.end - self.start

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """Without what happened within it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.children)

    @property
    def cpu_children(self) -> list[Event]:
        return self.children


@dataclass
class Average:
    """All events of one name (and, if wanted, of the same shapes). Times in microseconds."""

    key: str
    input_shapes: list[list[int]]
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    flops: int = 0

    @property
    def cpu_time(self) -> float:
        """The mean."""
        return self.cpu_time_total / max(self.count, 1)

    @property
    def cpu_time_total_str(self) -> str:
        return as_time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        return as_time(self.self_cpu_time_total)

    @property
    def cpu_time_str(self) -> str:
        return as_time(self.cpu_time)


class Averages(list[Average]):
    """Averages of events, as a table."""

    @property
    def self_cpu_time_total(self) -> float:
        """The time in which anything happened."""
        return sum(average.self_cpu_time_total for average in self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_name_column_width: int = 55,
        top_level_events_only: bool = False,
        header: str | None = None,
    ) -> str:
        """The averages in columns.

        Args:
            sort_by: "cpu_time_total", "self_cpu_time_total", "cpu_time", "count" or "flops"; None for the order in
                which they came.
            row_limit: so many rows; -1 for all.
            max_name_column_width: longer names are cut.
            top_level_events_only: accepted; averages know no levels.
            header: a line above.

        Raises:
            ValueError: another column to sort by.
        """
        if sort_by is not None and sort_by not in (
            "cpu_time_total",
            "self_cpu_time_total",
            "cpu_time",
            "count",
            "flops",
        ):
            raise ArgumentError(
                f"table: cannot sort by {sort_by!r}; use cpu_time_total, self_cpu_time_total, count ..."
            )
        rows = sorted(self, key=lambda a: -getattr(a, sort_by)) if sort_by else list(self)
        cells = [self._cells(a, max_name_column_width) for a in (rows if row_limit < 0 else rows[:row_limit])]
        shaped = any(a.input_shapes for a in rows)
        counted = any(a.flops for a in rows)
        titles = [*COLUMNS, *(["FLOPs"] if counted else []), *(["Input Shapes"] if shaped else [])]
        kept = [[*row[:7], *([row[7]] if counted else []), *([row[8]] if shaped else [])] for row in cells]
        total = f"Self CPU time total: {as_time(self.self_cpu_time_total)}"
        return "\n".join([*([header] if header else []), *_aligned([titles, *kept]), total])

    def _cells(self, a: Average, width: int) -> list[str]:
        whole = max(self.self_cpu_time_total, 1e-9)
        name = a.key if len(a.key) <= width else a.key[: width - 3] + "..."
        shares = [f"{100 * t / whole:.2f}%" for t in (a.self_cpu_time_total, a.cpu_time_total)]
        times = [a.self_cpu_time_total_str, a.cpu_time_total_str, a.cpu_time_str]
        return [
            name,
            shares[0],
            times[0],
            shares[1],
            times[1],
            times[2],
            str(a.count),
            f"{a.flops:,}",
            str(a.input_shapes),
        ]

    def __str__(self) -> str:
        return self.table()


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    line = "  ".join("-" * width for width in widths)
    texts = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    return [line, texts[0], line, *texts[1:], line]


def averages(events: Iterable[Event], by_shape: bool) -> Averages:
    """Events of one name, added up. A call within another of its name counts once in the total."""
    found: dict[Any, Average] = {}

    def add(event: Event, names_above: frozenset[str]) -> None:
        key = event.name, repr(event.input_shapes) if by_shape else ""
        average = found.setdefault(key, Average(event.name, event.input_shapes if by_shape else []))
        average.count += 1
        average.flops += event.flops
        average.self_cpu_time_total += event.self_cpu_time_total
        if event.name not in names_above:
            average.cpu_time_total += event.cpu_time_total
        for child in event.children:
            add(child, names_above | {event.name})

    for event in events:
        add(event, frozenset())
    return Averages(found.values())


def flat(events: Iterable[Event]) -> list[Event]:
    """The events and all within them, in the order of their beginnings."""
    found: list[Event] = []
    for event in events:
        found += [event, *flat(event.children)]
    return found


def write_chrome_trace(path: str | os.PathLike[str], events: Iterable[Event]) -> None:
    """Writes events as JSON for chrome://tracing or ui.perfetto.dev."""
    rows: list[dict[str, Any]] = []
    for event in flat(events):
        details = {"Input Dims": event.input_shapes, "FLOPs": event.flops}
        span = {"ts": event.start, "dur": event.cpu_time_total, "pid": os.getpid(), "tid": event.thread}
        rows.append(
            {"ph": "X", "cat": event.kind, "name": event.name, **span, "args": {k: v for k, v in details.items() if v}}
        )
    text = json.dumps({"traceEvents": rows, "displayTimeUnit": "ms"})
    write_atomically(path, lambda file: file.write(text.encode()))
