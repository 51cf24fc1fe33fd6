"""Derivatives of functions rather than of recorded tensors: vjp, jvp, jacobian, hessian, vhp, hvp.

Everything is computed in reverse mode. The product J v is the derivative of u -> J^T u, which is linear, applied to v:
two walks, with no forward mode needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GraphError, OperatorError, ShapeError, UnsupportedError
from .differentiate import grad
from .grad_mode import enable_grad, is_grad_enabled, set_grad_enabled
from .tape import TensorBase, wrap

Func = Callable[..., Any]
Tensors = tuple[Any, ...]

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


# ---------------------------------------------------------------------------------------------- arguments and results


def _tuple_of(given: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """A Tensor or a tuple of Tensors as a tuple, and whether it was one."""
    many = isinstance(given, tuple)
    tensors = given if many else (given,)
    for i, each in enumerate(tensors):
        if not isinstance(each, TensorBase):
            where = f"value at index {i}" if many else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {where} has type "
                f"{type(each)}."
            )
    return many, tensors


def _as_given(values: Tensors, many: bool) -> Any:
    return values if many else values[0]


def fresh(tensors: Tensors, create_graph: bool, require: bool) -> Tensors:
    """Tensors to differentiate by: new leaves, or, if the result is to be differentiated too, views of what was
    given."""
    return tuple(
        t.reshape(t.shape) if create_graph and t._edge is not None else t.detach().requires_grad_(require)
        for t in tensors
    )


def _finished(tensors: Tensors, create_graph: bool) -> Tensors:
    return tensors if create_graph else tuple(t.detach() for t in tensors)


def _check_vector(v: Tensors, like: Tensors, many: bool) -> None:
    if len(v) != len(like):
        raise OperatorError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
            if many
            else "The given v should contain a single Tensor."
        )
    for i, (each, other) in enumerate(zip(v, like)):
        if each.shape != other.shape:
            entry = f"Entry {i} in " if many else ""
            raise ShapeError(f"{entry}v has invalid size: should be {other.shape} but got {each.shape}.")


def _vector(v: Any, like: Tensors, many: bool, create_graph: bool, name: str, place: str) -> Tensors | None:
    """The vector of a product, or None where it may be left out: beside a single element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise OperatorError(f"The vector v can only be None if {place} a single Tensor with a single element.")
        return None
    vector = fresh(_tuple_of(v, "v", name)[1], create_graph, False)
    _check_vector(vector, like, many)
    return vector


_RETURNS = "the user-provided function returns"
_TAKES = "the input to the user-provided function is"


# ---------------------------------------------------------------------------------------------------- strict mode


def _independent(what: str) -> GraphError:
    return GraphError(f"{what}. This is not allowed in strict mode.")


def _check_recorded(tensors: Any, strict: bool, what: Callable[[int], str]) -> None:
    for i, t in enumerate(tensors):
        if strict and (t is None or t._edge is None):
            raise _independent(what(i))


def _output_message(i: int) -> str:
    return (
        f"Output {i} of the user-provided function does not require gradients, as it must when running in strict mode"
    )


def _jacobian_message(i: int) -> str:
    return (
        "While computing the hessian, found that the jacobian of the user-provided function with respect to input "
        f"{i} is independent of the input"
    )


def _filled(grads: Tensors, like: Tensors, strict: bool, create_graph: bool, what: str) -> Tensors:
    """Zeros where there is no dependence; in strict mode that is an error."""
    for i, g in enumerate(grads):
        if strict and (g is None or (create_graph and g._edge is None)):
            raise _independent(f"The {what} of the user-provided function is independent of input {i}")
    return tuple(wrap(np.zeros_like(t._array)) if g is None else g for g, t in zip(grads, like))


def gradients(
    outputs: Any, inputs: Tensors, seeds: Any = None, create_graph: bool = False, retain: bool | None = None
) -> Tensors:
    """`autograd.grad` that leaves out what requires no grad and gives None where there is no dependence."""
    seeds = (None,) * len(outputs) if seeds is None else seeds
    kept = [(o, s) for o, s in zip(outputs, seeds) if o is not None and o._edge is not None]
    if not kept:
        return (None,) * len(inputs)
    return grad([o for o, _ in kept], inputs, [s for _, s in kept], retain, create_graph, allow_unused=True)


# ------------------------------------------------------------------------------------------------------ products


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The results of `func` and the product v^T J with its Jacobian.

    Args:
        func: takes Tensors, returns a Tensor or a tuple of Tensors.
        inputs: a Tensor or a tuple of Tensors.
        v: of the results' shapes; may be left out if there is a single element.
        create_graph: the product can be differentiated in turn.
        strict: raise where a result does not depend on an input, instead of giving zeros.

    Raises:
        RuntimeError: v does not fit, or strict mode found independence. TypeError: not Tensors.

    Example:
        >>> vjp(lambda x: x * x, rushlight.tensor([1., 2.]), rushlight.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        many_inputs, inputs = _tuple_of(inputs, "inputs", "vjp")
        inputs = fresh(inputs, create_graph, True)
        many, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "vjp")
        _check_recorded(outputs, strict, _output_message)
        vector = _vector(v, outputs, many, create_graph, "vjp", _RETURNS)
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(gradients(outputs, inputs, vector, create_graph), inputs, strict, create_graph, "output")
    return _as_given(_finished(outputs, create_graph), many), _as_given(_finished(product, create_graph), many_inputs)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The results of `func` and the product J v with its Jacobian; see `vjp`.

    Example:
        >>> jvp(lambda x: x * x, rushlight.tensor([1., 2.]), rushlight.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        many_inputs, inputs = _tuple_of(inputs, "inputs", "jvp")
        inputs = fresh(inputs, create_graph, True)
        vector = _vector(v, inputs, many_inputs, create_graph, "jvp", _TAKES)
        many, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "jvp")
        _check_recorded(outputs, strict, _output_message)
        product = push_forward(outputs, inputs, vector, create_graph, strict)
    return _as_given(_finished(outputs, create_graph), many), _as_given(_finished(product, create_graph), many)


def push_forward(outputs: Tensors, inputs: Tensors, v: Any, create_graph: bool, strict: bool) -> Tensors:
    """J v, as the derivative of u -> J^T u."""
    u = tuple(wrap(np.zeros_like(o._array)).requires_grad_() for o in outputs)
    pulled = gradients(outputs, inputs, u, create_graph=True)
    _check_recorded(pulled, strict, lambda i: f"The output of the user-provided function is independent of input {i}")
    return _filled(gradients(pulled, u, v, create_graph), outputs, strict, create_graph, "jacobian")


def _scalar_of(func: Func, inputs: Tensors, strict: bool, name: str) -> Tensors:
    many, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", name)
    _check_recorded(outputs, strict, _output_message)
    if many:
        raise OperatorError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise OperatorError(f"The Tensor returned by the function given to {name} should contain a single element")
    return outputs


def vhp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of a scalar `func` and the product v^T H with its Hessian; see `vjp`."""
    with enable_grad():
        many, inputs = _tuple_of(inputs, "inputs", "vhp")
        inputs = fresh(inputs, create_graph, True)
        vector = _vector(v, inputs, many, create_graph, "vhp", _TAKES)
        outputs = _scalar_of(func, inputs, strict, "vhp")
        gradient = gradients(outputs, inputs, create_graph=True)
        _check_recorded(gradient, strict, _jacobian_message)
    with set_grad_enabled(create_graph or is_grad_enabled()):
        product = _filled(gradients(gradient, inputs, vector, create_graph), inputs, strict, create_graph, "jacobian")
    return _as_given(_finished(outputs, create_graph), False), _as_given(_finished(product, create_graph), many)


def hvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The result of a scalar `func` and the product H v with its Hessian; see `vjp`. `vhp` is faster, H being
    symmetric."""
    with enable_grad():
        many, inputs = _tuple_of(inputs, "inputs", "hvp")
        inputs = fresh(inputs, create_graph, True)
        vector = _vector(v, inputs, many, create_graph, "hvp", _TAKES)
        outputs = _scalar_of(func, inputs, strict, "hvp")
        gradient = gradients(outputs, inputs, create_graph=True)
        _check_recorded(gradient, strict, _jacobian_message)
        product = push_forward(gradient, inputs, vector, create_graph, strict) if _any(gradient) else _zeros(inputs)
    return _as_given(_finished(outputs, create_graph), False), _as_given(_finished(product, create_graph), many)


def _any(tensors: Tensors) -> bool:
    return any(t is not None for t in tensors)


def _zeros(like: Tensors) -> Tensors:
    return tuple(wrap(np.zeros_like(t._array)) for t in like)


# ---------------------------------------------------------------------------------------------------- whole matrices


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func`: for each result and each input a Tensor of shape (*result.shape, *input.shape).

    Args:
        func, inputs, create_graph, strict: as for `vjp`.
        vectorize: a request for speed, which changes no result here: rows are computed one after the other.
        strategy: 'reverse-mode' computes row by row (by result), 'forward-mode' column by column (by input).

    Returns:
        A Tensor; a tuple over inputs and/or results where those are tuples.

    Raises:
        RuntimeError, TypeError: as for `vjp`. AssertionError: another strategy.
        NotImplementedError: create_graph in forward mode.

    Example:
        >>> jacobian(lambda x: x * x, rushlight.tensor([1., 2.]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    if strict and (vectorize or strategy == "forward-mode"):
        raise OperatorError(
            "jacobian: `strict=True` is not supported together with `vectorize=True` or `strategy='forward-mode'`."
        )
    if strategy == "forward-mode" and create_graph:
        raise UnsupportedError('jacobian: use strategy="reverse-mode" with `create_graph=True`.')
    with enable_grad():
        many_inputs, inputs = _tuple_of(inputs, "inputs", "jacobian")
        inputs = fresh(inputs, create_graph, True)
        many, outputs = _tuple_of(func(*inputs), "outputs of the user-provided function", "jacobian")
        _check_recorded(outputs, strict, _output_message)
        if strategy == "forward-mode":
            blocks = _by_columns(outputs, inputs)
        else:
            blocks = tuple(_by_rows(i, output, inputs, create_graph, strict) for i, output in enumerate(outputs))
    finished = tuple(_as_given(_finished(row, create_graph), many_inputs) for row in blocks)
    return _as_given(finished, many)


def _by_rows(i: int, output: Any, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The blocks of one result: a walk per element."""
    flat = output.reshape(-1)
    rows = []
    for k in range(flat.numel()):
        row = gradients((flat[k],), inputs, None, create_graph, retain=True)
        for j, g in enumerate(row):
            if strict and (g is None or (create_graph and g._edge is None)):
                raise _independent(f"Output {i} of the user-provided function is independent of input {j}")
        rows.append(_filled(row, inputs, False, create_graph, ""))
    return tuple(_stacked([row[j] for row in rows], output, x) for j, x in enumerate(inputs))


def _stacked(rows: list[Any], output: Any, x: Any) -> Any:
    """(elements of output) x input.shape -> (*output.shape, *input.shape)"""
    if not rows:
        return wrap(np.zeros((*output.shape, *x.shape), x._array.dtype))
    return np.stack(rows).reshape((*output.shape, *x.shape))  # ops.stack, by NumPy's protocol


def _by_columns(outputs: Tensors, inputs: Tensors) -> tuple[Tensors, ...]:
    """The blocks of all results: a product J v per element of the inputs."""
    by_input = []
    for j, x in enumerate(inputs):
        columns = []
        for k in range(x.numel()):
            v = tuple(wrap(np.zeros_like(each._array)) for each in inputs)
            v[j]._array.reshape(-1)[k] = 1
            columns.append(push_forward(outputs, inputs, v, False, False))
        by_input.append(columns)
    return tuple(
        tuple(_side_by_side([column[i] for column in by_input[j]], output, x) for j, x in enumerate(inputs))
        for i, output in enumerate(outputs)
    )


def _side_by_side(columns: list[Any], output: Any, x: Any) -> Any:
    """(elements of input) x output.shape -> (*output.shape, *input.shape)"""
    if not columns:
        return wrap(np.zeros((*output.shape, *x.shape), output._array.dtype))
    return wrap(np.stack([c._array for c in columns], axis=-1).reshape((*output.shape, *x.shape)))


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar `func`: for each pair of inputs a Tensor of shape (*first.shape, *second.shape).

    Args:
        outer_jacobian_strategy: as `strategy` of `jacobian`, for the Jacobian of the gradient.
        The others are as for `jacobian`.

    Example:
        >>> hessian(lambda x: (x * x * x).sum(), rushlight.tensor([1., 2.]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    many, inputs = _tuple_of(inputs, "inputs", "hessian")

    def gradient(*at: Any) -> Any:
        def scalar(*x: Any) -> Any:
            return _scalar_of(func, x, strict, "hessian")[0].reshape(())

        found = jacobian(scalar, at, create_graph=True)
        _check_recorded(found, strict, _jacobian_message)
        return found

    blocks = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return _as_given(tuple(_as_given(row, many) for row in blocks), many)
