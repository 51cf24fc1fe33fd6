"""The walk back of a recorded `backward`: it computes the gradients, and writes down how."""

from __future__ import annotations

from typing import Any

from ..autograd.tape import Leaf, Pick
from ..autograd.walk import _deliver
from .steps import DELIVER, SUM, UNPACK

Array = Any


class WalkBack:
    """The walk back over recorded operators (autograd/walk.py), which also writes down its steps. A gradient on its way
    is an array and its slot."""

    def __init__(self, recorder: Any, retain_graph: bool) -> None:
        self.recorder, self.retain_graph = recorder, retain_graph
        self.grads: dict[Any, Any] = {}
        self.waiting: dict[Any, int] = {}

    def run(self, root: Any, grad: Array, slot: int) -> None:
        self.grads[root] = (grad, slot)
        for node in self._order(root):
            found = self.grads.pop(node, None)
            if found is not None:
                self._visit(node, found)
            self._count_down(node)

    def _order(self, root: Any) -> list[Any]:
        """The entries on the way, newest first."""
        queue, seen = [root], {root}
        for node in queue:
            for edge in node.edges:
                if type(edge) is Leaf:
                    self.waiting[edge] = self.waiting.get(edge, 0) + 1
                elif edge is not None and edge not in seen:
                    seen.add(edge)
                    queue.append(edge)
        return sorted(queue, key=lambda node: -node.seq)

    def _visit(self, node: Any, found: Any) -> None:
        recorder = self.recorder
        if type(node) is Pick:
            whole: Any = node.edges[0]
            self.grads.setdefault(whole, [None] * whole.outputs)[node.index] = found
            return
        known = recorder.nodes.get(id(node))
        if known is None or node.hooks or node.retained is not None or node.saved is None:
            recorder.refuse("backward goes through a graph with hooks, or one that was not recorded")
        several = type(found) is list
        arrays = [None if f is None else f[0] for f in (found if several else [found])]
        none = recorder.slot(None)
        reads = [none if f is None else f[1] for f in (found if several else [found])]
        result = node.differentiate(arrays if several else arrays[0], False)
        result = result if type(result) is tuple else (result,)
        wanted = [e is not None and dx is not None for e, dx in zip(node.edges, result)]
        slots = [recorder.slot() if each else -1 for each in wanted]
        if known is not None:
            known.walked = True
            recorder.step(UNPACK, type(node).backward, [known.slot, *reads], slots, known)
        for edge, dx, slot in zip(node.edges, result, slots):
            if slot >= 0:
                self._add(edge, dx, slot)
        if not self.retain_graph:
            node.free()

    def _add(self, edge: Any, dx: Array, slot: int) -> None:
        have = self.grads.get(edge)
        if have is None:
            self.grads[edge] = (dx, slot)
            return
        total = self.recorder.slot()
        self.recorder.step(SUM, None, [have[1], slot], [total])
        self.grads[edge] = (have[0] + dx, total)

    def _count_down(self, node: Any) -> None:
        for edge in node.edges:
            if type(edge) is Leaf:
                self.waiting[edge] -= 1
                if not self.waiting[edge] and edge in self.grads:
                    self._deliver(edge, *self.grads.pop(edge))

    def _deliver(self, leaf: Leaf, grad: Array, slot: int) -> None:
        tensor = leaf.tensor()
        _deliver(leaf, grad)
        if leaf.hooks or leaf.after:  # perhaps those of an optimizer that looks at its first steps
            self.recorder.later = True
        self.recorder.delivered.append(tensor)
        if tensor is None or not self.recorder.is_existing(tensor):
            self.recorder.refuse("a gradient is collected in an argument")
        else:
            self.recorder.step(DELIVER, tensor, [slot], [])
