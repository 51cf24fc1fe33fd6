"""Calling a module with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..module import Module

TensorDict = dict[str, Any]


def _all_named(module: Module) -> TensorDict:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _with_ties(module: Module, given: TensorDict) -> TensorDict:
    """What was given for one name of a tensor that has several, given for all of them.

    Raises:
        ValueError: different tensors were given for names of the same one.
    """
    names: dict[int, list[str]] = {}
    for name, tensor in _all_named(module).items():
        names.setdefault(id(tensor), []).append(name)
    full = dict(given)
    for tied in names.values():
        values = {id(given[name]): given[name] for name in tied if name in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Consider using "
                "tie_weights=False"
            )
        full.update((name, value) for name in tied for value in values.values())
    return full


def _check_names(module: Module, given: TensorDict) -> None:
    own = _all_named(module)
    unexpected = [name for name in given if name not in own]
    missing = [name for name in own if name not in given]
    messages = [
        f"{word} key(s): {', '.join(map(repr, names))}."
        for word, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    if messages:
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(messages))


_ABSENT = object()  # at a path where nothing was


def _swap(module: Module, path: str, tensor: Any) -> Any:
    """Puts a tensor at a dotted path, whatever is registered there; returns what was there."""
    prefix, _, name = path.rpartition(".")
    owner = module.get_submodule(prefix)
    before = getattr(owner, name, _ABSENT)
    if tensor is _ABSENT:
        delattr(owner, name)
    elif name in owner._parameters:
        owner._parameters[name] = tensor
    elif name in owner._buffers:
        owner._buffers[name] = tensor
    else:
        setattr(owner, name, tensor)
    return before


@contextmanager
def swapped(module: Module, tensors: TensorDict, tie_weights: bool, strict: bool) -> Iterator[None]:
    """A block in which `tensors` are at their names; what the block puts there is written back to `tensors`."""
    full = _with_ties(module, tensors) if tie_weights else dict(tensors)
    if strict:
        _check_names(module, full)
    before: TensorDict = {}
    try:
        for path, tensor in full.items():
            before[path] = _swap(module, path, tensor)
        yield
    finally:
        after = {path: _swap(module, path, tensor) for path, tensor in before.items()}
        tensors.update((path, after[path]) for path in tensors if path in after)


def reparametrized(
    module: Module, parameters_and_buffers: TensorDict, *, tie_weights: bool = False, strict: bool = False
) -> AbstractContextManager[None]:
    """A block in which a module has other tensors in the place of its parameters and buffers."""
    return swapped(module, parameters_and_buffers, tie_weights, strict)


def call_with(
    module: Module,
    parameters_and_buffers: TensorDict,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`functional_call`, which see."""
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with swapped(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module,
    parameters_and_buffers: TensorDict,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other tensors for its parameters and buffers.

    Args:
        parameters_and_buffers: the tensors by dotted name; others stay as they are. Buffers that the module replaces
            are replaced here.
        args: one positional argument, or a tuple of them.
        tie_weights: a tensor given for one name of a shared parameter is used for all of them.
        strict: every name must be given, and no other.

    Raises:
        RuntimeError: names do not fit in strict mode. AttributeError: a path leads through a module that is not there.
        ValueError: different tensors for names of one parameter.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
