"""Determinants and their logarithms.

Source of the derivatives: Giles 2008, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...autograd.tape import OUT, Operator, wrap
from ...kernels import xp
from .. import results
from ..products import adjoint_of
from ..promotion import into, is_complex
from ..reduction import products_of_others
from ..results import into_all
from .matrices import matrices, real_kind
from .solving import Inverse

if TYPE_CHECKING:
    from ...tensor import Tensor

Array = Any


class Determinant(Operator):
    """dA = g * conj(det) A^-H; where A has no inverse, the cofactors from the singular values instead."""

    saves = (0, OUT)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Array:
        out = np.linalg.det(a)
        ctx.save(a, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        a, out = ctx.saved
        bare = getattr(a, "_array", a)
        grad = grad[..., None, None]
        if not bare.size or np.linalg.cond(bare).max(initial=0) < 1 / np.finfo(real_kind(a)).eps:
            value = out[..., None, None]
            return grad * (xp.conj(value) if is_complex(a) else value) * adjoint_of(Inverse.derive(a))
        u, s, vh = np.linalg.svd(bare)
        turn = np.linalg.det(u) * np.linalg.det(vh)
        cofactors = (u * products_of_others(s, (s.ndim - 1,))[..., None, :]) @ vh * np.conj(turn)[..., None, None]
        return grad * cofactors.astype(bare.dtype)


class LogDeterminant(Operator):
    """sign and log|det|;  dA = g A^-H, and for complex A the phase's gradient turned by the sign."""

    saves = (0,)

    @staticmethod
    def forward(ctx: Any, a: Array) -> Any:
        sign, log = np.linalg.slogdet(a)
        ctx.save(a)
        ctx.complex = is_complex(a)
        return sign, log

    @staticmethod
    def backward(ctx: Any, sign_grad: Array, log_grad: Array) -> Array:
        (a,) = ctx.saved
        back = adjoint_of(Inverse.derive(a))
        total: Any = 0 if log_grad is None else log_grad[..., None, None]
        if ctx.complex and sign_grad is not None:
            turn = xp.imag(xp.conj(sign_grad) * _sign_of(a))
            total = total - 1j * turn[..., None, None]
        return back * total


def _sign_of(a: Array) -> Array:
    return LogDeterminant.derive(a)[0]


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of (batches of) square matrices."""
    return into(out, Determinant.apply(matrices(A, "linalg.det")), "linalg.det")


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """The sign (or phase) of the determinant and the logarithm of its absolute value."""
    return into_all(out, results.slogdet(*LogDeterminant.apply(matrices(A, "linalg.slogdet"))), "slogdet")


def linalg_slogdet(A: Tensor, *, out: Any = None) -> Any:
    """`slogdet` with `linalg`'s result type."""
    return into_all(out, results.linalg_slogdet(*slogdet(A)), "linalg.slogdet")


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN where it is negative."""
    sign, log = slogdet(input)
    if is_complex(input._array):
        return sign.log() + log
    return log.masked_fill(wrap(sign._array < 0), float("nan"))
