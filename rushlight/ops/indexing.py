"""Indexing and assignment: `x[...]`, `x[...] = value`, and the gradients of both.

Integers, slices, `...` and None give views of the same memory; bool and integer tensors (advanced indexing) give
copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.grad_mode import mode
from ..autograd.in_place import check_writable, rebind
from ..autograd.tape import Operator, TensorBase, wrap
from ..errors import ArgumentError, DTypeError, OperatorError, RangeError, ShapeError
from ..kernels import kernel, xp
from .lanes import gather_kernel, scatter_add_kernel, slice_index
from .moving import to_device
from .promotion import cast, is_array, note_write, refuse_shared, unbroadcast
from .views import Select, Slice

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@kernel
def index_backward(grad: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """The gradient of `x[index]` for an x of this shape: an element taken several times gets the sum."""
    dx = xp.zeros_like(grad, shape=shape)
    dim = only_list(index)
    if dim is not None:
        return scatter_add_kernel(dx, slice_index(index[dim], shape, dim), grad, dim)
    xp.add.at(dx, index, grad)
    return dx


def only_list(index: Any) -> int | None:
    """The dimension of an index that is one list of whole, not negative numbers, and takes all of what comes before."""
    if not (isinstance(index, tuple) and index and all(isinstance(p, slice) and p == slice(None) for p in index[:-1])):
        return None
    places = index[-1]
    plain = isinstance(places, np.ndarray) and places.ndim == 1 and places.dtype == np.int64 and places.size > 0
    return len(index) - 1 if plain and places.min() >= 0 else None


def _picked(x: Array, index: Any) -> Array:
    """x[index]; slices of a dimension but the first are gathered, which is quicker."""
    dim = only_list(index) if type(x) is np.ndarray and x.flags.c_contiguous else None
    return gather_kernel(x, slice_index(index[dim], x.shape, dim), dim) if dim else x[index]


class Index(Operator):
    """Advanced indexing: a copy."""

    @staticmethod
    def forward(ctx: Any, x: Array, index: Any) -> Array:
        ctx.shape, ctx.index = x.shape, index
        return _picked(x, index)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return index_backward(grad, ctx.index, ctx.shape)


def _plain(part: Any) -> Any:
    """One part of an index as NumPy wants it: Tensors and lists become arrays, 0-d integers become numbers."""
    if isinstance(part, TensorBase):
        array = part._array
        if array.dtype == np.uint8:  # torch: a byte tensor is a mask
            return array.astype(bool)
        if array.dtype.kind not in "iub":
            raise RangeError(
                f"index: tensors used as indices must be long, int, byte or bool tensors, not {part.dtype}"  # type: ignore[attr-defined]
            )
        return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array
    if isinstance(part, slice):
        if part.step is not None and int(part.step) <= 0:
            raise ArgumentError("index: slice step must be positive; use flip for a reversed tensor")
        return slice(*(None if p is None else int(p) for p in (part.start, part.stop, part.step)))
    if isinstance(part, (list, tuple, range)):
        parts = [_plain(p) for p in part]
        array = np.stack(parts) if any(hasattr(p, "strides") for p in parts) else np.asarray(parts)
        return array.astype(np.int64) if array.size == 0 else array
    if part is None or part is Ellipsis or isinstance(part, (bool, np.bool_)) or is_array(part):
        return part
    if hasattr(part, "__index__"):
        return part.__index__()
    raise DTypeError(f"index: an index is an int, slice, None, ..., list or tensor, not {type(part).__name__}")


_SIMPLE = (int, slice, type(None), type(Ellipsis))


def _is_plain(part: Any) -> bool:
    """Whether a part of an index is what NumPy takes as it is: the common case, told quickly."""
    kind = type(part)
    if kind is int or part is None or part is Ellipsis:
        return True
    return kind is slice and part.step is None and type(part.start) in _BOUND and type(part.stop) in _BOUND


_BOUND = (int, type(None))


def plain_index(index: Any) -> tuple[Any, bool]:
    """An index as NumPy takes it, and whether it is basic (gives a view)."""
    kind = type(index)
    if _is_plain(index) or (kind is tuple and all(map(_is_plain, index))):
        return index, True
    if kind is list and any(isinstance(p, (slice, type(None), type(Ellipsis), TensorBase, list)) for p in index):
        index = tuple(index)  # torch: a list with slices or tensors in it is read as a tuple
    parts = tuple(_plain(p) for p in index) if isinstance(index, tuple) else (_plain(index),)
    return parts, all(type(p) in _SIMPLE for p in parts)


def _numbers_apart(parts: Any) -> tuple[Any, Any] | None:
    """An index in two steps, its numbers and then the rest, where it matters that numbers select first.

    torch: x[0, :, places] is x[0][:, places]. NumPy takes a number for a list, and puts the dimensions of lists that
    have something between them in front.
    """
    if type(parts) is not tuple or not any(type(p) is int for p in parts):
        return None
    at = [i for i, p in enumerate(parts) if p is not None and type(p) not in (slice, type(Ellipsis))]
    if len(at) == at[-1] - at[0] + 1:
        return None
    numbers: list[Any] = []
    for p in parts:
        if type(p) in (int, type(Ellipsis)):
            numbers.append(p)
        elif p is not None:  # a mask stands for as many dimensions as it has
            is_mask = isinstance(p, (bool, np.bool_)) or (type(p) is not slice and p.dtype.kind == "b")
            numbers += [slice(None)] * (np.ndim(p) if is_mask else 1)
    return tuple(numbers), tuple(p for p in parts if type(p) is not int)


def _index_error(x: TensorBase, index: Any, why: Exception) -> Exception:
    text = f"index: {why} (tensor of shape {tuple(x._array.shape)})"
    return RangeError(text) if isinstance(why, IndexError) else ShapeError(text)


def getitem(input: Tensor, index: Any) -> Tensor:
    """`input[index]`: integers, slices, None and ... give a view; lists and integer or bool tensors give a copy.

    Raises:
        IndexError: out of range, too many indices, or a mask of another shape.

    Example:
        >>> x = rushlight.arange(6).reshape(2, 3)
        >>> x[:, 1:]
        tensor([[1, 2],
                [4, 5]])
    """
    parts, basic = plain_index(index)
    try:
        if type(parts) is int:
            return Select.apply(input, (parts, Ellipsis))
        if basic:
            if type(parts) is tuple and Ellipsis not in parts:  # an all-integer index must give an array
                parts = (*parts, Ellipsis)
            return Slice.apply(input, parts)
        steps = _numbers_apart(parts)
        return Index.apply(input, parts) if steps is None else getitem(getitem(input, steps[0]), steps[1])
    except (IndexError, ValueError) as why:
        raise _index_error(input, index, why) from None


class Assigned(Operator):
    """What a tensor becomes when part of it is overwritten: the part's gradient goes to the value."""

    def __init__(self, target: TensorBase, value: TensorBase | None, index: Any) -> None:
        edges = (target._edge, value._edge if value is not None else None)
        self._enter(edges)
        self.index = index
        self.value_shape = value._array.shape if value is not None else None

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        rest = grad.clone() if isinstance(grad, TensorBase) else grad.copy()  # type: ignore[attr-defined]
        rest[ctx.index] = 0
        value = None if ctx.edges[1] is None else unbroadcast(grad[ctx.index], ctx.value_shape)
        return rest, value


def assign(target: Tensor, parts: Any, value: Any) -> None:
    """Writes `value` (a Tensor or a number) to `target[parts]`, in memory and on the tape."""
    check_writable(target)
    refuse_shared("copy_", target)
    array = target._array
    if isinstance(value, TensorBase):
        value = cast(value, dtypes.of(array)) if value._array.dtype != array.dtype else value
        source = value._array
        lead = 0 if parts is Ellipsis and source.ndim == array.ndim else source.ndim - array[parts].ndim
        if lead > 0 and source.shape[:lead] == (1,) * lead:  # torch: leading sizes of 1 are dropped
            source = source.reshape(source.shape[lead:])
    else:
        source = value
    array[parts] = source
    note_write(target)
    if mode.enabled and (recorded(target) or (isinstance(value, TensorBase) and value._edge is not None)):
        rebind(target, Assigned(target, value if isinstance(value, TensorBase) else None, parts))


def recorded(target: TensorBase) -> bool:
    """Whether the tensor or the base that it views is a part of the graph."""
    return target._edge is not None or (target._base is not None and target._base._edge is not None)


def overwritten(target: Tensor) -> None:
    """Notes on the tape that all of the tensor was replaced by constants."""
    if mode.enabled and recorded(target):
        rebind(target, Assigned(target, None, Ellipsis))


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """`input[index] = value`, value a number or a tensor that broadcasts to the place.

    Raises:
        IndexError: the index is out of range.
        RuntimeError: the value does not broadcast; the tensor is a leaf that requires grad.
    """
    parts, basic = plain_index(index)
    steps = None if basic else _numbers_apart(parts)
    if steps is not None:
        setitem(getitem(input, steps[0]), steps[1], value)
        return
    if isinstance(value, np.ndarray):
        value = wrap(value)
    elif isinstance(value, (list, tuple)):
        raise DTypeError(
            f"index: can't assign a {type(value).__name__} to a {input.dtype} tensor; make it a tensor first"
        )
    try:
        assign(input, parts, value)
    except (IndexError, ValueError, TypeError) as why:
        if isinstance(why, (RangeError, ArgumentError)):
            raise
        shape = tuple(getattr(value, "shape", ()))
        raise _index_error(input, index, type(why)(f"{why}; value of shape {shape}")) from None


# -------------------------------------------------------------------------------------------------- writing all of it


def fill_(input: Tensor, value: Any) -> Tensor:
    """Every element becomes `value`, a number or a 0-d tensor."""
    if isinstance(value, TensorBase) and value._array.ndim:
        raise OperatorError(
            f"fill_: fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions."
        )
    assign(input, Ellipsis, value)
    return input


def zero_(input: Tensor) -> Tensor:
    """Every element becomes 0."""
    assign(input, Ellipsis, 0)
    return input


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Every element becomes that of `src`, which may have another dtype and broadcasts.

    Args:
        non_blocking: accepted, see `Tensor.to`.
    """
    src = to_device(src, input.device) if isinstance(src, TensorBase) else wrap(np.asarray(src, like=input._array))  # type: ignore[arg-type]
    if src._array.shape != input._array.shape:
        try:
            np.broadcast_to(src._array, input._array.shape)
        except ValueError:
            raise ShapeError(
                f"copy_: source {tuple(src._array.shape)} does not broadcast to {tuple(input._array.shape)}"
            ) from None
    assign(input, Ellipsis, src)
    return input


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """The main diagonal becomes `fill_value`.

    Args:
        wrap: go on below, after a row left out, in matrices with more rows than columns.

    Raises:
        RuntimeError: fewer than 2 dimensions, or more of unequal size.
    """
    shape = input._array.shape
    if len(shape) < 2:
        raise ShapeError("fill_diagonal_: dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError(f"fill_diagonal_: all dimensions of input must be of equal length, got {tuple(shape)}")
    place = np.arange(min(shape))
    if wrap and len(shape) == 2 and shape[0] > shape[1]:
        rows = np.arange(shape[0])
        rows = rows[rows % (shape[1] + 1) < shape[1]]
        assign(input, (rows, rows % (shape[1] + 1)), fill_value)
    else:
        assign(input, (place,) * len(shape), fill_value)
    return input
