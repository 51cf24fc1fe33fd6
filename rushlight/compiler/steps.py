"""The steps of a program, as `native.Program` runs them, and the operators on the tape that they belong to."""

from __future__ import annotations

from typing import Any

from ..autograd.tape import Operator
from .direct import Direct

CALL, UNPACK, FORWARD, BEGIN, END, SUM, DELIVER, WRAP = range(8)  # Action in native/python/replay.cpp


class Step:
    """One step: what is done (`action`), with which object, from which slots to which. `node` is set for those that
    belong to an operator whose backward may come."""

    __slots__ = ("action", "modules", "node", "object", "reads", "writes")

    def __init__(
        self, action: int, object_: Any, reads: list[int], writes: list[int], node: Node | None = None
    ) -> None:
        self.action, self.object, self.reads, self.writes, self.node = action, object_, reads, writes, node
        self.modules: tuple[Any, ...] = ()


class Node:
    """An operator on the tape: its entry, the slot of the entry that a replay makes, and whether backward went through
    it while recording."""

    def __init__(self, entry: Operator, slot: int, direct: Direct | None, reads: list[int]) -> None:
        self.entry, self.slot = entry, slot
        self.walked = False
        self.direct, self.reads = direct, reads  # how to do without the entry; slots of the arguments
        self.writes: list[int] = []  # of what the forward kernel gives
