"""Checking a backward against central differences: `gradcheck`, and `gradgradcheck` for second derivatives.

Complex numbers are taken as pairs of reals throughout: both Jacobians have a column for the real and one for the
imaginary part of each complex entry, and likewise for rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import RushlightError, UnsupportedError
from .differentiate import grad
from .grad_mode import enable_grad, no_grad
from .tape import TensorBase, wrap

Array = Any
Tensors = tuple[Any, ...]


class GradcheckError(RushlightError, RuntimeError):
    """The derivatives do not agree; the message shows both."""


# ------------------------------------------------------------------------------------------- tensors as real vectors


def _as_reals(array: Array) -> Array:
    """The elements as a vector of reals: a complex one gives two."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _from_reals(reals: Array, like: Array) -> Array:
    return reals.astype(like.real.dtype).view(like.dtype).reshape(like.shape)


def _tensors_in(x: Any) -> Tensors:
    return (
        (x,)
        if isinstance(x, TensorBase)
        else tuple(t for t in x if isinstance(t, TensorBase))
        if isinstance(x, (tuple, list))
        else ()
    )


def _differentiable(outputs: Any) -> Tensors:
    return tuple(t for t in _tensors_in(outputs) if t._array.dtype.kind in "fcV" and t._edge is not None)


def _floating(outputs: Any) -> Tensors:
    return tuple(t for t in _tensors_in(outputs) if t._array.dtype.kind in "fcV")


# ----------------------------------------------------------------------------------------------- the two Jacobians


def _values(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Array]:
    with no_grad():
        return [_as_reals(np.array(t._array)) for t in _floating(func(*inputs))]


def _directional(func: Callable[..., Any], inputs: Sequence[Any], x: Any, direction: Array, eps: float) -> list[Array]:
    """(f(x + eps d) - f(x - eps d)) / 2 eps, for every output, as real vectors."""
    kept = x._array.copy()
    try:
        x._array[...] = kept + _from_reals(direction * eps, kept)
        above = _values(func, inputs)
        x._array[...] = kept - _from_reals(direction * eps, kept)
        below = _values(func, inputs)
    finally:
        x._array[...] = kept
    return [(a - b) / (2 * eps) for a, b in zip(above, below)]


def _unit(n: int, i: int) -> Array:
    direction = np.zeros(n)
    direction[i] = 1
    return direction


def _numeric_jacobian(func: Callable[..., Any], inputs: Sequence[Any], x: Any, eps: float) -> list[Array]:
    """For every output the matrix (elements of x, elements of the output)."""
    n = _as_reals(x._array).size
    columns = [_directional(func, inputs, x, _unit(n, i), eps) for i in range(n)]
    widths = [value.size for value in _values(func, inputs)]
    return [np.array([column[k] for column in columns]).reshape(n, width) for k, width in enumerate(widths)]


def _pull_back(output: Any, leaves: Tensors, cotangent: Array, **options: Any) -> list[Array]:
    """The gradients of <output, cotangent>, as real vectors; zeros where there is no dependence."""
    seed = wrap(_from_reals(cotangent, output._array))
    found = grad(output, leaves, seed, retain_graph=True, allow_unused=True, **options)
    return [np.zeros(_as_reals(x._array).size) if g is None else _as_reals(g._array) for g, x in zip(found, leaves)]


def _analytic_jacobians(output: Any, leaves: Tensors) -> list[Array]:
    n = _as_reals(output._array).size
    rows = [_pull_back(output, leaves, _unit(n, i)) for i in range(n)]
    return [
        np.array([row[k] for row in rows]).reshape(n, _as_reals(leaf._array).size).T for k, leaf in enumerate(leaves)
    ]


# ------------------------------------------------------------------------------------------------------- the checks


def _close(analytic: Array, numeric: Array, rtol: float, atol: float) -> bool:
    return bool(np.allclose(analytic, numeric, rtol, atol, equal_nan=True))


def _mismatch(i: int, j: int, analytic: Array, numeric: Array) -> GradcheckError:
    return GradcheckError(
        f"Jacobian mismatch for output {i} with respect to input {j},\nnumerical:{numeric}\nanalytical:{analytic}\n"
    )


def _check_every_entry(
    func: Any, inputs: Any, leaves: Tensors, outputs: Tensors, positions: Any, tolerances: Any
) -> None:
    eps, atol, rtol = tolerances
    numeric = [_numeric_jacobian(func, inputs, x, eps) for x in leaves]
    for i, output in enumerate(outputs):
        for j, analytic in enumerate(_analytic_jacobians(output, leaves)):
            if not _close(analytic, numeric[j][positions[i]], rtol, atol):
                raise _mismatch(i, j, analytic, numeric[j][positions[i]])


def _check_one_direction(
    func: Any, inputs: Any, leaves: Tensors, outputs: Tensors, positions: Any, tolerances: Any
) -> None:
    """u^T J v for one random pair of unit vectors instead of all of J."""
    eps, atol, rtol = tolerances
    rng = np.random.default_rng(0)
    for j, x in enumerate(leaves):
        v = _random_unit(rng, _as_reals(x._array).size)
        pushed = _directional(func, inputs, x, v, eps)
        for i, output in enumerate(outputs):
            u = _random_unit(rng, _as_reals(output._array).size)
            analytic, numeric = _pull_back(output, leaves, u)[j] @ v, pushed[positions[i]] @ u
            if not _close(analytic, numeric, rtol, atol):
                raise _mismatch(i, j, analytic, numeric)


def _random_unit(rng: Any, n: int) -> Array:
    v = rng.standard_normal(n)
    return v / max(np.linalg.norm(v), 1e-30)


def _check_repeats(leaves: Tensors, outputs: Tensors, nondet_tol: float) -> None:
    """Two backward passes through one graph give the same."""
    for output in outputs:
        cotangent = np.ones(_as_reals(output._array).size)
        for a, b in zip(_pull_back(output, leaves, cotangent), _pull_back(output, leaves, cotangent)):
            if np.abs(a - b).max(initial=0) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                    "times gives different values, although analytical gradient matches numerical gradient.The "
                    f"tolerance for nondeterminism was {nondet_tol}."
                )


def _check_dtypes(leaves: Tensors, outputs: Tensors) -> None:
    for output in outputs:
        found = grad(output, leaves, wrap(np.ones_like(output._array)), retain_graph=True, allow_unused=True)
        for j, (g, x) in enumerate(zip(found, leaves)):
            if g is not None and g._array.dtype != x._array.dtype:
                raise GradcheckError(f"Gradient of input {j} has dtype {g.dtype}, the input has {x.dtype}")


def _check_missing_gradients(leaves: Tensors, outputs: Tensors) -> None:
    """A gradient that never came to one of several outputs counts as zeros."""
    if len(outputs) < 2:
        return
    zeros = [wrap(np.zeros_like(o._array)) for o in outputs]
    for i, output in enumerate(outputs):
        one = wrap(np.ones_like(output._array))
        alone = grad(output, leaves, one, retain_graph=True, allow_unused=True)
        padded = grad(outputs, leaves, [*zeros[:i], one, *zeros[i + 1 :]], retain_graph=True, allow_unused=True)
        for a, b in zip(alone, padded):
            a, b = (0 if g is None else g._array for g in (a, b))
            if not np.allclose(a, b, equal_nan=True):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. Please look at 'Notes about "
                    "undefined output gradients' in tools/autograd/derivatives.yaml"
                )


def _check_batched(leaves: Tensors, outputs: Tensors) -> None:
    """`grad(..., is_grads_batched=True)` gives what a loop gives."""
    rng = np.random.default_rng(0)
    for output in outputs:
        seeds = [_from_reals(rng.standard_normal(_as_reals(output._array).size), output._array) for _ in range(2)]
        loop = [grad(output, leaves, wrap(s), retain_graph=True, allow_unused=True) for s in seeds]
        batch = grad(output, leaves, wrap(np.stack(seeds)), retain_graph=True, allow_unused=True, is_grads_batched=True)
        for j, together in enumerate(batch):
            rows = [row[j] for row in loop]
            if together is not None and not np.allclose(
                np.stack([r._array for r in rows]), together._array, equal_nan=True
            ):
                raise GradcheckError("For batched gradients, the result of one walk differs from that of a loop")


def _leaves_of(inputs: Sequence[Any], eps: float) -> Tensors:
    leaves = tuple(x for x in inputs if isinstance(x, TensorBase) and x._edge is not None)
    if not leaves:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i, x in enumerate(leaves):
        if x._array.real.dtype != np.float64 and eps < 1e-4:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if 0 in x._array.strides and x._array.size > 1:
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                ".contiguous on the input before passing it to gradcheck."
            )
    return leaves


def _run(func: Callable[..., Any], inputs: Sequence[Any], checks: dict[str, Any]) -> None:
    leaves = _leaves_of(inputs, checks["tolerances"][0])
    with enable_grad():
        floating = _floating(func(*inputs))
    positions = [k for k, output in enumerate(floating) if output._edge is not None]
    outputs = tuple(floating[k] for k in positions)
    if not outputs:
        _check_constant(func, inputs, leaves, checks["tolerances"])
        return
    compare = _check_one_direction if checks["fast_mode"] else _check_every_entry
    compare(func, inputs, leaves, outputs, positions, checks["tolerances"])
    _check_repeats(leaves, outputs, checks["nondet_tol"])
    if checks["check_grad_dtypes"]:
        _check_dtypes(leaves, outputs)
    if checks["check_undefined_grad"]:
        _check_missing_gradients(leaves, outputs)
    if checks["check_batched_grad"]:
        _check_batched(leaves, outputs)


def _check_constant(func: Any, inputs: Any, leaves: Tensors, tolerances: Any) -> None:
    """Outputs that require no grad must not depend on the inputs."""
    eps, atol, _ = tolerances
    for x in leaves:
        for jacobian in _numeric_jacobian(func, inputs, x, eps):
            if np.abs(jacobian).max(initial=0) > atol:
                raise GradcheckError("Numerical gradient for function expected to be zero")


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` agree with central differences.

        |analytic - numeric| <= atol + rtol |numeric|,    numeric = (f(x + eps) - f(x - eps)) / (2 eps)

    Args:
        func: takes Tensors, returns a Tensor or a tuple of them.
        inputs: a Tensor or a tuple; those in float64 that require grad are checked.
        eps, atol, rtol: the step and the tolerances above.
        raise_exception: raise where they differ; otherwise return False.
        nondet_tol: by how much two backward passes may differ.
        check_undefined_grad: also that a gradient which never comes to one of several outputs counts as zeros.
        check_grad_dtypes: also that gradients have the inputs' dtypes.
        check_batched_grad: also `grad(is_grads_batched=True)`.
        check_backward_ad: False leaves nothing to be checked, as there is only reverse mode.
        fast_mode: compare one random projection instead of every entry of the Jacobian.
        masked: for sparse tensors, which do not exist here; changes nothing.

    Raises:
        GradcheckError (a RuntimeError): they differ; both Jacobians are in the message.
        ValueError: no input requires grad.
        NotImplementedError: a check of forward-mode derivatives is asked for.

    Example:
        >>> x = rushlight.ones(3, dtype=rushlight.float64, requires_grad=True)
        >>> gradcheck(lambda x: x * x, x)
        True
    """
    if check_forward_ad or check_batched_forward_grad:
        raise UnsupportedError(
            "gradcheck: derivatives are computed in reverse mode only; check_backward_ad checks them"
        )
    checks = {
        "tolerances": (eps, atol, rtol),
        "nondet_tol": nondet_tol,
        "check_undefined_grad": check_undefined_grad,
        "check_grad_dtypes": check_grad_dtypes,
        "check_batched_grad": check_batched_grad,
        "fast_mode": fast_mode,
    }
    try:
        if check_backward_ad:
            _run(func, inputs if isinstance(inputs, (tuple, list)) else (inputs,), checks)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives of `func` agree with central differences of its first: `gradcheck` of its
    gradient.

    Args:
        grad_outputs: the gradients to begin with; random ones by default.
        gen_non_contig_grad_outputs: make those that are drawn non-contiguous in memory.
        check_rev_over_rev: False leaves nothing to be checked.
        The others are as for `gradcheck`.

    Raises:
        As `gradcheck`.
    """
    if check_fwd_over_rev:
        raise UnsupportedError(
            "gradgradcheck: derivatives are computed in reverse mode only; check_rev_over_rev checks them"
        )
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    with enable_grad():
        outputs = _differentiable(func(*inputs))
    seeds = _random_seeds(outputs, gen_non_contig_grad_outputs) if grad_outputs is None else _tensors_in(grad_outputs)
    n = len(seeds)

    def gradient(*args: Any) -> Any:
        at = args[: len(args) - n]
        leaves = tuple(x for x in at if isinstance(x, TensorBase) and x._edge is not None)
        with enable_grad():
            found = grad(
                _differentiable(func(*at)), leaves, args[len(args) - n :], create_graph=True, allow_unused=True
            )
        return tuple(g for g in found if g is not None)

    return not check_rev_over_rev or gradcheck(
        gradient,
        inputs + seeds,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _random_seeds(outputs: Iterable[Any], spread: bool) -> Tensors:
    rng = np.random.default_rng(0)
    return tuple(_random_seed(rng, o._array, spread) for o in outputs)


def _random_seed(rng: Any, like: Array, spread: bool) -> Any:
    wide = np.empty((*like.shape, 2) if spread else like.shape, like.dtype)
    seed = wide[..., 0] if spread else wide
    seed[...] = _from_reals(rng.standard_normal(_as_reals(np.zeros_like(like)).size), np.zeros_like(like))
    return wrap(seed).requires_grad_()
