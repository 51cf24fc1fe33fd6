"""From a recording to a `native.Program`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.tape import Leaf, wrap
from ..kernels import native
from .direct import GRAD
from .recording import Recorder
from .steps import BEGIN, CALL, END, FORWARD, Node, Step


def dead(cls: Any) -> Any:
    """An entry of the tape through which backward has gone."""
    entry = cls()
    entry.saved = None
    return entry


def _directly(recorder: Recorder, step: Step, node: Node) -> list[Any]:
    """A step of an operator as the call of its kernel."""
    assert node.direct is not None
    forward = step.action == FORWARD
    kernel, takes = (node.direct.forward, node.direct.takes) if forward else node.direct[3:]
    reads = []
    for source in takes:
        if source == GRAD:
            reads.append(step.reads[1])
        elif source[0] == "constant":
            reads.append(recorder.slot(source[1]))
        else:
            reads.append((node.reads if source[0] == "arg" else node.writes)[source[1]])
    return [step.action, kernel, reads, node.writes if forward else step.writes, step.modules]


def assembled(recorder: Recorder, results: list[int]) -> Any:
    """The `native.Program` of a recording, whose results are these slots.

    Operators through which backward went while recording need no place on the tape: their entry only has to know for
    which arguments a gradient is wanted.
    """
    needed = Leaf(wrap(np.zeros(())))
    flag = recorder.slot(needed)
    rows: list[Any] = []
    for step in recorder.steps:
        reads = list(step.reads)
        row = [step.action, step.object, reads, step.writes, step.modules]
        if step.node is not None and step.node.walked:
            if step.action in (END, CALL) or (step.action == BEGIN and step.node.direct):
                continue
            if step.action == BEGIN:
                row[2] = [-1 if each < 0 else flag for each in reads]
            elif step.node.direct:
                row = _directly(recorder, step, step.node)
        rows.append(row)
    last: dict[int, int] = {}
    for place, (_, _, reads, writes, _) in enumerate(rows):
        last.update({slot: place for slot in (*reads, *writes) if slot >= 0})
    keep = set(results) | {i for i, constant in enumerate(recorder.constants) if constant is not ...}
    drops: dict[int, list[int]] = {}
    for slot, place in last.items():
        if slot not in keep:
            drops.setdefault(place, []).append(slot)
    steps = [(a, o, tuple(r), tuple(w), tuple(drops.get(i, ()))) for i, (a, o, r, w, _) in enumerate(rows)]
    inputs = [array for array, _ in recorder.starts] + [edge for _, edge in recorder.starts]
    assert native is not None
    program = native.Program(tuple(recorder.constants), tuple(inputs), steps, tuple(results))
    return program, [row[4] for row in rows]
