"""Window functions of signal processing, in their two forms: `torch.hann_window` (periodic by default) and
`torch.signal.windows.hann` (symmetric by default)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..device import check_device
from ..errors import ArgumentError, DTypeError, OperatorError
from .conversion import strided
from .creation import finish

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def _made(
    M: int,
    sym: bool,
    shape: Callable[[Array, int], Array],
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    name: str,
    error: type[Exception] = ArgumentError,
) -> Tensor:
    """`shape(positions, length)` at M positions; a periodic window is a symmetric one, longer by one, without its
    end."""
    where = check_device(device)
    if layout is not None and layout is not strided:
        raise error(f"{name}: is implemented for strided tensors only, got: {layout}")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if kind not in (dtypes.float32, dtypes.float64) and not (error is OperatorError and kind.is_floating_point):
        raise error(f"{name}: expects float32 or float64 dtypes, got: {kind}")
    if M < 0:
        raise error(f"{name}: requires non-negative window length, got M={M}")
    length = M if sym else M + 1
    values = np.ones(M) if M <= 1 else shape(np.arange(M, dtype=np.float64), length)
    return finish(values.astype(kind.numpy), requires_grad, where)


def _cosines(coefficients: Any) -> Callable[[Array, int], Array]:
    """Sum of (-1)^i a_i cos(2 pi i k / (length - 1))."""

    def shape(k: Array, length: int) -> Array:
        angle = 2 * np.pi * k / (length - 1)
        return np.asarray(sum((-1) ** i * a * np.cos(i * angle) for i, a in enumerate(coefficients)))

    return shape


def general_cosine(
    M: int,
    *,
    a: Any,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of cosines with the coefficients `a`, signs alternating."""
    if not isinstance(a, (list, tuple)):
        raise DTypeError("general_cosine: Coefficients must be a list/tuple")
    if not a:
        raise ArgumentError("general_cosine: Coefficients cannot be empty")
    return _made(M, sym, _cosines(a), dtype, layout, device, requires_grad, "general_cosine")


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi k / (M - 1))."""
    return _made(M, sym, _cosines([alpha, 1 - alpha]), dtype, layout, device, requires_grad, "general_hamming")


def hamming(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The Hamming window, `general_hamming` with alpha 0.54."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The Hann window, `general_hamming` with alpha 0.5."""
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The Blackman window, three cosines."""
    return _made(M, sym, _cosines([0.42, 0.5, 0.08]), dtype, layout, device, requires_grad, "blackman")


def nuttall(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The minimum 4-term Blackman-Harris window according to Nuttall."""
    terms = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return _made(M, sym, _cosines(terms), dtype, layout, device, requires_grad, "nuttall")


def bartlett(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A triangle that is 0 at its ends."""
    return _made(M, sym, lambda k, n: 1 - np.abs(2 * k / (n - 1) - 1), dtype, layout, device, requires_grad, "bartlett")


def cosine(
    M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Half a period of a sine: sin(pi (k + 1/2) / M)."""
    return _made(M, sym, lambda k, n: np.sin(np.pi * (k + 0.5) / n), dtype, layout, device, requires_grad, "cosine")


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|k - center| / tau), around the middle by default.

    Raises:
        ValueError: tau is not positive, or a center is given for a symmetric window.
    """
    if tau <= 0:
        raise ArgumentError(f"exponential: Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ArgumentError("exponential: Center must be None for symmetric windows")

    def shape(k: Array, n: int) -> Array:
        return np.exp(-np.abs(k - ((n - 1) / 2 if center is None else center)) / tau)

    return _made(M, sym, shape, dtype, layout, device, requires_grad, "exponential")


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(k - middle)^2 / (2 std^2)).

    Raises:
        ValueError: std is not positive.
    """
    if std <= 0:
        raise ArgumentError(f"gaussian: Standard deviation must be positive, got: {std} instead.")
    return _made(
        M,
        sym,
        lambda k, n: np.exp(-(((k - (n - 1) / 2) / std) ** 2) / 2),
        dtype,
        layout,
        device,
        requires_grad,
        "gaussian",
    )


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta sqrt(1 - ((k - middle) / middle)^2)) / I0(beta), I0 the modified Bessel function of order 0.

    Raises:
        ValueError: beta is negative.
    """
    if beta < 0:
        raise ArgumentError(f"kaiser: beta must be non-negative, got: {beta} instead.")

    def shape(k: Array, n: int) -> Array:
        far = 2 * k / (n - 1) - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - far * far, 0))) / np.i0(beta)

    return _made(M, sym, shape, dtype, layout, device, requires_grad, "kaiser")


# ------------------------------------------------- the root's older names; a wrong length is a RuntimeError here


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The Hann window."""
    return _made(
        window_length,
        not periodic,
        _cosines([0.5, 0.5]),
        dtype,
        layout,
        device,
        requires_grad,
        "hann_window",
        OperatorError,
    )


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - beta cos(2 pi k / (length - 1))."""
    return _made(
        window_length,
        not periodic,
        _cosines([alpha, beta]),
        dtype,
        layout,
        device,
        requires_grad,
        "hamming_window",
        OperatorError,
    )


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The Blackman window."""
    return _made(
        window_length,
        not periodic,
        _cosines([0.42, 0.5, 0.08]),
        dtype,
        layout,
        device,
        requires_grad,
        "blackman_window",
        OperatorError,
    )


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle that is 0 at its ends."""
    return _made(
        window_length,
        not periodic,
        lambda k, n: 1 - np.abs(2 * k / (n - 1) - 1),
        dtype,
        layout,
        device,
        requires_grad,
        "bartlett_window",
        OperatorError,
    )


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The Kaiser window."""
    if window_length < 0:
        raise OperatorError(f"kaiser_window: requires non-negative window_length, got window_length={window_length}")
    return kaiser(
        window_length,
        beta=beta,
        sym=not periodic,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )
