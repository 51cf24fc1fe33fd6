"""Another shape, another order of dimensions, repeated sizes: reshape, view, permute, expand and their kin. No
arithmetic, and no copy where PyTorch makes none.

`sections.py` has what takes a part; `joining.py` has what copies: cat, stack, flip, repeat.
"""

from __future__ import annotations

from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import TensorBase, owner
from ..errors import DTypeError, OperatorError, ShapeError
from .dims import sizes, wrap_dim, wrap_dims
from .numpy_protocol import numpy_name
from .views import Alias, Bitcast, Expand, Permute, Reshape, Squeeze, T, Transpose, Unsqueeze, ViewAsComplex, ViewAsReal

if TYPE_CHECKING:
    from ..tensor import Tensor


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
    shape = sizes(shape if size is None else (size,))
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
    return Squeeze.apply(input, tuple([n for i, n in enumerate(shape) if n != 1 or i not in gone]))


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
    """Views of all tensors in the shape to which they broadcast; those that have it are given back themselves."""
    tensors = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = broadcast_shapes(*[x._array.shape for x in tensors])
    return tuple(x if x._array.shape == shape else expand(x, shape) for x in tensors)


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
    if not wanted:
        return input.sum()
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
