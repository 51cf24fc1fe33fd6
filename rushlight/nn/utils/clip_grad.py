"""Keeping gradients within bounds: by their norm over all parameters, or element by element."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...autograd.tape import TensorBase, touch, wrap
from ...errors import OperatorError
from ...tensor import Tensor

Array = Any
Tensors = Any  # a Tensor or an iterable of them


def _listed(tensors: Tensors) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _gradients(parameters: Iterable[Any]) -> list[Array]:
    return [p._grad._array for p in parameters if p._grad is not None]


def _norm(array: Array, p: float) -> Array:
    """The p-norm of all elements, computed in float32 for narrower dtypes and rounded once."""
    flat = array.ravel(order="K")
    flat = flat.astype(np.float32) if array.dtype.itemsize < 4 else flat
    if p == 2.0:
        norm = np.sqrt(np.vdot(flat, flat).real)
    elif p == float("inf"):
        norm = np.abs(flat).max() if flat.size else np.abs(flat).sum()
    elif p == float("-inf"):
        norm = np.abs(flat).min()
    elif p == 0.0:
        norm = (flat != 0).sum()
    else:
        norm = (np.abs(flat) ** p).sum() ** (1 / p)
    return norm.astype(array.real.dtype)


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors together, as if they were one vector.

    Args:
        norm_type: the order p; may be infinite.
        error_if_nonfinite: raise if it is NaN or infinite.
        foreach: PyTorch's request for speed; there is one way here, and it is fast.

    Raises:
        RuntimeError: see error_if_nonfinite.

    Example:
        >>> get_total_norm([rushlight.tensor([3.]), rushlight.tensor([4.])])
        tensor(5.)
    """
    arrays = [t._array for t in _listed(tensors)]
    return wrap(_total(arrays, float(norm_type), error_if_nonfinite))


def _total(arrays: list[Array], p: float, error_if_nonfinite: bool) -> Array:
    if not arrays:
        return np.zeros((), np.float32)
    norms = np.stack([_norm(array, p) for array in arrays])
    total = _norm(norms, p)
    if error_if_nonfinite and not np.isfinite(total):
        raise OperatorError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the parameters' gradients in place by max_norm / (total_norm + 1e-6), if that is below 1.

    Args:
        total_norm: as `get_total_norm` gave it.
        foreach: as for `get_total_norm`.
    """
    _scale(_gradients(_listed(parameters)), float(max_norm), total_norm._array)


def _scale(grads: list[Array], max_norm: float, total: Array) -> None:
    factor = total.dtype.type(max_norm) / (total + total.dtype.type(1e-6))
    if factor >= 1:
        return
    for grad in grads:
        np.multiply(grad, factor.astype(grad.real.dtype), out=grad)
    touch(*grads)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the parameters' gradients in place so that their norm, all taken together, is at most `max_norm`.

    Args:
        parameters: a Tensor or an iterable of them; those without gradient are left out.
        max_norm, norm_type: the bound, and the order of the norm.
        error_if_nonfinite: raise, and change nothing, if the norm is NaN or infinite.
        foreach: as for `get_total_norm`.

    Returns:
        The norm before, a tensor of shape ().

    Raises:
        RuntimeError: see error_if_nonfinite.
    """
    is_generator = isinstance(parameters, types.GeneratorType)
    parameters = _listed(parameters)
    if is_generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    grads = _gradients(parameters)
    total = _total(grads, float(norm_type), error_if_nonfinite)
    _scale(grads, float(max_norm), total)
    return wrap(total)


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The name of old of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Moves each element of the parameters' gradients, in place, into [-clip_value, clip_value].

    Args:
        foreach: as for `get_total_norm`.
    """
    bound = float(clip_value)
    grads = _gradients(_listed(parameters))
    for grad in grads:
        number = grad.dtype.type
        np.minimum(np.maximum(grad, number(-bound), out=grad), number(bound), out=grad)
    touch(*grads)
