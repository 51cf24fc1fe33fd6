"""Writing in place to tensors that are part of the graph: what the tensor becomes, and its base and that base's other
views with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GraphError
from .grad_mode import mode
from .tape import Leaf, Operator, Pick, TensorBase, wrap

Array = Any


class Overwrite(Operator):
    """What a base becomes when a view of it is written to: the gradient splits into the region and the rest."""

    def __init__(self, base: TensorBase, path: Any, source: Operator | Leaf | None) -> None:
        self._enter((base._edge, source))
        self.path = path

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        rest = _copy(grad)
        _region(rest, ctx.path)[...] = 0
        return rest, _region(grad, ctx.path)


class Region(Operator):
    """A view of a base that was written to: the same region of the base as it is now."""

    def __init__(self, base: TensorBase, path: Any) -> None:
        self._enter((base._edge,))
        self.path = path
        self.shape = base._array.shape

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        dbase = np.zeros(ctx.shape, grad.dtype, like=_array_of(grad))
        if isinstance(grad, TensorBase):
            dbase = wrap(dbase)
        _region(dbase, ctx.path)[...] = grad
        return dbase


def _array_of(x: Any) -> Array:
    return x._array if isinstance(x, TensorBase) else x


def _copy(x: Any) -> Any:
    return x.clone() if isinstance(x, TensorBase) else np.array(x, order="C")


def _region(x: Any, path: Any) -> Any:
    """The view operators of `path` applied to an array or a Tensor."""
    for cls, args in path or ():
        x = cls.apply(x, *args) if isinstance(x, TensorBase) else cls.forward(cls(), x, *args)
    return x


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
            f"Output {tensor._edge.index} of {tensor._edge.edges[0]} is a view and is being modified inplace. It is one "
            "of several views made by one call; use narrow or indexing, or clone it first."
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
