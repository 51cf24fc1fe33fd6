"""Limiting gradients: by their common norm, or element by element."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import TensorBase, touch, wrap
from ...errors import OperatorError

if TYPE_CHECKING:
    from ...tensor import Tensor

Parameters = Any  # a Tensor or an iterable of them


def _listed(tensors: Parameters) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _gradients(parameters: Parameters) -> list[Any]:
    return [p._grad for p in _listed(parameters) if p._grad is not None]


def get_total_norm(
    tensors: Parameters, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors together, as if they were one vector: (sum |x|^p)^(1/p), or max |x| for p = inf.

    Args:
        tensors: a Tensor or an iterable of Tensors.
        norm_type: p.
        error_if_nonfinite: raise if the norm is infinite or NaN.
        foreach: accepted; there is one way here.

    Returns:
        A 0-d tensor.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.
    """
    arrays = [t._array for t in _listed(tensors)]
    if not arrays:
        return wrap(np.zeros((), np.float32))
    p = float(norm_type)
    each = np.array([np.linalg.norm(a.reshape(-1).astype(_wide(a)), p) for a in arrays])
    total = wrap(np.asarray(np.linalg.norm(each, p)).astype(_result(arrays)))
    if error_if_nonfinite and not np.isfinite(total._array):
        raise OperatorError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def _wide(a: Any) -> Any:
    """Sums of many squares are taken in double precision."""
    return np.complex128 if a.dtype.kind == "c" else np.float64


def _result(arrays: list[Any]) -> Any:
    return np.abs(arrays[0][..., :0]).dtype if arrays[0].ndim else np.abs(arrays[0]).dtype


def clip_grads_with_norm_(
    parameters: Parameters, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the gradients of `parameters` in place by max_norm / (total_norm + 1e-6), if that is below 1."""
    factor = float(max_norm) / (float(total_norm._array) + 1e-6)
    if factor >= 1:
        return
    for grad in _gradients(parameters):
        grad._array *= factor
        touch(grad._array)


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients together, in place, so that their common norm is at most `max_norm`.

    Args:
        parameters: a Tensor or an iterable of Tensors; those without a gradient are passed over.
        max_norm: the largest norm allowed.
        norm_type: the order of the norm; may be inf.
        error_if_nonfinite: raise, changing nothing, if the norm is infinite or NaN.

    Returns:
        The norm before clipping, a 0-d tensor.

    Raises:
        RuntimeError: the norm is not finite and `error_if_nonfinite` is set.

    Example:
        >>> w = rushlight.ones(4, requires_grad=True)
        >>> (w * 3).sum().backward()
        >>> clip_grad_norm_([w], max_norm=1.0)
        tensor(6.)
        >>> w.grad
        tensor([0.5000, 0.5000, 0.5000, 0.5000])

    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1.
    """
    parameters = _listed(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_value_(parameters: Parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Cuts every element of every gradient, in place, to [-clip_value, clip_value]."""
    for grad in _gradients(parameters):
        np.clip(grad._array, -float(clip_value), float(clip_value), out=grad._array)
        touch(grad._array)


def clip_grad_norm(parameters: Iterable[Any], max_norm: float, norm_type: float = 2.0) -> Tensor:
    """The old name of `clip_grad_norm_`."""
    return clip_grad_norm_(parameters, max_norm, norm_type)
