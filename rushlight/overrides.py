"""`torch.overrides`: how libraries ask whether an argument takes over PyTorch's functions.

Tensors here do not hand calls over to `__torch_function__`, and the answers say so; objects that are no tensors are
asked, where a library hands them its own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from .autograd.tape import TensorBase


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or has `__torch_function__`."""
    return isinstance(inp, TensorBase) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether it is a method or property of Tensor."""
    return func in vars(TensorBase).values() or getattr(func, "__name__", "") == "__get__"


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of these takes over the functions that it is given to."""
    return any(not isinstance(a, TensorBase) and hasattr(type(a), "__torch_function__") for a in relevant_args)


def has_torch_function_unary(obj: Any) -> bool:
    """`has_torch_function` of one object."""
    return has_torch_function((obj,))


def has_torch_function_variadic(*objs: Any) -> bool:
    """`has_torch_function` of several objects."""
    return has_torch_function(objs)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Hands a call over to the first argument that takes it.

    Raises:
        TypeError: none does.
    """
    takers = [a for a in relevant_args if has_torch_function((a,))]
    for taker in takers:
        result = type(taker).__torch_function__(public_api, tuple({type(t) for t in takers}), args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(f"no implementation found for {public_api!r} on types that implement __torch_function__")


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """Makes a function hand its calls over to arguments that take them; `dispatcher` tells which arguments may."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            relevant = list(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(call, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return call

    return decorate


def get_default_nowrap_functions() -> set[Any]:
    """Functions whose results PyTorch does not turn into a subclass: none are turned here."""
    return set()


def resolve_name(f: Any) -> str | None:
    """The name of one of PyTorch's functions: 'torch.add', 'torch.nn.functional.relu'."""
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if module is None or name is None:
        return None
    return f"torch.nn.functional.{name}" if ".nn." in module else f"torch.{name}"
