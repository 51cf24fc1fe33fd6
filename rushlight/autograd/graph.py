"""The tape as users may touch it (`torch.autograd.graph`): hooks on its entries, and on what they save."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..hooks import RemovableHandle, register
from .grad_mode import mode
from .tape import (
    AccumulateGrad,
    GradientEdge,
    Leaf,
    Operator,
    Pick,
    TensorBase,
    set_recorder,
    shown,
    touch,
    wrap,
)
from .walk import discover, on_the_way, on_walk

Array = Any

# ----------------------------------------------------------------------------------------- watching what is recorded

_observers: dict[Callable[[Any], None], int] = {}  # each with the number of times it was asked for


def _tell(entry: Any) -> None:
    for observer in list(_observers):
        observer(entry)


def observe(observer: Callable[[Any], None]) -> None:
    """Calls `observer(entry)` for every entry that is recorded, until `stop_observing`."""
    _observers[observer] = _observers.get(observer, 0) + 1
    set_recorder(_tell)


def recorded(entry: Any) -> None:
    """Tells the observers of an entry that no `apply` recorded."""
    if _observers:
        _tell(entry)


def stop_observing(observer: Callable[[Any], None]) -> None:
    """Takes an observer away again."""
    _observers[observer] -= 1
    if not _observers[observer]:
        del _observers[observer]
    if not _observers:
        set_recorder(None)


# ------------------------------------------------------------------------------------------------- hooks on entries


def as_tensors(grads: Any) -> tuple[Any, ...]:
    """Gradients as hooks see them."""
    return tuple(g if g is None or isinstance(g, TensorBase) else wrap(g) for g in grads)


def as_gradients(tensors: Any) -> tuple[Any, ...]:
    """Gradients as the walk carries them: Tensors while it is recorded, else arrays."""
    return tuple(t if t is None or mode.enabled else t._array for t in tensors)


def _hooked(cls: Any) -> type[Any]:
    """What an entry of class `cls` becomes when hooks are registered on it: its backward runs between them."""

    class Hooked(cls):  # type: ignore[misc]
        has_hooks = True

        def differentiate(self, grad: Any, create_graph: bool) -> Any:
            outputs = as_tensors(grad if type(grad) is list else (grad,))
            for hook in list(self.pre_hooks.values()):
                outputs = _replaced(hook(outputs), outputs)
            given: Any = as_gradients(outputs)
            inputs: Any = super().differentiate(list(given) if type(grad) is list else given[0], create_graph)
            for hook in list(self.post_hooks.values()):
                inputs = as_gradients(_replaced(hook(as_tensors(inputs), outputs), as_tensors(inputs)))
            return inputs

    return Hooked


def _replaced(changed: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    return before if changed is None else changed if isinstance(changed, tuple) else (changed,)


_variants: dict[tuple[Any, type[Any]], type[Any]] = {}


def become(entry: Any, make: Callable[[Any], type[Any]]) -> None:
    """Changes an entry's class in place to the variant of it that `make` makes. Only such entries pay for it."""
    cls = type(entry)
    if (make, cls) not in _variants:
        _variants[make, cls] = make(cls)
        _variants[make, cls].__name__ = cls.__name__
    entry.__class__ = _variants[make, cls]


def _with_hooks(node: Any) -> Any:
    """The entry, changed to one that has hooks."""
    if not getattr(type(node), "has_hooks", False):
        become(node, _hooked)
        node.pre_hooks, node.post_hooks = {}, {}
    return node


def register_node_hook(node: Operator, hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(grad_inputs, grad_outputs)` after the backward of this entry; it may return other grad_inputs."""
    return register(_with_hooks(node).post_hooks, hook)


def register_node_prehook(node: Operator, hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(grad_outputs)` before the backward of this entry; it may return other grad_outputs."""
    return register(_with_hooks(node).pre_hooks, hook)


Operator.register_hook = register_node_hook  # type: ignore[attr-defined]
Operator.register_prehook = register_node_prehook  # type: ignore[attr-defined]
Operator.metadata = property(lambda self: vars(self).setdefault("_metadata", {}))  # type: ignore[attr-defined]


class _Nodes(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (Operator, AccumulateGrad))


class Node(metaclass=_Nodes):
    """What every `grad_fn`, and all that its `next_functions` lead to, is an instance of."""


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The place of a tensor in the graph.

    Raises:
        RuntimeError: the tensor requires no grad.
    """
    edge = tensor._edge
    if edge is None:
        raise GraphError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if type(edge) is Leaf:
        return GradientEdge(shown(edge), 0)
    node = edge.edges[0] if isinstance(edge, Pick) else edge
    like = np.broadcast_to(np.zeros((), tensor._array.dtype), tensor._array.shape)
    return GradientEdge(node, tensor.output_nr, wrap(like, edge))


def increment_version(tensor: Any) -> None:
    """Notes a write in place to one tensor or several, as if an operator had made it."""
    for each in (tensor,) if isinstance(tensor, TensorBase) else tuple(tensor):
        touch(each._array)


class _MultiHandle(RemovableHandle):
    """The handle of one hook on several tensors."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


# ------------------------------------------------------------------------------------------- hooks on what is saved


Keeper = Callable[[Any], None]  # takes from an entry what it saved


class _Keepers(threading.local):
    """The keepers of this thread, the innermost last, and why they may be forbidden."""

    def __init__(self) -> None:
        self.stack: list[Keeper] = []
        self.forbidden: str | None = None


_keepers = _Keepers()


def _hand_over(entry: Any) -> None:
    """Hands an entry to the innermost keeper of this thread, if there is one."""
    if _keepers.stack:
        _keepers.stack[-1](entry)


def begin_keeping(keeper: Keeper) -> None:
    """Calls `keeper(entry)` for every entry that this thread records, until `end_keeping`.

    Raises:
        RuntimeError: a block forbids it, see `disable_saved_tensors_hooks`.
    """
    if _keepers.forbidden is not None:
        raise GraphError(_keepers.forbidden)
    _keepers.stack.append(keeper)
    observe(_hand_over)


def end_keeping() -> None:
    """Lets go of the keeper that was begun with last."""
    _keepers.stack.pop()
    stop_observing(_hand_over)


class _Packed:
    """A saved array in the keeping of a user."""

    def __init__(self, array: Array, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
        self.kept = pack(wrap(array))
        self.unpack = unpack
        self.shape = array.shape

    def restore(self) -> Array:
        tensor = self.unpack(self.kept)
        if not isinstance(tensor, TensorBase):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor._array


def _unpacking(cls: Any) -> type[Any]:
    """What an entry of class `cls` becomes when its saved arrays were packed: backward finds them unpacked."""

    class Unpacking(cls):  # type: ignore[misc]
        saved: Any
        args: Any

        def differentiate(self, grad: Any, create_graph: bool) -> Any:
            packed, packed_args = self.saved, self.args
            if packed is not None:
                self.saved, self.args = restored(packed), restored(packed_args)
            try:
                return super().differentiate(grad, create_graph)
            finally:
                self.saved, self.args = packed, packed_args

        def _check_unwritten(self, arrays: Any) -> None:
            """What a hook gave back is the hook's own affair."""

    return Unpacking


def restored(values: Any) -> tuple[Any, ...]:
    return tuple([v.restore() if type(v) is _Packed else v for v in values])


class saved_tensors_hooks:
    """A block in which what operators save for backward is handed to a pair of functions.

    Args:
        pack_hook: gets each tensor that is saved, returns anything.
        unpack_hook: gets what `pack_hook` returned, gives the tensor back (in backward).

    Example:
        >>> x = rushlight.ones(2, requires_grad=True)
        >>> with saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
        ...     y = x * x
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        begin_keeping(self._keep)

    def __exit__(self, *failure: object) -> None:
        end_keeping()

    def _keep(self, entry: Any) -> None:
        if entry.saved:
            pack, unpack = self.pack_hook, self.unpack_hook
            packed = {id(v): _Packed(v, pack, unpack) for v in entry.saved if hasattr(v, "strides")}
            entry.saved = tuple([packed.get(id(v), v) for v in entry.saved])
            entry.args = tuple([packed.get(id(v), v) for v in entry.args])
            become(entry, _unpacking)


class save_on_cpu(saved_tensors_hooks):
    """A block in which what is saved for backward is kept in the CPU's memory, where it is already on this device.

    Args:
        pin_memory, device_type: of use with a GPU only.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.cpu()), lambda kept: kept[1].to(kept[0], non_blocking=pin_memory))


class _KeptCopies(saved_tensors_hooks):
    """What is saved is a copy, which later writes to the tensor do not reach."""

    def __init__(self) -> None:
        super().__init__(lambda t: t.detach().clone(), lambda kept: kept)

    def clear(self) -> None:
        """PyTorch's way to let go of the copies; here they go with the graph that holds them."""


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_KeptCopies]:
    """A block in which tensors that were saved for backward may be written to: gradients are as if they were not.

    PyTorch copies a tensor at the first write; here it is copied when it is saved.

    Example:
        >>> x = rushlight.ones(2, requires_grad=True)
        >>> with allow_mutation_on_saved_tensors():
        ...     y = x.clone()
        ...     out = (y ** 2).sum()
        ...     _ = y.sin_()
        >>> out.backward()
        >>> x.grad
        tensor([2., 2.])
    """
    copies = _KeptCopies()
    with copies:
        yield copies


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A block in which `saved_tensors_hooks` raises RuntimeError with this message."""
    before = _keepers.forbidden
    if _keepers.stack and before is None:
        raise GraphError(error_message)
    _keepers.forbidden = error_message
    try:
        yield
    finally:
        _keepers.forbidden = before


# ------------------------------------------------------------------------------------------ hooks on several tensors


class _Current(threading.local):
    """The walk that this thread began last."""

    walk: tuple[Any, Any] | None = None


_current = _Current()


def _note_walk(roots: Any, targets: Any) -> None:
    _current.walk = (roots, targets)


def watch_walks() -> None:
    """From now on `has_targets` knows of the walks."""
    if _note_walk not in on_walk:
        on_walk.append(_note_walk)


def has_targets() -> bool:
    """Whether the walk that this thread began last computes gradients of given tensors only."""
    return _current.walk is not None and _current.walk[1] is not None


def _reached(edges: Sequence[Any], roots: Any, targets: Any) -> list[bool]:
    """To which of these places a walk will bring a gradient."""
    order, leaves = discover([edge for edge, _ in roots if isinstance(edge, Operator)])
    places = {edge for edge, _ in roots} | set(leaves) | set(order)
    if targets is not None:
        places &= on_the_way(order, set(targets))
    return [edge in places for edge in edges]


class _Arrivals:
    """Collects the gradients of one walk and hands them over once all have come."""

    def __init__(self, tensors: Sequence[Any], fn: Callable[..., Any]) -> None:
        self.edges = [t._edge for t in tensors]
        self.fn = fn
        self.walk: Any = None

    def __call__(self, index: int, grad: Any) -> None:
        if self.walk is not _current.walk:
            self.walk = _current.walk
            self.waiting = sum(_reached(self.edges, *self.walk))
            self.grads: list[Any] = [None] * len(self.edges)
        self.grads[index] = grad
        self.waiting -= 1
        if not self.waiting:
            grads, self.grads = self.grads, []
            self.fn(grads)


class _First:
    """Hands over the first gradient of each walk."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.walk: Any = None

    def __call__(self, index: int, grad: Any) -> None:
        if self.walk is not _current.walk:
            self.walk = _current.walk
            self.fn(grad)


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable[..., Any], *, mode: str = "all") -> RemovableHandle:
    """A hook on several tensors at once.

    Args:
        mode: 'all' calls `fn(grads)` once all tensors' gradients have come (None for those outside the walk);
            'any' calls `fn(grad)` for the first that comes.

    Raises:
        ValueError: another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    watch_walks()
    state = _Arrivals(tensors, fn) if mode == "all" else _First(fn)
    return _MultiHandle(
        [t.register_hook(functools.partial(state, i)) for i, t in enumerate(tensors) if t._edge is not None]
    )
