"""The Tensor: an array, its place on the tape, what a user asks of both, and conversions. `methods.py` has the
operators that are its methods."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import dtypes, gpu, ops
from .autograd import differentiate
from .autograd.tape import Leaf, Operator, Pick, TensorBase, owner, set_tensor_type, steps, version, wrap
from .device import CPU, check_device, chosen, device
from .errors import DTypeError, GraphError, OperatorError, ScalarError, ShapeError
from .hooks import RemovableHandle, register
from .kernels import native
from .kernels.arrays import address_of, root_of
from .kernels.places import device_of, is_pinned, moved, pinned
from .kernels.sparse import Coo
from .methods import Methods
from .ops.numpy_protocol import call_function, call_ufunc
from .ops.promotion import cast

F = TypeVar("F", bound=Callable[..., Any])


class SizeBase(tuple):  # type: ignore[type-arg]
    """A tuple of which a part is one of its kind."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return type(self)(found) if isinstance(key, slice) else found


if native is not None and not TYPE_CHECKING:
    SizeBase = native.SizeBase


class Size(SizeBase):
    """A shape: a tuple of ints with PyTorch's `numel()`."""

    __slots__ = ()

    def numel(self) -> int:
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __add__(self, other: Any) -> Size:
        return Size(super().__add__(tuple(other)))


class Tensor(Methods):
    """A multi-dimensional array of one dtype, on which operators are recorded for gradients.

    Made by `rushlight.tensor(data)`, `zeros`, `rand`, `from_numpy` and so on; `Tensor(2, 3)` is an uninitialised
    float32 tensor of that shape and `Tensor([1, 2])` one with these values, as in PyTorch.
    """

    __array_priority__ = 1000

    def __new__(cls, *data: Any, device: Any = None, dtype: Any = None, requires_grad: bool = False) -> Any:
        self = object.__new__(cls)
        self._array = moved(ops.creation.legacy_array(data, dtypes.float32), check_device(device))
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
        return CPU if type(self._array) is np.ndarray else device_of(self._array)

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    element_size = lambda self: self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    is_quantized = is_meta = is_mps = is_mkldnn = is_xpu = is_nested = is_sparse_csr = False
    names = None

    is_ipu = is_xla = is_hpu = is_mtia = is_maia = is_vulkan = False
    name = None

    @property
    def is_cpu(self) -> bool:
        return self.device is CPU

    @property
    def is_cuda(self) -> bool:
        return self.device is not CPU

    @property
    def is_sparse(self) -> bool:
        return type(self._array) is Coo

    @property
    def layout(self) -> Any:
        return ops.conversion.sparse_coo if self.is_sparse else ops.conversion.strided

    def get_device(self) -> int:
        """The number of the GPU; -1 for the CPU."""
        index = self.device.index
        return -1 if index is None else index

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
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    # ---------------------------------------------------------------------------------------------- memory layout

    def _pin(self) -> Any:
        """The array in PyTorch's layout. Where the layout is ours to choose (a result may lie channels-last in memory),
        asking for it settles it: from then on the result is contiguous, and its views are views of that."""
        if not self._is_settled():
            base: Any = self if self._base is None else self._base
            base._array = base._array.copy(order="C")
            live = [ref() for ref in base._views or ()]
            for view in live if base is self else [self, *(v for v in live if v is not self)]:
                if view is not None:
                    _follow(view, base)
        return self._array

    def _is_settled(self) -> bool:
        """Whether the array lies as PyTorch's would. Where it does not, PyTorch's lies in row-major order."""
        base: Any = self if self._base is None else self._base
        return bool(base._array.flags.c_contiguous or base._layout_kept)

    _untracked = False  # writes go unnoticed by the tape, as PyTorch has it for `.data`
    _layout_kept = False  # the strides are the user's choice (channels_last, memory of a NumPy array), so they stay

    def stride(self, dim: int | None = None) -> Any:
        """Steps in memory, in elements, from one entry of a dimension to the next."""
        array = self._array if self._array.flags.c_contiguous else self._pin()
        strides = _strides_of(array)
        return strides if dim is None else strides[ops.dims.wrap_dim(dim, self.ndim, "stride")]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in row-major order (or channels-last, if that is asked)."""
        if memory_format is None or memory_format is ops.conversion.contiguous_format:
            return bool(self._pin().flags.c_contiguous)
        return ops.conversion.is_channels_last(self._array)

    def storage_offset(self) -> int:
        array = self._pin()
        return (address_of(array) - address_of(root_of(array))) // max(array.itemsize, 1)

    def data_ptr(self) -> int:
        return address_of(self._pin())

    @property
    def _version(self) -> int:
        return version(self._array)

    def storage(self) -> Any:
        """The block of memory that this tensor lies in, in its dtype; see `rushlight.storage`."""
        from .storage import typed_storage  # of use to few programs

        return typed_storage(self)

    _typed_storage = storage

    def untyped_storage(self) -> Any:
        """The block of memory that this tensor lies in, as bytes."""
        return self.storage().untyped()

    def share_memory_(self) -> Tensor:
        """Moves this tensor into memory that stays one and the same when it is sent to another process."""
        from .multiprocessing.shared import moved  # of use to few programs

        self._array, self._base = moved(self._pin()), None
        return self

    def is_shared(self) -> bool:
        """Whether it lies in such memory."""
        from .multiprocessing.shared import is_shared

        return is_shared(self._array)

    # ------------------------------------------------------------------------------------------------ conversions

    def numpy(self, *, force: bool = False) -> Any:
        """This tensor's memory as a NumPy array, without a copy.

        Raises:
            RuntimeError: the tensor requires grad (use `.detach()`, or `force=True`).
            TypeError: it is on a GPU (use `.cpu()`, or `force=True`).
        """
        if self._edge is not None and not force:
            raise GraphError(
                "numpy: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if self._array.dtype.kind == "V":
            raise DTypeError(f"numpy: Got unsupported ScalarType {self.dtype.name}; use .float().numpy()")
        if self.device is not CPU:
            if not force:
                raise DTypeError(
                    f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                    "host memory first."
                )
            return moved(self._array, CPU)
        return np.asarray(self._pin())

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
            raise ScalarError(f"item: a Tensor with {self._array.size} elements cannot be converted to Scalar")
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
            non_blocking: accepted. A copy of pinned memory to a GPU does not hold the program up in any case, and what
                comes to the CPU is complete.
            copy: make a copy even if nothing changes.
            memory_format: `channels_last`, `contiguous_format` or `preserve_format`.
        """
        if len(args) == 1 and not kwargs and type(args[0]) in (str, device):  # the usual call
            return ops.moving.to_device(self, args[0])
        where, kind, copy_, memory_format = ops.conversion.parse_to(args, kwargs)
        result = self if where is None else ops.moving.to_device(self, where)
        result = result if kind is None else cast(result, kind)
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
        """This tensor on the CPU: itself if it is there, else a copy."""
        return self.to("cpu", memory_format=memory_format)

    def cuda(self, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        """This tensor on a GPU, by default the current one: itself if it is there, else a copy."""
        where = "cuda" if device is None else device
        return self.to(where, non_blocking=non_blocking, memory_format=memory_format)

    def as_subclass(self, cls: Any) -> Any:
        """The same memory and place in the graph as an instance of a subclass of Tensor."""
        if not (isinstance(cls, type) and issubclass(cls, Tensor)):
            raise DTypeError(f"as_subclass: expected a subclass of Tensor, got {cls!r}")
        twin = object.__new__(cls)
        twin._array, twin._edge = self._array, self._edge
        return twin

    def _refuse_recorded(self, name: str) -> None:
        if self._edge is not None:
            raise OperatorError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        """Replaces each element by `callable(element)`; slow, for what no operator does."""
        self._refuse_recorded("apply_")
        self._array[...] = np.reshape([callable(element) for element in self.ravel().tolist()], self._array.shape)
        return self

    def map_(self, other: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Replaces each element by `callable(element, element of other)`; slow, for what no operator does."""
        self._refuse_recorded("map_")
        if self._array.dtype != other._array.dtype:
            raise DTypeError(f"map_: expected {self.type()} for 'other' (got {other.type()})")
        pairs = zip(self.ravel().tolist(), other.expand_as(self).ravel().tolist())
        self._array[...] = np.reshape([callable(*pair) for pair in pairs], self._array.shape)
        return self

    def pin_memory(self, device: Any = None) -> Tensor:
        """A copy in memory from which a GPU reads on its own, while the program goes on; itself if it is there, or if
        there is no GPU."""
        return self if self.is_pinned() or not gpu.count() else wrap(pinned(self.numpy()))

    def is_pinned(self, device: Any = None) -> bool:
        """Whether it lies in such memory."""
        return is_pinned(self._array)

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
        if chosen:
            with chosen.aside():
                Tensor.backward(self, gradient, retain_graph, create_graph, inputs)
        else:
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
        """torch: another leaf over the same memory, without the gradient."""
        twin = self.detach().as_subclass(type(self))
        vars(twin).update({k: v for k, v in vars(self).items() if k not in _OWN})
        return twin.requires_grad_(self.requires_grad)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise GraphError("pickle: only leaf tensors can be pickled; use detach()")
        extra = {k: v for k, v in vars(self).items() if k not in _OWN}
        array = np.asarray(moved(self._array, CPU), order="C")
        return _rebuild, (type(self), array, self.requires_grad, extra, self.device)


_OWN = {"_array", "_edge", "_base", "_path", "_views", "_views_due", "_grad", "_untracked"}


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool, extra: dict[str, Any], where: device = CPU) -> Tensor:
    tensor = object.__new__(cls)
    tensor._array = moved(array, where)
    vars(tensor).update(extra)
    return tensor.requires_grad_(requires_grad)


def _follow(view: Any, base: Any) -> None:
    """Gives a view its array anew after its base was laid out differently in memory."""
    array = base._array
    for kind, args in steps(view._path):
        array = kind.forward(kind(), array, *args)
    if owner(array) is not owner(base._array):  # in PyTorch's layout this reshape is a copy
        view._base = None
    view._array = array


def _strides_of(array: Any) -> tuple[int, ...]:
    size = array.itemsize or 1
    return tuple([s // size for s in array.strides])


set_tensor_type(Tensor)
