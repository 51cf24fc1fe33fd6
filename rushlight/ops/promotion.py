"""What operators share about their arguments: bringing operands to one dtype by PyTorch's rules, undoing broadcasting
in a gradient, writing to `out=` and in place, and the errors for operands that do not fit."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import dtypes
from ..autograd.grad_mode import mode
from ..autograd.in_place import check_writable, rebind
from ..autograd.intercept import is_intercepting
from ..autograd.tape import Operator, TensorBase, owner, touch, wrap
from ..batching import BatchedArray
from ..errors import DTypeError, OperatorError, ShapeError, UnsupportedError
from ..kernels import kernel, native
from ..kernels.moves import converted
from .totals import total

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
F = TypeVar("F", bound=Callable[..., Any])


class Cast(Operator):
    label = "ToCopy"

    @staticmethod
    def forward(ctx: Operator, x: Array, kind: np.dtype[Any]) -> Array:
        ctx.source = x.dtype  # type: ignore[attr-defined]
        return converted(x, kind)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return converted(discard_imaginary(grad), ctx.source) if ctx.source.kind != "c" else grad.astype(ctx.source)


def cast(x: Any, kind: dtypes.dtype) -> Tensor:
    """`x` in another dtype; `x` itself if it has that already. Integers carry no gradient."""
    array = x._array
    if array.dtype == kind.numpy:
        return x
    if kind.category < dtypes.FLOAT:
        return wrap(converted(discard_imaginary(array), kind.numpy))
    if array.dtype.kind == "c" and kind.category < dtypes.COMPLEX:
        return cast(x.real, kind)
    return Cast.apply(x, kind.numpy)


def discard_imaginary(array: Array) -> Array:
    return array.real if is_complex(array) else array


def is_complex(x: Array) -> bool:
    """Whether an array (or a Tensor standing for one) is complex."""
    array: Array = getattr(x, "_array", x)
    return bool(array.dtype.kind == "c")


def conj(x: Any) -> Any:
    """The complex conjugate; real arrays and numbers as they are. torch: complex gradients are dL/d(conj z)."""
    return x.conj() if hasattr(x, "dtype") and is_complex(x) else x


def floating(x: Any, name: str) -> Tensor:
    """`x` as operand of a function that has no integer form: integers and bools become the default dtype."""
    try:
        return cast(x, dtypes.get_default_dtype()) if x._array.dtype.kind in "iub" else x
    except AttributeError:
        raise not_a_tensor(x, name) from None


def all_values(x: Array) -> Array:
    """The values of all examples, where `vmap` maps over an array: for checks that raise if any is bad."""
    return x.array if type(x) is BatchedArray else x


def not_a_tensor(x: Any, name: str, argument: str = "input") -> DTypeError:
    return DTypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(x).__name__}")


def not_implemented(name: str, x: Any) -> UnsupportedError:
    return UnsupportedError(f"{name}: \"{name}\" not implemented for '{dtypes.of(x._array).name}'")


def not_supported(name: str, x: Any) -> OperatorError:
    """torch: some functions say so by a RuntimeError, where most call it not implemented."""
    return OperatorError(f"{name}: {name} does not support {dtypes.of(x._array).name} input")


def is_half(x: Any) -> bool:
    """Whether `x` is an array (or a Tensor) of float16 or bfloat16."""
    kind = getattr(getattr(x, "_array", x), "dtype", None)
    return kind is not None and kind.itemsize == 2 and kind.kind in "fV"


def in_float32(definition: F) -> F:
    """A kernel that computes half precision in float32 and rounds its results once, to the first such array's dtype."""

    single = kernel(definition)  # with its native twin

    @functools.wraps(definition)
    def call(*args: Any) -> Any:
        half = next((a for a in args if is_half(a)), None)
        if half is None:
            return definition(*args)
        kind = getattr(half, "_array", half).dtype
        return _narrowed(single(*[converted(a, np.dtype(np.float32)) if is_half(a) else a for a in args]), kind)

    return call  # type: ignore[return-value]


def _narrowed(x: Any, kind: np.dtype[Any]) -> Any:
    """Float32 results, in a tuple or alone, in `kind`; everything else as it is."""
    if isinstance(x, tuple):
        return tuple(_narrowed(each, kind) for each in x)
    return converted(x, kind) if getattr(getattr(x, "_array", x), "dtype", None) == np.float32 else x


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of something of this shape that was broadcast to `grad`'s shape: sums over what was repeated."""
    if grad.shape == shape:
        return grad
    extra = grad.ndim - len(shape)
    axes = tuple(i for i in range(grad.ndim) if i < extra or (shape[i - extra] == 1 and grad.shape[i] != 1))
    return total(grad, axes, True).reshape(shape)  # (extra..., N, C) -> (N, 1)


def is_scalar(x: Any) -> bool:
    return isinstance(x, (Number, np.generic))


def as_tensor(x: Any, name: str, argument: str = "input") -> Tensor:
    """A Tensor operand: a Tensor or an array; anything else is refused by name."""
    if isinstance(x, TensorBase):
        return x  # type: ignore[return-value]
    if is_array(x) or isinstance(x, BatchedArray):
        dtypes.of(x)
        return wrap(x)
    raise not_a_tensor(x, name, argument)


def is_array(x: Any) -> bool:
    """Whether `x` is an array of NumPy's or CuPy's, and no scalar."""
    return isinstance(x, np.ndarray) or (hasattr(x, "strides") and not isinstance(x, (np.generic, TensorBase)))


def result_type(a: Any, b: Any) -> dtypes.dtype:
    """PyTorch's promotion: a scalar or 0-d operand gives way to the other within its category."""
    kinds = [dtypes.of(x._array) if isinstance(x, TensorBase) else dtypes.of_scalar(x) for x in (a, b)]
    ranks = [
        2 if isinstance(x, TensorBase) and x._array.ndim else 1 if isinstance(x, TensorBase) else 0 for x in (a, b)
    ]
    if ranks[0] == ranks[1]:
        return dtypes.promote_types(*kinds)
    strong, weak = kinds if ranks[0] > ranks[1] else kinds[::-1]
    if weak.category <= strong.category:
        return strong
    if weak.category == dtypes.COMPLEX and strong.category == dtypes.FLOAT:
        return dtypes.promote_types(strong, dtypes.complex64)
    if min(ranks) == 0:  # a Python number brings the default type of its category
        return dtypes.get_default_dtype() if weak.category == dtypes.FLOAT else weak
    return weak


def _as_operand(x: Any, other: Any, kind: dtypes.dtype) -> Any:
    """Numbers become 0-d arrays of the right dtype (bool and int overflow quietly, as in PyTorch), where `other` is."""
    return cast(x, kind) if isinstance(x, TensorBase) else wrap(number_like(x, other._array, kind.numpy))


def number_like(x: Any, like: Array, kind: np.dtype[Any] | None = None) -> Array:
    """A number as a 0-d array of the same library as `like`, and of its dtype unless another is given."""
    kind = kind or like.dtype
    fits = type(x) is float or (type(x) is int and -(1 << 31) <= x < 1 << 31)
    if fits and type(like) is np.ndarray and kind.char in "lqd":
        return np.array(x, kind)  # what is usual
    return np.asarray(np.asarray(x).astype(kind or like.dtype)[()], like=like)


def _sides(a: Any, b: Any, name: str) -> tuple[Any, Any]:
    """Tensors and Python numbers, at least one of them a Tensor."""
    a = a.item() if isinstance(a, np.generic) else a if is_scalar(a) else as_tensor(a, name)
    b = b.item() if isinstance(b, np.generic) else b if is_scalar(b) else as_tensor(b, name)
    if not isinstance(a, TensorBase) and not isinstance(b, TensorBase):
        raise not_a_tensor(a, name)
    return a, b


def in_one_dtype(a: Any, b: Any, name: str) -> tuple[Any, Any]:
    """Both sides as Tensors of the dtype that PyTorch's promotion gives them."""
    a, b = _sides(a, b, name)
    kind = result_type(a, b)
    return _as_operand(a, b, kind), _as_operand(b, a, kind)


def in_one_floating_dtype(a: Any, b: Any, name: str) -> tuple[Any, Any]:
    """As `in_one_dtype`, for functions that have no integer form: integers become the default dtype at once, as a
    number or 0-d tensor might not fit into the other's (300 into uint8)."""
    a, b = _sides(a, b, name)
    kind = result_type(a, b)
    kind = dtypes.get_default_dtype() if kind.category < dtypes.FLOAT else kind
    return _as_operand(a, b, kind), _as_operand(b, a, kind)


def wide_beside_numbers(
    a: Any, b: Any, name: str, others: Callable[[Any, Any, str], tuple[Any, Any]] = in_one_dtype
) -> tuple[Any, Any]:
    """As `others`, but half precision beside a number becomes float32; `narrowed` brings the result back.

    torch: products and quotients take the number unrounded so; sums, differences and powers round it to half first.
    """
    for x, number in ((a, b), (b, a)):
        if isinstance(number, (float, int)) and isinstance(x, TensorBase) and is_half(x):
            wide = cast(x, dtypes.float32), float(number)
            return wide if x is a else wide[::-1]
    return others(a, b, name)


def divisible(a: Any, b: Any, name: str) -> tuple[Any, Any]:
    """As `wide_beside_numbers` and `in_one_floating_dtype`: for quotients."""
    return wide_beside_numbers(a, b, name, in_one_floating_dtype)


def operands(
    a: Any, b: Any, name: str, convert: Callable[[Any, Any, str], tuple[Any, Any]] = in_one_dtype
) -> tuple[Any, Any]:
    """Both sides of a binary operator in one dtype: Tensors, or a Tensor and a Python number.

    A float beside a float32 or float64 Tensor stays a number, which NumPy takes in the Tensor's own dtype; so does an
    int that a float32 can hold.
    """
    if isinstance(a, TensorBase):
        if isinstance(b, TensorBase):
            if a._array.dtype is b._array.dtype:
                return a, b
        elif _is_plain_number(b) and a._array.dtype.char in "fd":
            return a, float(b)
    elif isinstance(b, TensorBase) and _is_plain_number(a) and b._array.dtype.char in "fd":
        return float(a), b
    return convert(a, b, name)


def whole_operands(
    a: Any, b: Any, name: str, convert: Callable[[Any, Any, str], tuple[Any, Any]] = in_one_dtype
) -> tuple[Any, Any]:
    """As `operands`, for operators of which NumPy also takes a small int beside an integer Tensor as PyTorch does."""
    if type(b) is int and isinstance(a, TensorBase) and a._array.dtype.char in "il" and _is_plain_number(b):
        return a, b
    return operands(a, b, name, convert)


def _is_plain_number(x: Any) -> bool:
    return type(x) is float or (type(x) is int and -(1 << 24) <= x <= 1 << 24)


def narrowed(result: Any, a: Any, b: Any) -> Any:
    """The result of an operator on `wide_operands(a, b)` in the dtype that it would have had otherwise."""
    for x in (a, b):
        if isinstance(x, TensorBase) and is_half(x) and result._array.dtype == np.float32:
            return cast(result, result_type(a, b))
    return result


def into(out: Tensor | None, result: Tensor, name: str) -> Tensor:
    """`result`, written to `out` if that is given (resized if it has another shape)."""
    if out is None:
        return result
    if mode.enabled and (out.requires_grad or result.requires_grad):
        raise OperatorError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise OperatorError(f"{name}: result type {result.dtype} can't be cast to the desired output type {out.dtype}")
    if out._array.shape != result._array.shape:
        if out._array.size:
            warnings.warn(
                f"{name}: An output with one or more elements was resized since it had shape {list(out.shape)}, which "
                f"does not match the required output shape {list(result.shape)}. This behavior is deprecated; resize "
                "it to zero elements first, with out.resize_(0).",
                stacklevel=3,
            )
        out._array = np.empty_like(out._array, shape=result._array.shape)
    out.copy_(result)
    return out


def refuse_overlap(name: str, out: Any, *inputs: Any) -> None:
    """Raises if a tensor of `out` shares memory with an input, for operators that write before they have read all."""
    for o in out if isinstance(out, (tuple, list)) else (out,):
        for x in inputs if o is not None else ():
            if o is x or (o._array.size and x._array.size and np.may_share_memory(o._array, x._array)):
                raise OperatorError(
                    f"{name}: unsupported operation: some elements of the input tensor and the written-to tensor refer "
                    "to a single memory location. Please clone() the tensor before performing the operation."
                )


def refuse_shared(name: str, target: Tensor) -> None:
    """Raises if several elements of a tensor are one in memory (`expand`), which therefore cannot be written to."""
    if not getattr(target._array.flags, "writeable", True):  # CuPy has no such flag
        raise OperatorError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def write_(target: Tensor, result: Tensor, name: str) -> Tensor:
    """Makes `target` hold `result`, in memory and on the tape: the second half of every in-place operator.

    Raises:
        RuntimeError: another shape, a dtype that does not fit, or a leaf that requires grad.
    """
    array = result._array
    if array.shape != target._array.shape:
        raise ShapeError(
            f"{name}: output with shape {list(target.shape)} doesn't match the broadcast shape {list(array.shape)}"
        )
    if array.dtype != target._array.dtype:
        if not dtypes.can_cast(dtypes.of(array), dtypes.of(target._array)):
            raise OperatorError(
                f"{name}: result type {dtypes.of(array)} can't be cast to the desired output type {target.dtype}"
            )
        result = cast(result, target.dtype)
    refuse_shared(name, target)
    np.copyto(target._array, result._array)
    note_write(target)
    if mode.enabled:
        rebind(target, result._edge)
    return target


def overwrite(target: Tensor, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """`function(target, ...)` written back to `target`: what an in-place operator does.

    Where the tape keeps the operand for its backward, it is given a copy, as the operand itself is about to change.
    """
    check_writable(target)
    held = _references(target._array)
    result = function(target, *args, **kwargs)
    if mode.enabled and _references(target._array) > held:
        before = wrap(target._array.copy(), target._edge)
        result = function(before, *args, **kwargs)
    return write_(target, result, name)


def overwrite_straight(
    target: Tensor, name: str, function: Callable[..., Any], *args: Any, keeps_operands: bool = True
) -> Tensor:
    """`overwrite` for one kernel, element by element or a scatter: that writes to the target itself, unless
    the dtype, the shape or what shares the memory forbids it, or the tape wants the operand as it was.

    Args:
        keeps_operands: whether the operator saves them for its backward, rather than its result or nothing.
    """
    array = target._array
    recorded = _is_recorded(target, args)
    if native is None or type(array) is not np.ndarray or (recorded and keeps_operands) or is_intercepting():
        return overwrite(target, name, function, *args)
    check_writable(target)
    if recorded:
        note_write(target)  # before the entry is made, which may save the result
    native.write_next(array)
    try:
        result = function(target, *args)
    finally:
        native.write_next(None)
    if result._array is not array:
        return write_(target, result, name)
    if recorded:
        rebind(target, result._edge)
    else:
        note_write(target)
    return target


def _is_recorded(target: TensorBase, args: tuple[Any, ...]) -> bool:
    """Whether an operator of these would be a part of a graph, or the target is a view of a part."""
    if not mode.enabled:
        return False
    if target._edge is not None or (target._base is not None and target._base._edge is not None):
        return True
    return any(isinstance(x, TensorBase) and x._edge is not None for x in args)


def note_write(target: TensorBase) -> None:
    """Tells the tape's clock of a write. torch: writes through `.data` go unnoticed."""
    if not (target if target._base is None else target._base)._untracked:  # type: ignore[attr-defined]
        touch(target._array)


def _references(array: Array) -> int:
    return sys.getrefcount(array) + sys.getrefcount(owner(array))


def broadcast_error(name: str, a: Any, b: Any) -> ShapeError:
    """What two shapes that do not broadcast are answered with (PyTorch's sentence, and the operator's name)."""
    shapes = [tuple(x._array.shape) if isinstance(x, TensorBase) else () for x in (a, b)]
    for i, (n, m) in enumerate(zip(reversed(shapes[0]), reversed(shapes[1]))):
        if n != m and 1 not in (n, m):
            dim = max(map(len, shapes)) - 1 - i
            return ShapeError(
                f"{name}: The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension "
                f"{dim}"
                f" (shapes {shapes[0]} and {shapes[1]})"
            )
    return ShapeError(f"{name}: shapes {shapes[0]} and {shapes[1]} do not broadcast")
