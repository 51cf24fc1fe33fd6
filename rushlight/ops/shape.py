"""Views: reshape, view, permute, expand, slices, diagonals and their kin. No arithmetic, and no copy where PyTorch
makes none.

What looks at its argument's memory is a `View` on the tape, so that writing in place through it reaches the base.
`joining.py` has what copies: cat, stack, flip, repeat.
"""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, View, link, owner
from ..errors import DTypeError, OperatorError, RangeError, ShapeError
from ..kernels import xp
from .numpy_protocol import numpy_name
from .promotion import unbroadcast

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def wrap_dim(dim: int, ndim: int, name: str) -> int:
    """A dimension counted from the front; 0-d tensors accept 0 and -1, as in PyTorch.

    Raises:
        IndexError: outside [-ndim, ndim).
    """
    size = ndim or 1
    if not -size <= dim < size:
        raise RangeError(
            f"{name}: Dimension out of range (expected to be in range of [{-size}, {size - 1}], but got {dim})"
        )
    return dim % size


def wrap_dims(dims: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Several dimensions (or one), counted from the front, none twice."""
    dims = (dims,) if isinstance(dims, int) else dims
    found = tuple(wrap_dim(d, ndim, name) for d in dims)
    if len(set(found)) != len(found):
        raise OperatorError(f"{name}: dim {found[-1]} appears multiple times in the list of dims {list(dims)}")
    return found


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    if len(shape) == 1 and not hasattr(shape[0], "__index__"):
        shape = tuple(shape[0])
    return tuple([int(n) for n in shape])


# ------------------------------------------------------------------------------------------------------- operators


class Reshape(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad.reshape(ctx.shape)

    @classmethod
    def name(cls) -> str:
        return "ViewBackward0" if cls is Reshape else super().name()


class Squeeze(Reshape): ...


class Unsqueeze(Reshape): ...


class Alias(Reshape):
    """The whole of the memory, in the shape it has."""


class Permute(View):
    @staticmethod
    def forward(ctx: Any, x: Array, dims: tuple[int, ...]) -> Array:
        ctx.dims = dims
        return xp.transpose(x, dims)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        back = [0] * len(ctx.dims)
        for i, dim in enumerate(ctx.dims):
            back[dim] = i
        return xp.transpose(grad, tuple(back))


class Transpose(Permute): ...


class T(Permute): ...


class Expand(View):
    @staticmethod
    def forward(ctx: Any, x: Array, shape: tuple[int, ...]) -> Array:
        ctx.shape = x.shape
        return xp.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return unbroadcast(grad, ctx.shape)


class Slice(View):
    """Basic indexing: a view."""

    @staticmethod
    def forward(ctx: Any, x: Array, index: Any) -> Array:
        ctx.shape, ctx.index = x.shape, index
        return x[index]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dx = xp.zeros_like(grad, shape=ctx.shape)
        dx[ctx.index] = grad
        return dx


class Select(Slice): ...


class Split(Operator):
    """Pieces of one dimension; going back is one concatenation."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        x, lengths, dim = args
        indices = piece_indices(lengths, dim)
        if len(lengths) == 1:
            return (Slice.apply(x, indices[0]),)
        outs = super().apply(*args)
        for out, index in zip(outs, indices):
            link(out, x, Slice, (index,))
        return outs

    @staticmethod
    def forward(ctx: Any, x: Array, lengths: tuple[int, ...], dim: int) -> tuple[Array, ...]:
        ctx.shape, ctx.lengths, ctx.dim = x.shape, lengths, dim
        return tuple(x[index] for index in piece_indices(lengths, dim))

    @staticmethod
    def backward(ctx: Any, *grads: Array) -> Array:
        like = next(g for g in grads if g is not None)
        shape, dim = ctx.shape, ctx.dim
        pieces = [
            xp.zeros_like(like, shape=(*shape[:dim], n, *shape[dim + 1 :])) if g is None else g
            for g, n in zip(grads, ctx.lengths)
        ]
        return xp.concatenate(pieces, axis=dim)


class Unbind(Operator):
    """All entries of one dimension."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        x, dim = args
        if x._array.shape[dim] == 1:
            return (Select.apply(x, entry_index(0, dim)),)
        outs = super().apply(*args)
        for i, out in enumerate(outs):
            link(out, x, Slice, (entry_index(i, dim),))
        return outs

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int) -> tuple[Array, ...]:
        ctx.shape, ctx.dim = x.shape, dim
        return tuple(x[entry_index(i, dim)] for i in range(x.shape[dim]))

    @staticmethod
    def backward(ctx: Any, *grads: Array) -> Array:
        like = next(g for g in grads if g is not None)
        zero = xp.zeros_like(like) if any(g is None for g in grads) else None
        return xp.stack([zero if g is None else g for g in grads], axis=ctx.dim)  # type: ignore[misc]


def piece_indices(lengths: tuple[int, ...], dim: int) -> list[Any]:
    """The index of each of the consecutive pieces of `dim`."""
    lead, start, found = (slice(None),) * dim, 0, []
    for n in lengths:
        found.append((*lead, slice(start, start + n)))
        start += n
    return found


def entry_index(i: int, dim: int) -> Any:
    """The index of entry `i` of `dim`; the Ellipsis keeps 0-d results arrays."""
    return (*(slice(None),) * dim, i, Ellipsis)


class Diagonal(View):
    @staticmethod
    def forward(ctx: Any, x: Array, offset: int, dim1: int, dim2: int) -> Array:
        ctx.shape, ctx.where = x.shape, (offset, dim1, dim2)
        out = xp.diagonal(x, offset, dim1, dim2)
        if isinstance(out, np.ndarray) and x.flags.writeable:
            out.flags.writeable = True  # NumPy makes diagonals read-only for historical reasons
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        offset, dim1, dim2 = ctx.where
        dx = xp.zeros_like(grad, shape=ctx.shape)
        if isinstance(dx, TensorBase):
            diagonal(dx, offset, dim1, dim2).copy_(grad)  # type: ignore[arg-type]
        else:
            Diagonal.forward(Operator(), dx, offset, dim1, dim2)[...] = grad
        return dx


def _memory(x: Array) -> tuple[Array, int]:
    """The memory that `x` lies in as a 1-d array of x's elements, and where x begins in it."""
    root = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    flat = root.ravel(order="K").view(x.dtype)
    return flat, (_address(x) - _address(flat)) // x.itemsize


def _address(x: Array) -> int:
    return x.__array_interface__["data"][0]


def _strided(flat: Array, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    """A window into memory. Sizes, strides and offset in elements. (NumPy's as_strided hides whose memory it is.)"""
    return np.ndarray(size, flat.dtype, flat, offset * flat.itemsize, tuple([s * flat.itemsize for s in stride]))


class AsStrided(View):
    """torch: `as_strided` reads the storage of its argument, whatever the argument's own strides are. The gradient goes
    to the argument's elements by the places that they have in the storage."""

    @staticmethod
    def forward(ctx: Any, x: Array, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
        flat, start = _memory(x)
        ctx.places = _places(size, stride, offset)
        ctx.own = _places(x.shape, tuple(s // x.itemsize for s in x.strides), start)
        return _strided(flat, size, stride, offset)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        room = 1 + max(ctx.places.max(initial=-1), ctx.own.max(initial=-1))
        storage = xp.zeros_like(grad, shape=(room,))
        xp.add.at(storage, (ctx.places,), grad)
        return storage[ctx.own]


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Array:
    """For each element, its place in the memory."""
    places = np.full(size, offset)
    for dim, step in enumerate(stride):
        places += (np.arange(size[dim]) * step).reshape((-1,) + (1,) * (len(size) - 1 - dim))
    return places


class Unfold(View):
    """All windows of `size` elements of a dimension, `step` apart, along a new last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int, size: int, step: int) -> Array:
        ctx.shape, ctx.window = x.shape, (dim, size, step)
        if x.ndim == 0:
            return x.reshape((1,))[:size]
        count = (x.shape[dim] - size) // step + 1
        shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
        stride = [s // x.itemsize for s in x.strides]
        flat, start = _memory(x)
        return _strided(flat, shape, (*stride[:dim], stride[dim] * step, *stride[dim + 1 :], stride[dim]), start)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dim, size, step = ctx.window
        if not ctx.shape:
            return grad.sum()
        dx = xp.zeros_like(grad, shape=ctx.shape)
        lead, count = (slice(None),) * dim, grad.shape[dim]
        for k in range(size):  # element k of every window
            place = (*lead, slice(k, k + (count - 1) * step + 1, step))
            dx[place] = dx[place] + grad[..., k]
        return dx


class Bitcast(View):
    """The same bytes as another dtype. Gradients do not pass."""

    @staticmethod
    def forward(ctx: Any, x: Array, kind: np.dtype[Any]) -> Array:
        return x.view(kind)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return None


# -------------------------------------------------------------------------------------------------- another shape


def reshape(input: Tensor, *sizes_: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape; one size may be -1. A view where the memory allows it, else a copy.

    Raises:
        RuntimeError: the number of elements differs.

    Example:
        >>> rushlight.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    shape = sizes(sizes_ if shape is None else (shape,))
    try:
        return Reshape.apply(input, shape)
    except ValueError:
        raise _reshape_error("reshape", input, shape) from None


def _reshape_error(name: str, input: Tensor, shape: tuple[int, ...]) -> ShapeError:
    if any(n < -1 for n in shape):
        return ShapeError(f"{name}: invalid shape dimension {min(shape)} in {list(shape)}")
    if shape.count(-1) > 1:
        return ShapeError(f"{name}: only one dimension can be inferred, got {list(shape)}")
    if not input._array.size and -1 in shape:
        return ShapeError(
            f"{name}: cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    return ShapeError(
        f"{name}: shape {list(shape)} is invalid for input of size {input._array.size} (shape {tuple(input.shape)})"
    )


def view(input: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """The same memory seen in another shape (one size may be -1) or as another dtype; never a copy.

    Args:
        shape: sizes, or one dtype; `size=` and `dtype=` name them.

    Raises:
        RuntimeError: the number of elements differs, or the strides do not allow it (use `reshape`).

    Example:
        >>> rushlight.arange(4).view(2, 2)
        tensor([[0, 1],
                [2, 3]])
    """
    if dtype is None and len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        dtype = shape[0]
    if dtype is not None:
        return view_dtype(input, dtypes.as_dtype(dtype))
    if size is None and not shape:
        raise DTypeError("view: expected sizes or a dtype, as in view(2, -1) or view(torch.int32)")
    shape = sizes(shape) if size is None else sizes((size,))
    if not input._array.flags.c_contiguous:
        _require_viewable(input, shape)
    try:
        return Reshape.apply(input, shape)
    except ValueError:
        raise _reshape_error("view", input, shape) from None


def _require_viewable(input: Tensor, shape: tuple[int, ...]) -> None:
    """Raises unless `shape` is possible without a copy, once the layout that is ours to choose is PyTorch's."""
    array = input._pin()
    try:
        same = array.size == 0 or owner(array.reshape(shape)) is owner(array)
    except ValueError:
        raise _reshape_error("view", input, shape) from None
    if not same:
        raise ShapeError(
            f"view: view size {list(shape)} is not compatible with input tensor's size {list(array.shape)} and stride "
            f"{list(input.stride())} (at least one dimension spans across two contiguous subspaces). Use "
            ".reshape(...) instead."
        )


def view_dtype(input: Tensor, kind: dtypes.dtype) -> Tensor:
    """The same memory as elements of another dtype; the last dimension grows or shrinks with the element's size."""
    array = input._pin()
    if kind.itemsize != array.itemsize and not array.ndim:
        raise ShapeError(f"view: self.dim() cannot be 0 to view {input.dtype} as {kind} (different element sizes)")
    try:
        return Bitcast.apply(input, kind.numpy)
    except ValueError:
        raise ShapeError(
            f"view: {input.dtype} of shape {list(array.shape)} and stride {list(input.stride())} cannot be viewed as "
            f"{kind}: "
            f"the last dimension must be contiguous and a multiple of {kind.itemsize} bytes"
        ) from None


def view_as_itself(input: Tensor) -> Tensor:
    """A view of the whole tensor."""
    return Alias.apply(input, input._array.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.view(other.shape)`."""
    return view(input, other._array.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.reshape(other.shape)`."""
    return reshape(input, other._array.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions `start_dim` to `end_dim` made one.

    Example:
        >>> rushlight.zeros(2, 3, 4).flatten(1).shape
        torch.Size([2, 12])
    """
    shape = input._array.shape
    ndim = len(shape)
    start, end = wrap_dim(start_dim, ndim, "flatten"), wrap_dim(end_dim, ndim, "flatten")
    if start > end:
        raise OperatorError(
            f"flatten: flatten() has invalid args: start_dim {start_dim} cannot come after end_dim {end_dim}"
        )
    if start == end and ndim:
        return input
    return Reshape.apply(input, (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return Reshape.apply(input, (input._array.size,))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension made several, of these sizes (one may be -1).

    Raises:
        RuntimeError: the sizes do not multiply to the dimension's.
    """
    shape, dim = input._array.shape, wrap_dim(dim, input._array.ndim, "unflatten")
    sizes = tuple(int(n) for n in sizes)
    if not sizes:
        raise OperatorError("unflatten: sizes must be non-empty")
    known = product(n for n in sizes if n != -1)
    full = tuple(shape[dim] // known if n == -1 and known else n for n in sizes)
    if product(full) != shape[dim]:
        raise ShapeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in "
            "the input tensor"
        )
    return Reshape.apply(input, (*shape[:dim], *full, *shape[dim + 1 :]))


@numpy_name("squeeze")
def squeeze(input: Tensor, dim: Any = None, axis: Any = None) -> Tensor:
    """A view without dimensions of size 1: all of them, or those named by `dim` that have size 1.

    Example:
        >>> rushlight.zeros(1, 3, 1).squeeze(0).shape
        torch.Size([3, 1])
    """
    shape = input._array.shape
    dim = axis if dim is None else dim
    gone = range(len(shape)) if dim is None else wrap_dims(dim, len(shape), "squeeze")
    return Squeeze.apply(input, tuple(n for i, n in enumerate(shape) if n != 1 or i not in gone))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a new dimension of size 1 at `dim`.

    Example:
        >>> rushlight.zeros(3).unsqueeze(-1).shape
        torch.Size([3, 1])
    """
    shape = input._array.shape
    dim = wrap_dim(dim, len(shape) + 1, "unsqueeze")
    return Unsqueeze.apply(input, (*shape[:dim], 1, *shape[dim:]))


@numpy_name("expand_dims")
def _expand_dims(x: Tensor, axis: Any) -> Tensor:
    for dim in sorted(axis) if isinstance(axis, tuple) else (axis,):
        x = unsqueeze(x, dim)
    return x


numpy_name("reshape")(reshape)
numpy_name("ravel")(ravel)


# -------------------------------------------------------------------------------------------- order of dimensions


def permute(input: Tensor, *order_: Any, dims: Any = None) -> Tensor:
    """A view with the dimensions in the order `dims`.

    Raises:
        RuntimeError: `dims` is not a permutation of the tensor's dimensions.
    """
    dims = sizes(order_ if dims is None else (dims,))
    ndim = input._array.ndim
    if len(dims) != ndim:
        raise ShapeError(
            f"permute: input has {ndim} dimensions (shape {tuple(input.shape)}), dims {dims} name {len(dims)}"
        )
    order = tuple([wrap_dim(d, ndim, "permute") for d in dims])
    if len(set(order)) != ndim:
        raise ShapeError(f"permute: dims {dims} name a dimension twice")
    return Permute.apply(input, order)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions swapped."""
    ndim = input._array.ndim
    a, b = wrap_dim(dim0, ndim, "transpose"), wrap_dim(dim1, ndim, "transpose")
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return Transpose.apply(input, tuple(order))


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose` under NumPy's name."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` under another name."""
    return transpose(input, dim0, dim1)


def t(input: Tensor) -> Tensor:
    """A matrix transposed; vectors and scalars as they are.

    Raises:
        RuntimeError: more than 2 dimensions.
    """
    ndim = input._array.ndim
    if ndim > 2:
        raise ShapeError(
            f"t: t() expects a tensor with <= 2 dimensions, but self is {ndim}D (shape {tuple(input.shape)})"
        )
    return T.apply(input, tuple(range(ndim))[::-1])


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with the dimensions `source` (an int or several) at the places `destination`, the others in order."""
    ndim = input._array.ndim
    source, destination = ((x,) if isinstance(x, int) else tuple(x) for x in (source, destination))
    if len(source) != len(destination):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number "
            f"of dims as destination ({list(destination)} dims)"
        )
    source, destination = wrap_dims(source, ndim, "movedim"), wrap_dims(destination, ndim, "movedim")
    if not ndim:
        return Alias.apply(input, ())
    rest = iter(d for d in range(ndim) if d not in source)
    place = dict(zip(destination, source))
    return Permute.apply(input, tuple(place[i] if i in place else next(rest) for i in range(ndim)))


def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """`movedim` under NumPy's name."""
    return movedim(input, source, destination)


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped, complex numbers conjugated."""
    if input._array.ndim == 1:
        raise ShapeError(
            "adjoint: tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    turned = mT(input) if input._array.ndim else input
    return turned.conj() if input._array.dtype.kind == "c" else turned


def mT(input: Tensor) -> Tensor:
    """The last two dimensions swapped: `x.mT`."""
    if input._array.ndim < 2:
        raise ShapeError(
            f"mT: tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def reversed_dims(input: Tensor) -> Tensor:
    """All dimensions in reverse order: `x.T`."""
    return Permute.apply(input, tuple(range(input._array.ndim))[::-1])


def H(input: Tensor) -> Tensor:
    """A matrix' conjugate transpose: `x.H`."""
    if input._array.ndim not in (0, 2):
        raise ShapeError(f"H: tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.")
    return adjoint(input)


numpy_name("moveaxis")(movedim)
numpy_name("swapaxes")(transpose)


@numpy_name("transpose")
def _transpose(x: Tensor, axes: Any = None) -> Tensor:
    return reversed_dims(x) if axes is None else permute(x, axes)


# ------------------------------------------------------------------------------------------------- repeated sizes


def expand(input: Tensor, *sizes_: Any, size: Any = None) -> Tensor:
    """A view in which sizes of 1 (and new leading dimensions) are repeated; -1 keeps a size.

    Raises:
        RuntimeError: a size other than 1 would change.
    """
    shape, have = sizes(sizes_ if size is None else (size,)), input._array.shape
    lead = len(shape) - len(have)
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(shape)}) must be greater or equal to the number of "
            "dimensions in "
            f"the tensor ({len(have)}, shape {have})"
        )
    full = tuple([have[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(shape)])
    try:
        return Expand.apply(input, full)
    except ValueError:
        raise ShapeError(
            f"expand: The expanded size of the tensor {shape} must match the existing size {have} at non-singleton "
            "dimensions"
        ) from None


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.expand(other.shape)`."""
    return expand(input, other._array.shape)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`input.expand(size)`."""
    return expand(input, size)


@numpy_name("broadcast_to")
def _broadcast_to(x: Tensor, shape: Any) -> Tensor:
    return expand(x, (shape,) if isinstance(shape, int) else shape)


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape to which these shapes broadcast.

    Raises:
        RuntimeError: they do not.
    """
    from ..tensor import Size

    try:
        return Size(np.broadcast_shapes(*[s if isinstance(s, int) else tuple(s) for s in shapes]))
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes: shapes {', '.join(map(str, map(tuple, shapes)))} do not broadcast"
        ) from None


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of all tensors in the shape to which they broadcast."""
    tensors = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = broadcast_shapes(*[x._array.shape for x in tensors])
    return tuple(expand(x, shape) for x in tensors)


# -------------------------------------------------------------------------------------------------------- sections


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """A view of entry `index` of dimension `dim`, without that dimension.

    Raises:
        IndexError: outside the dimension, or a 0-d tensor.
    """
    ndim = input._array.ndim
    if not ndim:
        raise RangeError("select: select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, ndim, "select")
    try:
        return Select.apply(input, entry_index(int(index), dim))
    except IndexError:
        raise RangeError(
            f"select: select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        ) from None


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` entries of dimension `dim`, from `start` on.

    Raises:
        RuntimeError: they do not lie inside the dimension.
    """
    if not input._array.ndim:
        raise OperatorError("narrow: narrow() cannot be applied to a 0-dim tensor.")
    dim, start = wrap_dim(dim, input._array.ndim, "narrow"), int(start)
    size = input._array.shape[dim]
    if length < 0:
        raise OperatorError(f"narrow: narrow(): length must be non-negative, got {length}")
    if not -size <= start <= size:
        raise RangeError(
            f"narrow: Dimension out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start += size if start < 0 else 0
    if start + length > size:
        raise OperatorError(f"narrow: start ({start}) + length ({length}) exceeds dimension size ({size})")
    return Slice.apply(input, (*(slice(None),) * dim, slice(start, start + length)))


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces of a dimension: of one size (the last may be smaller) or of the sizes given.

    Example:
        >>> [p.tolist() for p in rushlight.arange(5).split(2)]
        [[0, 1], [2, 3], [4]]
    """
    dim = _dim_of_pieces(tensor, dim, "split")
    size = tensor._array.shape[dim]
    if isinstance(split_size_or_sections, int):
        return Split.apply(tensor, _lengths(size, split_size_or_sections, "split"), dim)
    lengths = tuple(int(n) for n in split_size_or_sections)
    if builtin_sum(lengths) != size or min(lengths, default=0) < 0:
        raise ShapeError(
            f"split: split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension "
            f"{dim}), but got split_sizes={list(lengths)}"
        )
    return Split.apply(tensor, lengths, dim)


builtin_sum = sum


def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into pieces of the sizes given."""
    return split(input, list(split_sizes), dim)


def _dim_of_pieces(x: Tensor, dim: int, name: str) -> int:
    if not x._array.ndim:
        raise OperatorError(f"{name}: {name} expects at least a 1-dimensional tensor")
    return wrap_dim(dim, x._array.ndim, name)


def _lengths(size: int, step: int, name: str) -> tuple[int, ...]:
    """`size` cut into steps, the last one perhaps shorter; at least one piece."""
    if step < 0 or (step == 0 and size):
        raise OperatorError(
            f"{name}: split_size must be positive (or 0 for a dimension of size 0), got {step} for size {size}"
        )
    return tuple(min(step, size - i) for i in range(0, size, step)) if size else (0,)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size (the last may be smaller).

    Raises:
        RuntimeError: `chunks` is not positive.
    """
    dim = _dim_of_pieces(input, dim, "chunk")
    if chunks <= 0:
        raise OperatorError(f"chunk: chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input._array.shape[dim]
    if not size:
        return Split.apply(input, (0,) * chunks, dim)
    return Split.apply(input, _lengths(size, -(-size // chunks), "chunk"), dim)


def tensor_split(
    input: Tensor, indices_or_sections: Any, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views: `sections` pieces as equal as possible, or pieces cut before each of `indices`."""
    for given in (indices, sections):
        indices_or_sections = given if given is not None else indices_or_sections
    dim = _dim_of_pieces(input, dim, "tensor_split")
    size, at = input._array.shape[dim], indices_or_sections
    if isinstance(at, TensorBase):
        if at._array.dtype != np.int64 or at._array.ndim > 1:
            raise OperatorError("tensor_split: expected tensor_indices_or_sections to be a 0- or 1-d int64 tensor")
        at = at._array.tolist()
    if isinstance(at, int):
        if at <= 0:
            raise OperatorError(f"tensor_split: number of sections must be larger than 0, got {at}")
        share, more = divmod(size, at)
        return Split.apply(input, tuple(share + (i < more) for i in range(at)), dim)
    cuts = [slice(int(i)).indices(size)[1] for i in at]
    pieces = zip([0, *cuts], [*cuts, size])
    return tuple(Slice.apply(input, (*(slice(None),) * dim, slice(a, max(a, b)))) for a, b in pieces)


def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` under the name that PyTorch gives it where pieces may be written to one by one."""
    return split(tensor, split_size, dim)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` under the name that PyTorch gives it where pieces may be written to one by one."""
    return chunk(input, chunks, dim)


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `narrow(input, dim, start, length)`."""
    return narrow(input, dim, start, length).clone()


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the second dimension (the first of a vector)."""
    return _split_at(input, indices_or_sections, 1 if input.ndim > 1 else 0, 1, "hsplit")


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the first dimension."""
    return _split_at(input, indices_or_sections, 0, 2, "vsplit")


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the third dimension."""
    return _split_at(input, indices_or_sections, 2, 3, "dsplit")


def _split_at(x: Tensor, at: Any, dim: int, least: int, name: str) -> tuple[Tensor, ...]:
    if x.ndim < least:
        raise OperatorError(
            f"{name}: torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {x.ndim} "
            "dimensions!"
        )
    if isinstance(at, int) and (at <= 0 or x.shape[dim] % at):
        raise OperatorError(
            f"{name}: torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{x.shape[dim]} is not divisible by the split_size {at}!"
        )
    return tensor_split(x, at, dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all entries of a dimension."""
    if not input._array.ndim:
        raise RangeError("unbind: Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, input._array.ndim, "unbind")
    return Unbind.apply(input, dim) if input._array.shape[dim] else ()


@numpy_name("split")
def _split(x: Tensor, at: Any, axis: int = 0) -> list[Tensor]:
    return list(tensor_split(x, at, axis))


# ------------------------------------------------------------------------------------------- diagonals and windows


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two dimensions, put last; `offset` > 0 is above the main diagonal.

    Raises:
        IndexError: fewer than 2 dimensions. RuntimeError: the two dimensions are one.
    """
    ndim = input._array.ndim
    a, b = wrap_dim(dim1, ndim, "diagonal"), wrap_dim(dim2, ndim, "diagonal")
    if a == b:
        raise OperatorError(f"diagonal: diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset, a, b)


@numpy_name("diagonal")
def _diagonal(x: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    return diagonal(x, offset, axis1, axis2)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of `size` entries of a dimension, `step` apart, along a new last dimension.

    Example:
        >>> rushlight.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    dim = wrap_dim(dimension, input._array.ndim, "unfold")
    most = input._array.shape[dim] if input._array.ndim else 1
    if size < 0:
        raise OperatorError(f"unfold: size is {size} but must be >= 0")
    if size > most:
        raise OperatorError(f"unfold: maximum size for tensor at dimension {dim} is {most} but size is {size}")
    if step <= 0:
        raise OperatorError(f"unfold: step is {step} but must be > 0")
    return Unfold.apply(input, dim, size, step)


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the memory that `input` lies in, with any sizes, strides (in elements) and offset.

    Raises:
        RuntimeError: it would reach outside that memory, or a stride is negative.
    """
    size, stride = sizes((size,)), sizes((stride,))
    offset = input.storage_offset() if storage_offset is None else storage_offset
    if len(size) != len(stride):
        raise ShapeError(f"as_strided: mismatch in length of strides and shape: {list(size)}, {list(stride)}")
    if min(stride, default=0) < 0 or min(size, default=0) < 0 or offset < 0:
        raise OperatorError(
            f"as_strided: negative sizes, strides and offsets are not supported, got size {list(size)}, strides "
            f"{list(stride)}, offset {offset}"
        )
    last = offset + builtin_sum((n - 1) * s for n, s in zip(size, stride))
    room = _memory(input._pin())[0].size
    if product(size) and last >= room:
        raise ShapeError(
            f"as_strided: setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset} require "
            f"{last + 1} "
            f"elements, the storage has {room}"
        )
    return AsStrided.apply(input, size, stride, offset)


class ViewAsReal(View):
    """Complex numbers as pairs of their parts, along a new last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Array) -> Array:
        flat, start = _memory(x)
        stride = tuple([2 * s // x.itemsize for s in x.strides])
        return _strided(flat.view(x.real.dtype), (*x.shape, 2), (*stride, 1), 2 * start)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return grad[..., 0] + 1j * grad[..., 1]


class ViewAsComplex(View):
    @staticmethod
    def forward(ctx: Any, x: Array) -> Array:
        return x.view(np.complex64 if x.dtype == np.float32 else np.complex128)[..., 0]

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return xp.stack([xp.real(grad), xp.imag(grad)], axis=-1)


def view_as_real(input: Tensor) -> Tensor:
    """A view of complex numbers as pairs (..., 2) of real and imaginary part."""
    if input._array.dtype.kind != "c":
        raise OperatorError(f"view_as_real: view_as_real is only supported for complex tensors, got {input.dtype}")
    input._pin()
    return ViewAsReal.apply(input)


def view_as_complex(input: Tensor) -> Tensor:
    """A view of pairs (..., 2) as complex numbers.

    Raises:
        RuntimeError: the last dimension does not have size 2 and stride 1, or the dtype has no complex partner.
    """
    array = input._pin()
    if array.dtype not in (np.float32, np.float64):
        raise OperatorError(
            f"view_as_complex: view_as_complex is only supported for float and double tensors, got {input.dtype}"
        )
    if not array.ndim or array.shape[-1] != 2:
        raise ShapeError(f"view_as_complex: Tensor must have a last dimension of size 2, got shape {list(array.shape)}")
    if array.strides[-1] != array.itemsize:
        raise OperatorError("view_as_complex: Tensor must have a last dimension with stride 1")
    return ViewAsComplex.apply(input)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over what broadcasting from `size` to the shape of `input` would have repeated."""
    wanted, have = sizes(size), input._array.shape
    lead = len(have) - len(wanted)
    if lead < 0 or any(m not in (1, n) for n, m in zip(have[lead:], wanted)):
        raise ShapeError(f"sum_to_size: size {list(wanted)} is not expandable to size {list(have)}.")
    axes = [i for i, n in enumerate(have) if i < lead or (wanted[i - lead] == 1 and n != 1)]
    return reshape(input.sum(axes, True), wanted) if axes else input


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension."""
    return _each(tensors, lambda x: reshape(x, 1) if x.ndim == 0 else x)


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions: vectors become rows."""
    return _each(tensors, lambda x: x if x.ndim > 1 else reshape(x, 1, x.numel()))


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions."""
    return _each(
        tensors, lambda x: x if x.ndim > 2 else unsqueeze(x, -1) if x.ndim == 2 else reshape(x, 1, x.numel(), 1)
    )


def _each(tensors: tuple[Any, ...], change: Any) -> Any:
    """`f(x)` gives one result; `f(x, y)` and `f((x, y))` a tuple."""
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return change(tensors[0])
    return tuple(map(change, tensors[0] if len(tensors) == 1 else tensors))
