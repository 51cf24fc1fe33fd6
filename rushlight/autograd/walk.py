"""The walk back over the tape: gradients from outputs to the leaves.

It visits entries newest first, so each has all of its gradient when its turn comes, and it never recurses. The plain
case (adding to the leaves' `.grad`) exists twice: here, and in C++ as `sweep` (native/python/tape.cpp).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels import native
from ..kernels.sparse import Coo
from .grad_mode import mode, set_grad_enabled
from .tape import Leaf, Operator, Pick, TensorBase, touch, wrap


def discover(roots: Sequence[Operator]) -> tuple[list[Operator], dict[Leaf, int]]:
    """All entries reachable from `roots`, newest first, and how many of their edges lead to each leaf."""
    found: dict[Any, None] = dict.fromkeys(roots)
    leaves: dict[Leaf, int] = {}
    queue = list(found)
    for node in queue:  # grows while it is walked
        for edge in node.edges:
            if type(edge) is Leaf:
                leaves[edge] = leaves.get(edge, 0) + 1
            elif edge is not None and edge not in found:
                found[edge] = None
                queue.append(edge)
    queue.sort(key=attrgetter("seq"), reverse=True)
    return queue, leaves


def on_the_way(order: list[Operator], targets: set[Any]) -> set[Any]:
    """The entries that lead to a target (oldest first, so that one pass is enough). A target itself is one only if it
    leads to another: what lies behind the last targets is left alone, and its saved arrays stay."""
    leading: set[Any] = set()
    for node in reversed(order):
        if any(edge in targets or edge in leading for edge in node.edges):
            leading.add(node)
    return leading


def _call_hooks(hooks: dict[int, Callable[[Any], Any]], grad: Any, create_graph: bool) -> Any:
    tensor = grad if isinstance(grad, TensorBase) else wrap(grad)
    for hook in list(hooks.values()):
        changed = hook(tensor)
        tensor = tensor if changed is None else changed
    return tensor if create_graph else tensor._array


class Walk:
    """One backward pass: the gradients on their way, and the leaves still waiting for more."""

    def __init__(self, targets: set[Any] | None, retain_graph: bool, create_graph: bool) -> None:
        self.targets = targets
        self.retain_graph = retain_graph or create_graph
        self.create_graph = create_graph
        self.grads: dict[Any, Any] = {}
        self.arrived: dict[Any, Any] = {}

    def run(self, roots: Sequence[tuple[Operator | Leaf, Any]]) -> None:
        for edge, grad in roots:
            self.add(edge, grad)
        order, self.waiting = discover([edge for edge, _ in roots if isinstance(edge, Operator)])
        self.leading = set() if self.targets is None else on_the_way(order, self.targets)
        for edge, _ in roots:
            if type(edge) is Leaf and edge not in self.waiting:
                self.deliver(edge)
        for node in order:
            grad = self.grads.pop(node, None)
            if grad is not None and self.wants(node):
                self.visit(node, grad)
            else:
                self.count_down(node)
            del grad

    def wants(self, node: Operator) -> bool:
        """Whether a gradient that has arrived here is asked for, or leads to one that is."""
        return self.targets is None or node in self.leading or node in self.targets

    def add(self, edge: Operator | Leaf, grad: Any) -> None:
        have = self.grads.get(edge)
        self.grads[edge] = grad if have is None else have + grad

    def visit(self, node: Operator, grad: Any) -> None:
        """All of this entry's gradient has come: pass it on to the entries that made its arguments."""
        if node.hooks:
            grad = _call_hooks(node.hooks, grad, self.create_graph)
        if node.retained is not None:
            _retain(node, grad)
        if self.targets is not None and node in self.targets:
            self.arrived[node] = grad
            if node not in self.leading:
                self.count_down(node)
                return
        if type(node) is Pick:
            whole: Any = node.edges[0]
            self.grads.setdefault(whole, [None] * whole.outputs)[node.index] = grad
            return
        for edge, dx in zip(node.edges, node.differentiate(grad, self.create_graph)):
            if edge is not None and dx is not None:
                have = self.grads.get(edge)
                self.grads[edge] = dx if have is None else have + dx
        dx = None
        if not self.retain_graph:
            node.free()
        self.count_down(node)

    def count_down(self, node: Operator) -> None:
        """One entry fewer that the leaves behind it wait for."""
        for edge in node.edges:
            if type(edge) is Leaf:
                self.waiting[edge] -= 1
                if not self.waiting[edge]:
                    self.deliver(edge)

    def deliver(self, leaf: Leaf) -> None:
        """All of a leaf's gradient has come: it is returned to who asked for it, or added to `.grad`."""
        if leaf not in self.grads:
            return
        if self.targets is None:
            _deliver(leaf, self.grads.pop(leaf), self.create_graph)
        elif leaf in self.targets:
            grad = self.grads.pop(leaf)
            self.arrived[leaf] = _call_hooks(leaf.hooks, grad, self.create_graph) if leaf.hooks else grad


def _deliver(leaf: Leaf, grad: Any, create_graph: bool = False) -> None:
    """Hooks see a leaf's gradient, then it is added to `.grad`."""
    if leaf.hooks:
        grad = _call_hooks(leaf.hooks, grad, create_graph)
    tensor = leaf.tensor()
    if tensor is None:
        return
    have = tensor._grad
    if create_graph:
        tensor._grad = grad if have is None else have + grad
    elif have is None:
        tensor._grad = wrap(np.copy(grad, order="C", subok=True))  # others may hold it, so not the array itself
    elif type(have._array) is Coo:
        have._array = have._array + grad
    else:
        np.add(have._array, grad, out=have._array)
        touch(have._array)
    for hook in list((leaf.after or {}).values()):
        hook(tensor)


def _retain(node: Operator, grad: Any) -> None:
    tensor = node.retained() if node.retained is not None else None
    if tensor is not None:
        kept = grad if isinstance(grad, TensorBase) else wrap(np.copy(grad))
        tensor._grad = kept if tensor._grad is None else tensor._grad + kept  # type: ignore[operator]


def sweep(roots: list[tuple[Operator | Leaf, Any]], retain_graph: bool) -> None:
    """A backward pass that adds to the leaves' `.grad`. Nothing is recorded meanwhile."""
    before, mode.enabled = mode.enabled, False
    try:
        Walk(None, retain_graph, False).run(roots)
    finally:
        mode.enabled = before


if native is not None:
    native.set_tape(Pick, Operator.differentiate, _call_hooks, _retain, _deliver)
    if not TYPE_CHECKING:
        sweep = native.sweep


on_walk: list[Callable[..., None]] = []  # each is told the roots and targets of every walk that begins


def walk(
    roots: Sequence[tuple[Operator | Leaf, Any]],
    targets: Sequence[Operator | Leaf] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Any, Any]:
    """Carries gradients from `roots` (entry and gradient) back through the graph.

    Without `targets` each leaf's gradient is added to its tensor's `.grad`. With `targets` (entries or leaves) nothing
    is accumulated: the gradients that arrived at them are returned. Gradients are arrays, or Tensors with
    `create_graph`.
    """
    if on_walk:
        for observer in on_walk:
            observer(roots, targets)
    if targets is None and not create_graph:
        sweep(list(roots), retain_graph)
        return {}
    with set_grad_enabled(create_graph):
        pass_ = Walk(None if targets is None else set(targets), retain_graph, create_graph)
        pass_.run(roots)
        return pass_.arrived
