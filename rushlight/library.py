"""`torch.library`: operators of one's own, with a name under `torch.ops` and a backward that is registered beside them.

PyTorch's compiler calls such an operator without looking inside. Here it is a function that the tape records as one
entry; `register_fake`, which tells the compiler about shapes, is taken and not needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .autograd import Function, no_grad
from .errors import ArgumentError, OperatorError, UnsupportedError

__all__ = [
    "CustomOpDef",
    "custom_op",
    "get_kernel",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_vmap",
]

OPERATORS: dict[str, CustomOpDef] = {}  # by "space::name"


class CustomOpDef:
    """An operator of one's own, as `custom_op` makes it."""

    def __init__(self, name: str, function: Callable[..., Any], mutates_args: str | Iterable[str]) -> None:
        self._qualname, self._function, self._mutates = name, function, bool(mutates_args)
        self._backward: Callable[..., Any] | None = None
        self._setup_context: Callable[..., Any] | None = None
        self.__name__, self.__doc__ = name.rpartition(":")[2], function.__doc__
        self.default = self  # torch.ops.space.name.default

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._mutates:
            return self._function(*args, **kwargs)
        bound = inspect.signature(self._function).bind(*args, **kwargs)
        bound.apply_defaults()
        return _Recorded.apply(self, bound.kwargs, *bound.args)

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """How gradients go through it.

        Args:
            backward: (ctx, *grads of the results) -> a gradient, or None, for each argument.
            setup_context: (ctx, inputs, output), and keyword_only_inputs if there are: keeps what backward needs.

        Raises:
            RuntimeError: the operator writes into an argument.
        """
        if self._mutates:
            raise OperatorError(f"Cannot register autograd formula for non-functional operator {self._qualname}")
        self._backward, self._setup_context = backward, setup_context

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Takes the function that tells PyTorch's compiler about shapes; nothing here asks for it."""
        return fn

    def register_kernel(
        self, device_types: str | Sequence[str] | None, fn: Callable[..., Any] | None = None, /
    ) -> Callable[..., Any]:
        """The function for the CPU; those for other devices are never called. A decorator without `fn`."""
        if fn is None:
            return lambda function: self.register_kernel(device_types, function)
        if device_types is None or "cpu" in ([device_types] if isinstance(device_types, str) else device_types):
            self._function = fn
        return fn


class _Recorded(Function):
    """A call of such an operator on the tape."""

    @staticmethod
    def forward(ctx: Any, op: CustomOpDef, options: dict[str, Any], *args: Any) -> Any:
        ctx.op = op
        with no_grad():
            output = op._function(*args, **options)
        if op._setup_context is not None:
            named = {"keyword_only_inputs": options} if options else {}
            op._setup_context(ctx=ctx, inputs=args, output=output, **named)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if ctx.op._backward is None:
            raise OperatorError(
                f"Trying to backward through {ctx.op._qualname} but no autograd formula was registered. Please use "
                "register_autograd to add one."
            )
        found = ctx.op._backward(ctx, *grads)
        return None, None, *(found if isinstance(found, tuple) else (found,))


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Sequence[str] | None = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Makes a function an operator, `torch.ops.space.name`; a decorator without `fn`.

    Args:
        name: "space::name".
        mutates_args: the arguments that it writes into; () for none.
        device_types: the function is for these; None for all.
        schema, tags: taken, and not needed: the function's own signature counts.

    Raises:
        ValueError: a name without a space.

    Example:
        >>> @custom_op("doc::twice", mutates_args=())
        ... def twice(x: Tensor) -> Tensor:
        ...     return x * 2
        >>> twice.register_autograd(lambda ctx, grad: grad * 2)
        >>> x = rushlight.ones(2, requires_grad=True)
        >>> twice(x).sum().backward()
        >>> x.grad
        tensor([2., 2.])

    Source: the behaviour of torch.library.custom_op.
    """
    if fn is None:
        return lambda function: custom_op(name, function, mutates_args=mutates_args, device_types=device_types)
    space, _, own = name.partition("::")
    if not (space and own):
        raise ArgumentError(f"custom_op: expected a name of the form 'space::name', got {name!r}")
    op = CustomOpDef(name, fn, mutates_args)
    if device_types is not None and "cpu" not in ([device_types] if isinstance(device_types, str) else device_types):
        op._function = _absent(name)
    OPERATORS[name] = op
    return op


def _absent(name: str) -> Callable[..., Any]:
    def raise_(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"{name}: there is no function for the CPU; register_kernel('cpu') gives it one")

    return raise_


def _found(op: Any) -> CustomOpDef:
    """An operator, given by name or as it is.

    Raises:
        RuntimeError: none was made of that name.
    """
    if isinstance(op, CustomOpDef):
        return op
    if op not in OPERATORS:
        raise OperatorError(f"torch.library: there is no operator {op!r}; make it with custom_op")
    return OPERATORS[op]


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """How gradients go through an operator; see `CustomOpDef.register_autograd`."""
    _found(op).register_autograd(backward, setup_context=setup_context)


def register_kernel(op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """The function for a device; see `CustomOpDef.register_kernel`."""
    return _found(op).register_kernel(device_types, func)


def register_fake(
    op: Any,
    func: Callable[..., Any] | None = None,
    /,
    *,
    lib: Any = None,
    _stacklevel: int = 1,
    allow_override: bool = False,
) -> Any:
    """Takes the function that tells PyTorch's compiler about shapes; a decorator without `func`."""
    return (lambda function: function) if func is None else func


impl_abstract = register_fake


def register_vmap(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Any = None) -> Any:
    """Refused: `vmap` maps the operators that a function is made of."""
    raise UnsupportedError("register_vmap: an operator of one's own cannot be mapped; call the plain function in vmap")


def get_kernel(op: Any, dispatch_key: Any) -> Callable[..., Any]:
    """The function of an operator for the CPU."""
    return _found(op)._function
