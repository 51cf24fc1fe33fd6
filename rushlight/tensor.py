"""The Tensor: an array, its place on the tape, and every operator as a method.

Construction and conversion are written out here; operators are bound by name (`relu = ops.relu`), and an in-place
method is its operator followed by a write (`add_ = in_place(ops.add)`).
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import numpy as np

from . import dtypes, ops
from .autograd import differentiate
from .autograd.tape import Leaf, Operator, Pick, TensorBase, owner, set_tensor_type, version, wrap
from .device import CPU, check_device, device
from .errors import DTypeError, GraphError, OperatorError, ShapeError
from .hooks import RemovableHandle, register
from .ops.comparison import or_not_implemented
from .ops.numpy_protocol import call_function, call_ufunc
from .ops.promotion import cast, overwrite

F = TypeVar("F", bound=Callable[..., Any])


class Size(tuple):  # type: ignore[type-arg]
    """A shape: a tuple of ints with PyTorch's `numel()`."""

    __slots__ = ()

    def numel(self) -> int:
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(super().__add__(tuple(other)))


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place method of an operator."""
    name = function.__name__ + "_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return overwrite(self, name, function, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def both(function: F) -> tuple[F, Callable[..., Any]]:
    """An operator as a method, and its in-place method."""
    return function, in_place(function)


def reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operator with its sides exchanged: what Python calls for `2 / tensor`."""

    def method(self: Tensor, other: Any) -> Any:
        return function(other, self)

    method.__name__ = "r" + function.__name__
    return method


def _cast_to(kind: dtypes.dtype) -> Callable[..., Any]:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        result = cast(self, kind)
        return result if memory_format is None else result.to(memory_format=memory_format)

    method.__name__ = kind.name
    method.__doc__ = f"This tensor as {kind}."
    return method


class Tensor(TensorBase):
    """A multi-dimensional array of one dtype, on which operators are recorded for gradients.

    Made by `rushlight.tensor(data)`, `zeros`, `rand`, `from_numpy` and so on; `Tensor(2, 3)` is an uninitialised
    float32 tensor of that shape and `Tensor([1, 2])` one with these values, as in PyTorch.
    """

    __array_priority__ = 1000

    def __new__(cls, *data: Any, device: Any = None, dtype: Any = None, requires_grad: bool = False) -> Any:
        self = object.__new__(cls)
        self._array = ops.creation.legacy_array(data, dtypes.float32)
        return self

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one size of it."""
        return Size(self._array.shape) if dim is None else self._array.shape[ops.dims.wrap_dim(dim, self.ndim, "size")]

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        return int(self._array.size)

    nelement = numel

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of(self._array)

    @property
    def device(self) -> device:
        return CPU

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    element_size = lambda self: self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    is_cuda = is_sparse = is_quantized = is_meta = is_mps = is_mkldnn = is_xpu = is_nested = is_sparse_csr = False
    names = None

    @property
    def layout(self) -> Any:
        return ops.conversion.strided

    def get_device(self) -> int:
        return -1

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._array.dtype.kind == "c"

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def is_inference(self) -> bool:
        return False

    def __len__(self) -> int:
        if not self.ndim:
            raise DTypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise DTypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    __hash__ = object.__hash__  # by identity, as `==` compares elements

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        from .printing import tensor_text  # printing needs ops, and few programs print

        return tensor_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.ndim == 0 else object.__format__(self, spec)

    # ---------------------------------------------------------------------------------------------- memory layout

    def _pin(self) -> Any:
        """The array in PyTorch's layout. Where the layout is ours to choose (a result may lie channels-last in memory),
        asking for it settles it: from then on the result is contiguous, and its views are views of that."""
        base: Any = self if self._base is None else self._base
        if not base._array.flags.c_contiguous and not base._layout_kept:
            base._array = np.ascontiguousarray(base._array)
            live = [ref() for ref in base._views or ()]
            for view in live if base is self else [self, *(v for v in live if v is not self)]:
                if view is not None:
                    _follow(view, base)
        return self._array

    _untracked = False  # writes go unnoticed by the tape, as PyTorch has it for `.data`
    _layout_kept = False  # the strides are the user's choice (channels_last, memory of a NumPy array), so they stay

    def stride(self, dim: int | None = None) -> Any:
        """Steps in memory, in elements, from one entry of a dimension to the next."""
        array = self._pin()
        strides = _strides_of(array)
        return strides if dim is None else strides[ops.dims.wrap_dim(dim, self.ndim, "stride")]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order (or channels-last, if that is asked)."""
        if memory_format is None or memory_format is ops.conversion.contiguous_format:
            return bool(self._pin().flags.c_contiguous)
        return ops.conversion.is_channels_last(self._array)

    def storage_offset(self) -> int:
        array = self._pin()
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        return (array.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // max(array.itemsize, 1)

    def data_ptr(self) -> int:
        return int(self._pin().__array_interface__["data"][0])

    @property
    def _version(self) -> int:
        return version(self._array)

    # ------------------------------------------------------------------------------------------------ conversions

    def numpy(self, *, force: bool = False) -> Any:
        """This tensor's memory as a NumPy array, without a copy.

        Raises:
            RuntimeError: the tensor requires grad (use `.detach()`, or `force=True`).
        """
        if self._edge is not None and not force:
            raise GraphError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if self._array.dtype.kind == "V":
            raise DTypeError(f"numpy: Got unsupported ScalarType {self.dtype.name}; use .float().numpy()")
        return self._pin()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        array = array if dtype is None else array.astype(dtype, copy=False)
        return array.copy() if copy and array is self._array else array

    __array_ufunc__ = call_ufunc
    __array_function__ = call_function

    def item(self) -> Any:
        """The only element, as a Python number.

        Raises:
            RuntimeError: there is not exactly one element.
        """
        if self._array.size != 1:
            raise OperatorError(f"item: a Tensor with {self._array.size} elements cannot be converted to Scalar")
        value = self._array.item()
        return value if type(value) in (float, int, bool, complex) else float(value)  # ml_dtypes gives its own scalars

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        array = self._array.astype(np.float32) if self._array.dtype.kind == "V" else self._array
        return array.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise OperatorError(
                "Boolean value of Tensor with "
                + ("no values" if self._array.size == 0 else "more than one value")
                + " is ambiguous"
            )
        return bool(self._array.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise DTypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any().item())

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """This tensor with another dtype and/or on another device: `to(dtype)`, `to(device)`, `to(device, dtype)`,
        `to(other)`.

        Args:
            non_blocking: accepted; copies on the CPU are always complete.
            copy: make a copy even if nothing changes.
            memory_format: `channels_last`, `contiguous_format` or `preserve_format`.
        """
        kind, copy_, memory_format = ops.conversion.parse_to(args, kwargs)
        result = self if kind is None else cast(self, kind)
        if memory_format is not None and memory_format is not ops.conversion.preserve_format:
            result = result.contiguous(memory_format=memory_format)
        return result.clone() if copy_ and result is self else result

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of this tensor's type ('torch.FloatTensor'), or the tensor cast to another."""
        return (
            ops.conversion.type_name(self.dtype) if dtype is None else cast(self, ops.conversion.dtype_from_name(dtype))
        )

    def type_as(self, other: Tensor) -> Tensor:
        return cast(self, other.dtype)

    def astype(self, dtype: Any, copy: bool = True) -> Tensor:
        """NumPy's name for `to(dtype)`, part of what kernel definitions may use."""
        return cast(self, dtypes.as_dtype(dtype))

    def cpu(self, memory_format: Any = None) -> Tensor:
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> NoReturn:
        check_device("cuda" if device is None else device)
        raise AssertionError

    def pin_memory(self, device: Any = None) -> Tensor:
        return self

    def is_pinned(self, device: Any = None) -> bool:
        return False

    def resolve_conj(self) -> Tensor:
        return self

    def resolve_neg(self) -> Tensor:
        return self

    is_conj = is_neg = lambda self: False

    # --------------------------------------------------------------------------------------------------- autograd

    @property
    def requires_grad(self) -> bool:
        return self._edge is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Starts (or stops) collecting gradients in `.grad`.

        Raises:
            RuntimeError: an integer tensor, or turning it off for the result of a recorded operator.
        """
        if requires_grad and self._array.dtype.kind in "iub":
            raise OperatorError("only Tensors of floating point and complex dtype can require gradients")
        if not requires_grad and not self.is_leaf:
            raise OperatorError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if not requires_grad:
            self._edge = None
        elif self._edge is None:
            self._edge = Leaf(self)
        return self

    @property
    def is_leaf(self) -> bool:
        return self._edge is None or type(self._edge) is Leaf

    @property
    def grad_fn(self) -> Operator | None:
        edge = self._edge
        if type(edge) is Pick:
            return edge.edges[0]  # type: ignore[return-value]
        return edge if isinstance(edge, Operator) else None

    @property
    def output_nr(self) -> int:
        return self._edge.index if type(self._edge) is Pick else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up here, or None."""
        return self._grad  # type: ignore[return-value]

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise DTypeError(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}")
            if value._array.shape != self._array.shape:
                raise ShapeError(
                    f"assigned grad has data of a different size: {tuple(value.shape)}, expected {tuple(self.shape)}"
                )
            if value._array.dtype != self._array.dtype:
                raise OperatorError(f"assigned grad has data of a different type: {value.dtype}, expected {self.dtype}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Adds the gradient of this tensor with respect to the graph's leaves to their `.grad`; see
        `autograd.backward`."""
        differentiate.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """A tensor with the same memory that is no part of the graph. Writing to it is noticed by the graph, unlike
        writing to `.data`."""
        if self._array.flags.c_contiguous:
            return wrap(self._array)
        twin: Tensor = wrap(self._pin())
        twin._layout_kept = True
        return twin

    def detach_(self) -> Tensor:
        self._edge = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without the graph; assigning gives this tensor another tensor's memory."""
        twin = self.detach()
        twin._untracked = True
        return twin

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise DTypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array, self._base = value._array, None
        self._layout_kept = not value._array.flags.c_contiguous

    def retain_grad(self) -> None:
        """Keeps the gradient of this intermediate result in `.grad`."""
        if self._edge is None:
            raise GraphError("can't retain_grad on Tensor that has requires_grad=False")
        if isinstance(self._edge, Operator):
            self._edge.retained = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        return isinstance(self._edge, Operator) and self._edge.retained is not None

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Calls `hook(grad)` when this tensor's gradient is complete; what it returns (if not None) replaces the
        gradient."""
        if self._edge is None:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge.hooks is None:
            self._edge.hooks = {}
        return register(self._edge.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Calls `hook(tensor)` after this leaf's gradient was added to `.grad`."""
        if type(self._edge) is not Leaf:
            raise GraphError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self._edge.after is None:
            self._edge.after = {}
        return register(self._edge.after, hook)

    def _is_view(self) -> bool:
        return self._base is not None

    # ------------------------------------------------------------------------------------------- copies and pickles

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment. Use clone().detach()."
            )
        if id(self) in memo:
            return memo[id(self)]
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin._array = self._array.copy(order="K" if self._layout_kept else "C")
        twin._grad = copy.deepcopy(self._grad, memo)
        for name, value in vars(self).items():
            if name not in _OWN:
                setattr(twin, name, copy.deepcopy(value, memo))
        return twin.requires_grad_(self.requires_grad) if self._edge is not None else twin

    def __copy__(self) -> Tensor:
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        if type(self._edge) is Leaf:
            twin._edge = Leaf(twin)
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise GraphError("pickle: only leaf tensors can be pickled; use detach()")
        extra = {k: v for k, v in vars(self).items() if k not in _OWN}
        return _rebuild, (type(self), np.asarray(self._array, order="C"), self.requires_grad, extra)

    # ------------------------------------------------------------------------------------------------- operators

    __getitem__ = ops.getitem
    __setitem__ = ops.setitem
    # -- arithmetic

    __add__ = __radd__ = ops.add
    __sub__, __rsub__ = ops.sub, ops.rsub
    __mul__ = __rmul__ = ops.mul
    __truediv__, __rtruediv__ = ops.true_divide, reflected(ops.true_divide)
    __floordiv__, __rfloordiv__ = ops.floor_divide, reflected(ops.floor_divide)
    __mod__, __rmod__ = ops.remainder, reflected(ops.remainder)
    __pow__, __rpow__ = ops.pow, reflected(ops.pow)
    __neg__, __pos__, __abs__ = ops.neg, ops.positive, ops.abs

    add, add_ = both(ops.add)
    sub, sub_ = both(ops.sub)
    mul, mul_ = both(ops.mul)
    div, div_ = both(ops.div)
    subtract, subtract_ = both(ops.subtract)
    multiply, multiply_ = both(ops.multiply)
    divide, divide_ = both(ops.divide)
    true_divide, true_divide_ = both(ops.true_divide)
    floor_divide, floor_divide_ = both(ops.floor_divide)
    remainder, remainder_ = both(ops.remainder)
    fmod, fmod_ = both(ops.fmod)
    pow, pow_ = both(ops.pow)
    float_power, float_power_ = both(ops.float_power)
    __iadd__, __isub__, __imul__, __itruediv__, __ifloordiv__ = add_, sub_, mul_, true_divide_, floor_divide_
    __imod__, __ipow__ = remainder_, pow_
    maximum, minimum, fmax, fmin = ops.maximum, ops.minimum, ops.fmax, ops.fmin
    logaddexp, logaddexp2, positive, frexp = ops.logaddexp, ops.logaddexp2, ops.positive, ops.frexp
    clamp, clamp_ = both(ops.clamp)
    clip, clip_ = both(ops.clip)
    clamp_min, clamp_min_ = both(ops.clamp_min)
    clamp_max, clamp_max_ = both(ops.clamp_max)
    lerp, lerp_ = both(ops.lerp)
    addcmul, addcmul_ = both(ops.addcmul)
    addcdiv, addcdiv_ = both(ops.addcdiv)
    atan2, atan2_ = both(ops.atan2)
    arctan2, arctan2_ = both(ops.arctan2)
    hypot, hypot_ = both(ops.hypot)
    copysign, copysign_ = both(ops.copysign)
    xlogy, xlogy_ = both(ops.xlogy)
    ldexp, ldexp_ = both(ops.ldexp)
    nextafter, nextafter_ = both(ops.nextafter)
    heaviside, heaviside_ = both(ops.heaviside)
    gcd, gcd_ = both(ops.gcd)
    lcm, lcm_ = both(ops.lcm)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """This tensor where `condition` holds, `other` elsewhere."""
        return ops.where(condition, self, other)

    # -- functions of one argument

    exp, exp_ = both(ops.exp)
    exp2, exp2_ = both(ops.exp2)
    expm1, expm1_ = both(ops.expm1)
    log, log_ = both(ops.log)
    log2, log2_ = both(ops.log2)
    log10, log10_ = both(ops.log10)
    log1p, log1p_ = both(ops.log1p)
    sqrt, sqrt_ = both(ops.sqrt)
    rsqrt, rsqrt_ = both(ops.rsqrt)
    square, square_ = both(ops.square)
    reciprocal, reciprocal_ = both(ops.reciprocal)
    sin, sin_ = both(ops.sin)
    cos, cos_ = both(ops.cos)
    tan, tan_ = both(ops.tan)
    asin, asin_ = both(ops.asin)
    acos, acos_ = both(ops.acos)
    atan, atan_ = both(ops.atan)
    sinh, sinh_ = both(ops.sinh)
    cosh, cosh_ = both(ops.cosh)
    asinh, asinh_ = both(ops.asinh)
    acosh, acosh_ = both(ops.acosh)
    atanh, atanh_ = both(ops.atanh)
    arcsin, arcsin_ = both(ops.arcsin)
    arccos, arccos_ = both(ops.arccos)
    arctan, arctan_ = both(ops.arctan)
    arcsinh, arcsinh_ = both(ops.arcsinh)
    arccosh, arccosh_ = both(ops.arccosh)
    arctanh, arctanh_ = both(ops.arctanh)
    deg2rad, deg2rad_ = both(ops.deg2rad)
    rad2deg, rad2deg_ = both(ops.rad2deg)
    neg, neg_ = both(ops.neg)
    negative, negative_ = both(ops.negative)
    abs, abs_ = both(ops.abs)
    absolute, absolute_ = both(ops.absolute)
    sign, sign_ = both(ops.sign)
    sgn, sgn_ = both(ops.sgn)
    floor, floor_ = both(ops.floor)
    ceil, ceil_ = both(ops.ceil)
    trunc, trunc_ = both(ops.trunc)
    fix, fix_ = both(ops.fix)
    round, round_ = both(ops.round)
    frac, frac_ = both(ops.frac)
    nan_to_num, nan_to_num_ = both(ops.nan_to_num)
    conj_physical, conj_physical_ = both(ops.conj_physical)
    conj, angle, is_nonzero = ops.conj, ops.angle, ops.is_nonzero
    real = property(ops.real, lambda self, value: self.real.copy_(value))
    imag = property(ops.imag, lambda self, value: self.imag.copy_(value))

    sigmoid, sigmoid_ = both(ops.sigmoid)
    tanh, tanh_ = both(ops.tanh)
    erf, erf_ = both(ops.erf)
    erfc, erfc_ = both(ops.erfc)
    erfinv, erfinv_ = both(ops.erfinv)
    lgamma, lgamma_ = both(ops.lgamma)
    digamma, digamma_ = both(ops.digamma)
    mvlgamma, mvlgamma_ = both(ops.mvlgamma)
    igamma, igamma_ = both(ops.igamma)
    igammac, igammac_ = both(ops.igammac)
    logit, logit_ = both(ops.logit)
    sinc, sinc_ = both(ops.sinc)
    i0, i0_ = both(ops.i0)

    def polygamma(self, n: Any) -> Tensor:
        """The n-th derivative of digamma."""
        return ops.polygamma(n, self)

    polygamma_ = in_place(polygamma)
    relu, relu_ = ops.relu, ops.relu_
    prelu, hardshrink = ops.prelu, ops.hardshrink
    softmax, log_softmax, logsumexp = ops.softmax, ops.log_softmax, ops.logsumexp

    # -- comparison and logic

    __eq__, __ne__ = or_not_implemented(ops.eq), or_not_implemented(ops.ne)
    __lt__, __le__ = or_not_implemented(ops.lt), or_not_implemented(ops.le)
    __gt__, __ge__ = or_not_implemented(ops.gt), or_not_implemented(ops.ge)
    __and__ = __rand__ = ops.bitwise_and
    __or__ = __ror__ = ops.bitwise_or
    __xor__ = __rxor__ = ops.bitwise_xor
    __lshift__, __rlshift__ = ops.bitwise_left_shift, reflected(ops.bitwise_left_shift)
    __rshift__, __rrshift__ = ops.bitwise_right_shift, reflected(ops.bitwise_right_shift)
    __invert__ = ops.bitwise_not

    eq, eq_ = both(ops.eq)
    ne, ne_ = both(ops.ne)
    lt, lt_ = both(ops.lt)
    le, le_ = both(ops.le)
    gt, gt_ = both(ops.gt)
    ge, ge_ = both(ops.ge)
    not_equal, not_equal_ = both(ops.not_equal)
    less, less_ = both(ops.less)
    less_equal, less_equal_ = both(ops.less_equal)
    greater, greater_ = both(ops.greater)
    greater_equal, greater_equal_ = both(ops.greater_equal)
    logical_and, logical_and_ = both(ops.logical_and)
    logical_or, logical_or_ = both(ops.logical_or)
    logical_xor, logical_xor_ = both(ops.logical_xor)
    logical_not, logical_not_ = both(ops.logical_not)
    bitwise_and, bitwise_and_ = both(ops.bitwise_and)
    bitwise_or, bitwise_or_ = both(ops.bitwise_or)
    bitwise_xor, bitwise_xor_ = both(ops.bitwise_xor)
    bitwise_not, bitwise_not_ = both(ops.bitwise_not)
    bitwise_left_shift, bitwise_left_shift_ = both(ops.bitwise_left_shift)
    bitwise_right_shift, bitwise_right_shift_ = both(ops.bitwise_right_shift)
    __iand__, __ior__, __ixor__ = bitwise_and_, bitwise_or_, bitwise_xor_
    __ilshift__, __irshift__ = bitwise_left_shift_, bitwise_right_shift_
    isnan, isinf, isfinite, isposinf, isneginf = ops.isnan, ops.isinf, ops.isfinite, ops.isposinf, ops.isneginf
    isreal, signbit, equal, isclose, allclose = ops.isreal, ops.signbit, ops.equal, ops.isclose, ops.allclose

    # -- casts

    float = _cast_to(dtypes.float32)
    double = _cast_to(dtypes.float64)
    half = _cast_to(dtypes.float16)
    bfloat16 = _cast_to(dtypes.bfloat16)
    int = _cast_to(dtypes.int32)
    long = _cast_to(dtypes.int64)
    short = _cast_to(dtypes.int16)
    char = _cast_to(dtypes.int8)
    byte = _cast_to(dtypes.uint8)
    bool = _cast_to(dtypes.bool)
    cfloat = _cast_to(dtypes.complex64)
    cdouble = _cast_to(dtypes.complex128)

    # -- shape

    reshape, reshape_as, view, view_as = ops.reshape, ops.reshape_as, ops.view, ops.view_as
    flatten, unflatten, ravel = ops.flatten, ops.unflatten, ops.ravel
    squeeze, unsqueeze = ops.squeeze, ops.unsqueeze
    permute, transpose, swapaxes, swapdims = ops.permute, ops.transpose, ops.swapaxes, ops.swapdims
    t, movedim, moveaxis, adjoint = ops.t, ops.movedim, ops.moveaxis, ops.adjoint
    T, mT = property(ops.shape.reversed_dims), property(ops.shape.mT)
    H, mH = property(ops.shape.H), property(ops.adjoint)
    expand, expand_as, broadcast_to = ops.expand, ops.expand_as, ops.broadcast_to
    select, narrow, unbind = ops.select, ops.narrow, ops.unbind
    split, split_with_sizes, chunk, tensor_split = ops.split, ops.split_with_sizes, ops.chunk, ops.tensor_split
    hsplit, vsplit, dsplit = ops.hsplit, ops.vsplit, ops.dsplit
    diagonal, unfold, as_strided = ops.diagonal, ops.unfold, ops.as_strided
    unsafe_split, unsafe_chunk, narrow_copy = ops.unsafe_split, ops.unsafe_chunk, ops.narrow_copy
    sum_to_size = ops.sum_to_size
    clone, contiguous = ops.clone, ops.contiguous
    t_, transpose_, swapaxes_ = ops.reshaping.t_, ops.reshaping.transpose_, ops.reshaping.swapaxes_
    squeeze_, unsqueeze_, swapdims_ = ops.reshaping.squeeze_, ops.reshaping.unsqueeze_, ops.reshaping.swapdims_
    as_strided_, resize_ = ops.reshaping.as_strided_, ops.reshaping.resize_
    resize_as_, set_ = ops.reshaping.resize_as_, ops.reshaping.set_
    repeat, tile, repeat_interleave = ops.repeat, ops.tile, ops.repeat_interleave
    flip, fliplr, flipud, roll, rot90 = ops.flip, ops.fliplr, ops.flipud, ops.roll, ops.rot90
    tril, tril_ = both(ops.tril)
    triu, triu_ = both(ops.triu)
    diag, diag_embed, diagflat, trace = ops.diag, ops.diag_embed, ops.diagflat, ops.trace

    # -- reduction

    sum, mean, prod, nansum, nanmean, count_nonzero = (
        ops.sum,
        ops.mean,
        ops.prod,
        ops.nansum,
        ops.nanmean,
        ops.count_nonzero,
    )
    max, min, amax, amin, aminmax = ops.max, ops.min, ops.amax, ops.amin, ops.aminmax
    argmax, argmin, any, all = ops.argmax, ops.argmin, ops.any, ops.all
    var, std, norm, dist = ops.var, ops.std, ops.norm, ops.dist
    renorm, renorm_ = both(ops.renorm)
    cumsum, cumsum_ = both(ops.cumsum)
    cumprod, cumprod_ = both(ops.cumprod)
    cummax, cummin, logcumsumexp, diff = ops.cummax, ops.cummin, ops.logcumsumexp, ops.diff

    # -- products

    __matmul__, __rmatmul__ = ops.matmul, reflected(ops.matmul)
    matmul, mm, bmm, mv, dot, vdot, inner = ops.matmul, ops.mm, ops.bmm, ops.mv, ops.dot, ops.vdot, ops.inner
    outer, ger, cross, kron = ops.outer, ops.ger, ops.cross, ops.kron
    addmm, addmm_ = both(ops.addmm)
    addmv, addmv_ = both(ops.addmv)
    addr, addr_ = both(ops.addr)
    addbmm, addbmm_ = both(ops.addbmm)
    baddbmm, baddbmm_ = both(ops.baddbmm)

    inverse, det, slogdet, logdet, pinverse = ops.inverse, ops.det, ops.slogdet, ops.logdet, ops.pinverse
    cholesky, cholesky_inverse, cholesky_solve = ops.cholesky, ops.cholesky_inverse, ops.cholesky_solve
    qr, svd, lu, lu_solve, geqrf = ops.qr, ops.svd, ops.lu, ops.lu_solve, ops.geqrf
    orgqr, ormqr, triangular_solve = ops.orgqr, ops.ormqr, ops.triangular_solve
    matrix_exp, matrix_power, cov, corrcoef = ops.matrix_exp, ops.matrix_power, ops.cov, ops.corrcoef

    stft, istft = ops.stft, ops.istft

    # -- filling and new tensors

    new_zeros, new_ones, new_empty, new_full = (
        ops.like.new_zeros,
        ops.like.new_ones,
        ops.like.new_empty,
        ops.like.new_full,
    )
    new = ops.like.new
    new_tensor, new_empty_strided = ops.like.new_tensor, ops.like.new_empty_strided
    fill_, zero_, copy_ = ops.indexing.fill_, ops.indexing.zero_, ops.indexing.copy_
    fill_diagonal_, nonzero_static = ops.indexing.fill_diagonal_, ops.nonzero_static
    normal_, uniform_, random_ = ops.sampling.normal_, ops.sampling.uniform_, ops.sampling.random_
    exponential_, cauchy_, log_normal_ = ops.sampling.exponential_, ops.sampling.cauchy_, ops.sampling.log_normal_
    bernoulli_, geometric_ = ops.sampling.bernoulli_, ops.sampling.geometric_
    bernoulli, multinomial = ops.bernoulli, ops.multinomial

    # -- order

    sort, argsort, msort, topk, kthvalue = ops.sort, ops.argsort, ops.msort, ops.topk, ops.kthvalue
    median, nanmedian, mode, quantile, nanquantile = ops.median, ops.nanmedian, ops.mode, ops.quantile, ops.nanquantile
    unique, unique_consecutive, isin = ops.unique, ops.unique_consecutive, ops.isin
    bincount, histc, histogram = ops.bincount, ops.histc, ops.histogram

    # -- gather and scatter

    gather, take_along_dim, index_select, take = ops.gather, ops.take_along_dim, ops.index_select, ops.take
    scatter, scatter_ = both(ops.scatter)
    scatter_add, scatter_add_ = both(ops.scatter_add)
    scatter_reduce, scatter_reduce_ = both(ops.scatter_reduce)
    index_add, index_add_ = both(ops.index_add)
    index_copy, index_copy_ = both(ops.index_copy)
    index_fill, index_fill_ = both(ops.index_fill)
    index_reduce, index_reduce_ = both(ops.index_reduce)
    index_put, index_put_ = both(ops.index_put)
    put, put_ = both(ops.put)
    masked_fill, masked_fill_ = both(ops.masked_fill)
    masked_scatter, masked_scatter_ = both(ops.masked_scatter)
    masked_select, nonzero, argwhere = ops.masked_select, ops.nonzero, ops.argwhere
    select_scatter, slice_scatter, diagonal_scatter = ops.select_scatter, ops.slice_scatter, ops.diagonal_scatter
    as_strided_scatter = ops.as_strided_scatter


_OWN = {"_array", "_edge", "_base", "_path", "_views", "_grad", "_untracked"}


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool, extra: dict[str, Any]) -> Tensor:
    tensor = object.__new__(cls)
    tensor._array = array
    vars(tensor).update(extra)
    return tensor.requires_grad_(requires_grad)


def _follow(view: Any, base: Any) -> None:
    """Gives a view its array anew after its base was laid out differently in memory."""
    array = base._array
    for kind, args in view._path:
        array = kind.forward(kind(), array, *args)
    if owner(array) is not owner(base._array):  # in PyTorch's layout this reshape is a copy
        view._base = None
    view._array = array


def _strides_of(array: Any) -> tuple[int, ...]:
    return tuple(s // max(array.itemsize, 1) for s in array.strides)


set_tensor_type(Tensor)
