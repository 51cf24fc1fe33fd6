"""Writing in place to tensors that are part of the graph: what the tensor becomes, and its base and that base's other
views with it."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..errors import GraphError
from ..kernels import xp
from .grad_mode import mode
from .tape import Leaf, Operator, Pick, TensorBase, steps, wrap

Array = Any


class Overwrite(Operator):
    """What a base becomes when a view of it is written to: the gradient splits into the region and the rest."""

    def __init__(self, base: TensorBase, path: Any, source: Operator | Leaf | None) -> None:
        self._enter((base._edge, source))
        self.path = path

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        region = _region(grad, ctx.path)
        kind = getattr(grad, "_array", grad).dtype
        if kind.kind == "c":  # the region may be the real or the imaginary part only
            return grad - _spread_back(region, grad.shape, kind, ctx.path), region
        written = _spread_back(np.ones(region.shape, np.int8), grad.shape, kind, ctx.path) != 0
        return xp.where(written, xp.zeros_like(grad), grad), region


class Region(Operator):
    """A view of a base that was written to: the same region of the base as it is now."""

    def __init__(self, base: TensorBase, path: Any) -> None:
        self._enter((base._edge,))
        self.path = path
        self.shape, self.kind = base._array.shape, base._array.dtype

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return _spread_back(grad, ctx.shape, ctx.kind, ctx.path)


def _region(x: Any, path: Any) -> Any:
    """The view operators of `path` applied to an array or a Tensor."""
    for cls, args in steps(path):
        x = cls.derive(x, *args)
    return x


def _spread_back(grad: Any, shape: tuple[int, ...], kind: Any, path: Any) -> Any:
    """The gradient of a base of this shape and dtype, from that of the view to which `path` leads: the view operators'
    own backward, in reverse order. They ask for shapes only, so any array serves as the base."""
    stand_in, contexts = np.empty(shape, kind), []
    for cls, args in steps(path):
        contexts.append(cls())
        stand_in = cls.forward(contexts[-1], stand_in, *args)
    for context in reversed(contexts):
        grad = context.backward(context, grad)
    return grad


def check_writable(tensor: TensorBase) -> None:
    """Raises unless `tensor` may be written to in place here."""
    if not mode.enabled:
        return
    base = tensor._base
    if type(tensor._edge) is Leaf:
        raise GraphError(
            "a leaf Variable that requires grad is being used in an in-place operation. Use torch.no_grad()."
        )
    if base is not None and type(base._edge) is Leaf:
        raise GraphError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if base is not None and tensor._edge is not None and isinstance(tensor._edge, Pick):
        raise GraphError(
            f"Output {tensor._edge.index} of {tensor._edge.edges[0]} is a view and is being modified inplace. It is "
            "one of several views made by one call; use narrow or indexing, or clone it first."
        )


def rebind(tensor: TensorBase, edge: Operator | Leaf | None) -> None:
    """After a write to `tensor`'s memory: `edge` is what it is now; its base and the other views follow."""
    base = tensor._base
    if base is not None and (edge is not None or base._edge is not None):
        base._edge = Overwrite(base, tensor._path, edge)
        _refresh_views(base)
    elif edge is not None or tensor._edge is not None:
        tensor._edge = edge
        if tensor._views:
            _refresh_views(tensor)


def _refresh_views(base: TensorBase) -> None:
    for ref in base._views or ():
        view = ref()
        if view is not None:
            view._edge = Region(base, view._path)


def become_view(tensor: TensorBase, view: TensorBase) -> None:
    """Makes `tensor` what `view`, a view of it, is. A nameless tensor takes its place as the base of its views."""
    base = tensor._base
    if base is None:
        base = wrap(tensor._array, tensor._edge)
        base._layout_kept = tensor._layout_kept  # type: ignore[attr-defined]
        base._views = [ref for ref in tensor._views or () if ref() is not None and ref() is not view]
        for ref in base._views:
            ref()._base = base
        tensor._views, tensor._base = None, base
    tensor._array, tensor._path = view._array, view._path
    if mode.enabled:
        tensor._edge = view._edge
    base._views = [*(base._views or ()), weakref.ref(tensor)]
