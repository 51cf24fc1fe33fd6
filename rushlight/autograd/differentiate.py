"""`backward` and `grad`: from tensors to a walk over the tape."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GraphError, OperatorError, ShapeError
from .tape import GradientEdge, TensorBase, standing_for, wrap
from .walk import walk

if TYPE_CHECKING:
    from ..tensor import Tensor

Tensors = Any  # a Tensor or a sequence of them


def _as_tuple(x: Any) -> tuple[Any, ...]:
    """A tensor, a `GradientEdge` or a sequence of them as a tuple of tensors."""
    many = (x,) if x is None or isinstance(x, (TensorBase, GradientEdge)) else x
    return tuple([standing_for(each) for each in many])


def _root_gradient(output: Any, gradient: Any, create_graph: bool, name: str) -> Any:
    """The gradient to start from: ones for a scalar output, else what the caller gives."""
    if output._edge is None:
        raise GraphError(f"{name}: element 0 of tensors does not require grad and does not have a grad_fn")
    if gradient is None:
        if output._array.size != 1:
            raise OperatorError(
                f"{name}: grad can be implicitly created only for scalar outputs, not for shape {tuple(output.shape)}"
            )
        array = output._array
        plain = not array.ndim and type(array) is np.ndarray  # the usual case, and made faster
        array = np.array(1, array.dtype) if plain else np.ones_like(array)
        return wrap(array) if create_graph else array
    if gradient._array.shape != output._array.shape:
        raise ShapeError(
            f"{name}: Mismatch in shape: grad_output has a shape of {tuple(gradient.shape)} and output has a shape "
            f"of {tuple(output.shape)}."
        )
    if gradient._array.dtype != output._array.dtype:
        gradient = gradient.to(output.dtype)
    return gradient if create_graph else gradient._array


def _roots(outputs: Tensors, gradients: Tensors, create_graph: bool, name: str) -> list[tuple[Any, Any]]:
    if gradients is None and isinstance(outputs, TensorBase):  # the usual call
        return [(outputs._edge, _root_gradient(outputs, None, create_graph, name))]
    outputs = _as_tuple(outputs)
    gradients = (None,) * len(outputs) if gradients is None else _as_tuple(gradients)
    if len(gradients) != len(outputs):
        raise GraphError(f"{name}: got {len(outputs)} tensors and {len(gradients)} gradients")
    return [(out._edge, _root_gradient(out, g, create_graph, name)) for out, g in zip(outputs, gradients)]


def backward(
    tensors: Tensors,
    grad_tensors: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensors = None,
    inputs: Tensors = None,
) -> None:
    """Adds the gradients of `tensors` with respect to the graph's leaves to their `.grad`.

    Args:
        tensors: outputs; those with more than one element need a gradient.
        grad_tensors: d(something)/d(output) for each output, of its shape; None for scalars.
        retain_graph: keep what was saved, so that the graph can be walked again.
        create_graph: record the walk itself, for derivatives of higher order.
        inputs: accumulate into these tensors only.

    Raises:
        RuntimeError: nothing requires grad, shapes differ, the graph was freed, or a saved array was overwritten.
    """
    if grad_variables is not None:
        grad_tensors = grad_variables  # torch: the argument's old name
    roots = _roots(tensors, grad_tensors, create_graph, "backward")
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        walk(roots, None, retain, create_graph)
        return
    inputs = _as_tuple(inputs)
    if not inputs:
        raise GraphError("backward: 'inputs' argument to backward cannot be empty.")
    arrived = walk(roots, [_edge_of(x, "backward") for x in inputs], retain, create_graph)
    for x in inputs:
        found = arrived.get(x._edge)
        if found is not None:
            found = found if isinstance(found, TensorBase) else wrap(np.copy(found))
            x._grad = found if x._grad is None else x._grad + found
            for hook in list((getattr(x._edge, "after", None) or {}).values()):
                hook(x)


def _edge_of(x: Any, name: str) -> Any:
    if x._edge is None:
        raise GraphError(f"{name}: One of the differentiated Tensors does not require grad")
    return x._edge


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of `outputs` with respect to `inputs`, returned instead of accumulated.

    Args:
        outputs, inputs: a Tensor or a sequence of Tensors; inputs may be leaves or intermediate results, and
            may be given as a dict, then gradients come as one.
        grad_outputs, retain_graph, create_graph: as for `backward`.
        only_inputs: always so; False is told to be of no effect, as PyTorch does.
        allow_unused: return None for an input that the outputs do not depend on, instead of raising.
        materialize_grads: return zeros for such an input.
        is_grads_batched: `grad_outputs` has a leading batch dimension; the result has it too.

    Example:
        >>> x = rushlight.tensor(3., requires_grad=True)
        >>> rushlight.autograd.grad(x ** 2, x)
        (tensor(6.),)
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if isinstance(inputs, dict):
        found = grad(
            outputs,
            tuple(inputs.values()),
            grad_outputs,
            retain_graph,
            create_graph,
            allow_unused=allow_unused,
            is_grads_batched=is_grads_batched,
            materialize_grads=materialize_grads,
        )
        return dict(zip(inputs, found))
    inputs = _as_tuple(inputs)
    if is_grads_batched:
        return _grad_batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    roots = _roots(outputs, grad_outputs, create_graph, "grad")
    edges = [_edge_of(x, "grad") for x in inputs]
    retain = create_graph if retain_graph is None else retain_graph
    arrived = walk(roots, edges, retain, create_graph)
    return tuple(_result(arrived.get(e), x, allow_unused, materialize_grads) for e, x in zip(edges, inputs))


def _result(found: Any, x: Tensor, allow_unused: bool | None, materialize: bool) -> Any:
    if found is None and materialize:
        return wrap(np.zeros_like(x._array))
    if found is None and not allow_unused:
        raise GraphError(
            "grad: One of the differentiated Tensors appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    return found if found is None or isinstance(found, TensorBase) else wrap(np.copy(found))


def _grad_batched(outputs: Any, inputs: Any, grad_outputs: Any, *options: Any) -> tuple[Any, ...]:
    """One walk for all entries of the batch."""
    from ..batching.mapping import Map, Unmap  # made of operators, which are made of the tape
    from ..batching.operators import batching

    retain_graph, create_graph, allow_unused, materialize = options
    batches = _as_tuple(grad_outputs)
    with batching(batches[0]._array.shape[0], "error") as level:
        seeds = [Map.apply(each, level, 0) for each in batches]
        found = grad(
            outputs, inputs, seeds, retain_graph, create_graph, allow_unused=allow_unused, materialize_grads=materialize
        )
        return tuple(None if each is None else Unmap.apply(each, level, 0) for each in found)
