"""Tensors that a Module owns: Parameter (trained), Buffer (kept), and their kinds that learn their shape later."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import dtypes
from ..autograd.tape import Leaf, TensorBase, wrap
from ..device import check_device
from ..device import device as Device
from ..errors import ArgumentError, DTypeError, OperatorError
from ..kernels.places import device_of, made
from ..ops.conversion import parse_to
from ..tensor import Tensor


def _share(cls: type[Any], data: Any, requires_grad: bool) -> Any:
    """A tensor of class `cls` over the memory of `data`."""
    if data is not None and not isinstance(data, TensorBase):
        raise DTypeError(f"{cls.__name__}: data is to be a Tensor, got {type(data).__name__}")
    tensor = object.__new__(cls)
    tensor._array = np.empty(0, dtypes.get_default_dtype().numpy) if data is None else data._array
    return tensor.requires_grad_() if requires_grad else tensor


class Parameter(Tensor):
    """A tensor that is trained: assigned to an attribute of a Module it joins `Module.parameters()`.

    Args:
        data: the tensor whose memory it takes.
        requires_grad: collect gradients in `.grad`.

    Raises:
        TypeError: data is not a Tensor.
        RuntimeError: gradients are wanted for a tensor of integers.

    Example:
        >>> Parameter(rushlight.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    _is_param = True

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        return _share(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """torch: the copy of a Parameter starts without a gradient, unlike that of other tensors."""
        if id(self) not in memo:
            memo[id(self)] = type(self)(wrap(self._array.copy()), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__(**options)


class Buffer(Tensor):
    """A tensor that belongs to a Module but is not trained: assigned to an attribute it joins `Module.buffers()`.

    Args:
        data: the tensor whose memory it takes.
        persistent: whether it is part of the module's `state_dict()`.

    Example:
        >>> Buffer(rushlight.zeros(2), persistent=False).persistent
        False
    """

    persistent: bool
    _is_buffer = True

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        buffer = _share(cls, data, data is not None and data.requires_grad)
        buffer.persistent = persistent
        return buffer


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet: it has a dtype and becomes an ordinary tensor by `materialize`."""

    cls_to_become: ClassVar[type[Tensor]]
    _kind: dtypes.dtype
    _place: Device
    _edge: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Turns this object into an ordinary tensor of that shape, with arbitrary values."""
        where = self._place if device is None else check_device(device)
        kind = self._kind if dtype is None else dtypes.as_dtype(dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self._array = made("empty", tuple(shape), kind.numpy, where)

    @property
    def _array(self) -> Any:
        raise ArgumentError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules "
            "Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @_array.setter
    def _array(self, array: Any) -> None:
        self._kind, self._place = dtypes.of(array), device_of(array)

    @property
    def shape(self) -> Any:
        raise OperatorError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> dtypes.dtype:
        return self._kind

    @property
    def device(self) -> Device:
        return self._place

    @property
    def data(self) -> Tensor:
        return wrap(made("empty", (0,), self._kind.numpy, self._place))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._kind, self._place = value.dtype, value.device

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        where, kind, _, _ = parse_to(args, kwargs)
        return type(self)(self.requires_grad, where or self._place, kind or self._kind)  # type: ignore[attr-defined, call-arg, return-value]

    def detach(self) -> Any:
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        if requires_grad and not (self._kind.is_floating_point or self._kind.is_complex):
            raise OperatorError("only Tensors of floating point and complex dtype can require gradients")
        if not requires_grad:
            self._edge = None
        elif self._edge is None:
            self._edge = Leaf(self)  # type: ignore[arg-type]
        return self

    def is_complex(self) -> bool:
        return self._kind.is_complex

    def share_memory_(self) -> Any:
        raise OperatorError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
            "parameters before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return memo.setdefault(id(self), type(self)(self.requires_grad, self._place, self._kind))  # type: ignore[attr-defined, call-arg]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, self._place, self._kind)  # type: ignore[attr-defined]


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A Parameter whose shape the first forward pass will tell; see the Lazy modules.

    Args:
        requires_grad: whether it will collect gradients.
        dtype: what it will hold; float32 by default.
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _uninitialized(cls, requires_grad, device, dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose shape the first forward pass will tell."""

    cls_to_become = Tensor
    _is_buffer = True

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        buffer = _uninitialized(cls, requires_grad, device, dtype)
        buffer.persistent = persistent
        return buffer


def _uninitialized(cls: type[Any], requires_grad: bool, device: Any, dtype: Any) -> Any:
    tensor = object.__new__(cls)
    tensor._place = check_device(device)
    tensor._kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return tensor.requires_grad_(requires_grad)


def is_lazy(param: Any) -> bool:
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
