"""Modules as functions of their parameters, for `grad` and `vmap` over models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import ops
from ..errors import ArgumentError, OperatorError, UnsupportedError
from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from ..nn.utils.stateless import call_with

TensorDict = dict[str, Any]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: TensorDict | Sequence[TensorDict],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other tensors for its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: the tensors by dotted name, in one dict or several; others stay as they are.
        args: one positional argument, or a tuple of them.
        tie_weights: a tensor given for one name of a shared parameter is used for all of them.
        strict: every name must be given, and no other.

    Raises:
        ValueError: no dicts, a name in several of them, or different tensors for names of one parameter.
        RuntimeError: names do not fit in strict mode.

    Example:
        >>> model = rushlight.nn.Linear(2, 1, bias=False)
        >>> functional_call(model, {"weight": rushlight.ones(1, 2)}, rushlight.ones(2))
        tensor([2.])
    """
    tensors = _merged(parameter_and_buffer_dicts)
    return call_with(module, tensors, args, kwargs, tie_weights=tie_weights, strict=strict)


def _merged(dicts: Any) -> TensorDict:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ArgumentError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(each, dict) for each in dicts):
        raise ArgumentError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for each in dicts for name in each]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ArgumentError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: tensor for each in dicts for name, tensor in each.items()}


def stack_module_state(models: Sequence[Module]) -> tuple[TensorDict, TensorDict]:
    """The parameters and the buffers of models of one kind, each stacked over the models: what an ensemble under `vmap`
    is called with.

    Returns:
        Two dicts by name of tensors (M, ...); the parameters are new leaves.

    Raises:
        RuntimeError: no models, or models that differ in class, mode or requires_grad.

    Example:
        >>> parameters, buffers = stack_module_state([rushlight.nn.Linear(2, 3) for _ in range(4)])
        >>> parameters["weight"].shape
        torch.Size([4, 3, 2])
    """
    if not len(models):
        raise OperatorError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise OperatorError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise OperatorError("stack_module_state: Expected all models to be of the same class.")
    return (
        _stacked([dict(model.named_parameters()) for model in models]),
        _stacked([dict(model.named_buffers()) for model in models]),
    )


def _stacked(dicts: list[TensorDict]) -> TensorDict:
    return {name: _stacked_leaf(name, [each[name] for each in dicts]) for name in dicts[0]}


def _stacked_leaf(name: str, tensors: list[Any]) -> Any:
    if len({t.requires_grad for t in tensors}) > 1:
        raise OperatorError(f"Expected {name} from each model to have the same .requires_grad")
    return ops.stack([t.detach() for t in tensors]).requires_grad_(tensors[0].requires_grad)


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Lets every batch norm in `root` forget its running statistics, which `vmap` could not update; returns `root`."""
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> NoReturn:
    """PyTorch's removal of in-place operators from a traced program, which there is no tracer for here.

    Raises:
        NotImplementedError: always.
    """
    raise UnsupportedError(
        "functionalize: there is no program to remove in-place operators from, as nothing is traced; call the function "
        "as it is: the transforms take in-place operators."
    )
