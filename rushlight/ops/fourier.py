"""Discrete Fourier transforms on NumPy's FFT, and the short-time transform built from them.

Each transform of one dimension is linear, so its gradient is its adjoint: a transform in the other direction, scaled
the other way. Transforms of several dimensions are those of one dimension after another, as the definition says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase, wrap
from ..device import check_device
from ..errors import OperatorError, ShapeError, UnsupportedError
from ..kernels import xp
from .conversion import check_layout
from .creation import finish
from .dims import wrap_dim, wrap_dims
from .joining import cat, roll
from .promotion import cast, into, is_complex, not_a_tensor
from .sections import narrow
from .shape import movedim, view_as_real

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any

NORMS = (None, "backward", "forward", "ortho")
_TURNED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}  # the scaling of the adjoint


def _same_precision(out: Array, like: np.dtype[Any]) -> Array:
    """NumPy before 2.0 widened; results keep the precision of what came in."""
    single = like in (np.float32, np.complex64)
    kind = (np.complex64 if single else np.complex128) if is_complex(out) else (np.float32 if single else np.float64)
    return out.astype(kind, copy=False)


def _resized(x: Array, n: int, dim: int) -> Array:
    """The first n entries of a dimension, zeros added if there are fewer."""
    have = x.shape[dim]
    if n <= have:
        return x[(*(slice(None),) * dim, slice(0, n))]
    pad = xp.zeros_like(x, shape=(*x.shape[:dim], n - have, *x.shape[dim + 1 :]))
    return xp.concatenate([x, pad], axis=dim)


class FFT(Operator):
    """y[k] = scale * sum over j of x[j] exp(-2 pi i jk / n), or with the other sign."""

    @staticmethod
    def forward(ctx: Any, x: Array, n: int, dim: int, norm: Any, inverse: bool) -> Array:
        ctx.size, ctx.dim, ctx.norm, ctx.inverse = x.shape[dim], dim, norm, inverse
        ctx.real = not is_complex(x)
        out = (np.fft.ifft if inverse else np.fft.fft)(x, n, dim, norm)
        return _same_precision(out, x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        dx = FFT.derive(grad, grad.shape[ctx.dim], ctx.dim, _TURNED[ctx.norm], not ctx.inverse)
        dx = _resized(dx, ctx.size, ctx.dim)
        return xp.real(dx) if ctx.real else dx


class RealFFT(Operator):
    """The first n // 2 + 1 outputs of the transform of real numbers; the others are their conjugates."""

    @staticmethod
    def forward(ctx: Any, x: Array, n: int, dim: int, norm: Any) -> Array:
        ctx.size, ctx.n, ctx.dim, ctx.norm = x.shape[dim], n, dim, norm
        return _same_precision(np.fft.rfft(x, n, dim, norm), x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        full = FFT.derive(_resized(grad, ctx.n, ctx.dim), ctx.n, ctx.dim, _TURNED[ctx.norm], True)
        return xp.real(_resized(full, ctx.size, ctx.dim))


class RealInverseFFT(Operator):
    """The n real numbers whose transform begins with x."""

    @staticmethod
    def forward(ctx: Any, x: Array, n: int, dim: int, norm: Any) -> Array:
        ctx.size, ctx.n, ctx.dim, ctx.norm = x.shape[dim], n, dim, norm
        x = _resized(x, n // 2 + 1, dim)  # NumPy reads what it never wrote where the dimension has size 0
        return _same_precision(np.fft.irfft(x, n, dim, norm), x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        half, bare = RealFFT.derive(grad, ctx.n, ctx.dim, _TURNED[ctx.norm]), getattr(grad, "_array", grad)
        # every output but the first (and the middle) stands for two
        count = xp.full_like(bare, 2, shape=half.shape[ctx.dim])
        count[0] = 1
        if ctx.n % 2 == 0:
            count[-1] = 1
        shape = (-1,) + (1,) * (grad.ndim - 1 - ctx.dim)
        return _resized(half * count.reshape(shape), ctx.size, ctx.dim)


# ------------------------------------------------------------------------------------------------------- arguments


def _operand(input: Any, name: str, real: bool = False) -> Tensor:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, name)
    if real and is_complex(input._array):
        raise OperatorError(f"{name}: {name} expects a real-valued input tensor, but got {input.dtype}")  # type: ignore[attr-defined]
    if input._array.dtype.kind in "iub":
        return cast(input, dtypes.get_default_dtype())
    if input._array.dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise OperatorError(f"{name}: Unsupported dtype {dtypes.of(input._array)}; convert to float32 first")
    return input  # type: ignore[return-value]


def _norm(norm: str | None, name: str) -> str:
    if norm not in NORMS:
        raise OperatorError(f"{name}: Invalid normalization mode: {norm!r}; expected 'backward', 'forward' or 'ortho'")
    return norm or "backward"


def _length(n: int | None, default: int, name: str) -> int:
    n = default if n is None else n
    if n < 1:
        raise OperatorError(f"{name}: Invalid number of data points ({n}) specified")
    return n


def _complex(x: Tensor) -> Tensor:
    return x if is_complex(x._array) else cast(x, x.dtype.to_complex())


def _dims(x: Tensor, s: Any, dim: Any, name: str) -> tuple[list[int | None], tuple[int, ...]]:
    """The sizes (None or -1: as they are) and dimensions of a transform of several dimensions."""
    ndim = x._array.ndim
    if dim is None:
        axes = tuple(range(ndim)) if s is None else tuple(range(ndim - len(s), ndim))
        if axes and axes[0] < 0:
            raise OperatorError(f"{name}: Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
    else:
        axes = wrap_dims((dim,) if isinstance(dim, int) else tuple(dim), ndim, name)
    if s is not None and len(s) != len(axes):
        raise OperatorError(
            f"{name}: When given, dim and shape arguments must have the same length, got {len(axes)} and {len(s)}"
        )
    return [None if s is None or s[i] == -1 else int(s[i]) for i in range(len(axes))], axes


# ---------------------------------------------------------------------------------------------------- one dimension


def _along(input: Tensor, n: int | None, dim: int, norm: str | None, inverse: bool, name: str) -> Tensor:
    x = _operand(input, name)
    dim = wrap_dim(dim, x._array.ndim, name)
    return FFT.apply(x, _length(n, x._array.shape[dim], name), dim, _norm(norm, name), inverse)


def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The discrete Fourier transform of a dimension.

    Args:
        n: length, by which the dimension is cut or padded with zeros.
        norm: "backward" (no scaling forward, 1/n back), "ortho" (1/sqrt(n) both ways) or "forward".
    """
    return into(out, _along(input, n, dim, norm, False, "fft"), "fft")


def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft`."""
    return into(out, _along(input, n, dim, norm, True, "ifft"), "ifft")


def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first n // 2 + 1 outputs of `fft` of real numbers."""
    x = _operand(input, "rfft", real=True)
    dim = wrap_dim(dim, x._array.ndim, "rfft")
    return into(out, RealFFT.apply(x, _length(n, x._array.shape[dim], "rfft"), dim, _norm(norm, "rfft")), "rfft")


def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft`; `n` is the length of the result, 2 (size - 1) by default."""
    x = _complex(_operand(input, "irfft"))
    dim = wrap_dim(dim, x._array.ndim, "irfft")
    n = _length(n, 2 * (x._array.shape[dim] - 1), "irfft")
    return into(out, RealInverseFFT.apply(x, n, dim, _norm(norm, "irfft")), "irfft")


def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fft` of a Hermitian signal given by its first half; the result is real."""
    x = _complex(_operand(input, "hfft"))
    return into(out, irfft(x.conj(), n, dim, _TURNED[_norm(norm, "hfft")]), "hfft")


def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft`."""
    x = _operand(input, "ihfft", real=True)
    return into(out, rfft(x, n, dim, _TURNED[_norm(norm, "ihfft")]).conj(), "ihfft")


# ------------------------------------------------------------------------------------------------ several dimensions


def _all_along(input: Tensor, s: Any, dim: Any, norm: str | None, inverse: bool, name: str) -> Tensor:
    x = _operand(input, name)
    lengths, axes = _dims(x, s, dim, name)
    x = _complex(x)
    for n, axis in zip(lengths, axes):
        x = _along(x, n, axis, norm, inverse, name)
    return x


def fftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fft` over several dimensions (all by default), of the lengths `s`."""
    return into(out, _all_along(input, s, dim, norm, False, "fftn"), "fftn")


def ifftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fftn`."""
    return into(out, _all_along(input, s, dim, norm, True, "ifftn"), "ifftn")


def _some(axes: tuple[int, ...], name: str) -> None:
    if not axes:
        raise OperatorError(f"{name}: {name} must transform at least one axis")


def rfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`rfft` of the last of several dimensions, then `fft` of the others."""
    x = _operand(input, "rfftn", real=True)
    lengths, axes = _dims(x, s, dim, "rfftn")
    _some(axes, "rfftn")
    x = rfft(x, lengths[-1], axes[-1], norm)
    for n, axis in zip(lengths[:-1], axes[:-1]):
        x = _along(x, n, axis, norm, False, "rfftn")
    return into(out, x, "rfftn")


def irfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfftn`."""
    x = _complex(_operand(input, "irfftn"))
    lengths, axes = _dims(x, s, dim, "irfftn")
    _some(axes, "irfftn")
    for n, axis in zip(lengths[:-1], axes[:-1]):
        x = _along(x, n, axis, norm, True, "irfftn")
    return into(out, irfft(x, lengths[-1], axes[-1], norm), "irfftn")


def hfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fft` of all dimensions but the last, then `hfft` of the last."""
    x = _complex(_operand(input, "hfftn"))
    lengths, axes = _dims(x, s, dim, "hfftn")
    _some(axes, "hfftn")
    for n, axis in zip(lengths[:-1], axes[:-1]):
        x = _along(x, n, axis, norm, False, "hfftn")
    return into(out, hfft(x, lengths[-1], axes[-1], norm), "hfftn")


def ihfftn(
    input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfftn`."""
    x = _operand(input, "ihfftn", real=True)
    lengths, axes = _dims(x, s, dim, "ihfftn")
    _some(axes, "ihfftn")
    x = ihfft(x, lengths[-1], axes[-1], norm)
    for n, axis in zip(lengths[:-1], axes[:-1]):
        x = _along(x, n, axis, norm, True, "ihfftn")
    return into(out, x, "ihfftn")


def fft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`fftn` of the last two dimensions."""
    return fftn(input, s, dim, norm, out=out)


def ifft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft2`."""
    return ifftn(input, s, dim, norm, out=out)


def rfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`rfftn` of the last two dimensions."""
    return rfftn(input, s, dim, norm, out=out)


def irfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft2`."""
    return irfftn(input, s, dim, norm, out=out)


def hfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`hfftn` of the last two dimensions."""
    return hfftn(input, s, dim, norm, out=out)


def ihfft2(
    input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft2`."""
    return ihfftn(input, s, dim, norm, out=out)


# ------------------------------------------------------------------------------------------------------- frequencies


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the outputs of `fft` of n samples taken `d` apart."""
    return _frequencies(np.fft.fftfreq(n, d), out, dtype, layout, device, requires_grad, "fftfreq")


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the outputs of `rfft` of n samples taken `d` apart."""
    return _frequencies(np.fft.rfftfreq(n, d), out, dtype, layout, device, requires_grad, "rfftfreq")


def _frequencies(
    found: Array, out: Any, dtype: Any, layout: Any, device: Any, requires_grad: bool, name: str
) -> Tensor:
    where = check_device(device)
    check_layout(layout, name)
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    made = finish(found.astype(kind.numpy), requires_grad, where)
    return made if out is None else into(out, made, name)


def _shifts(input: Tensor, dim: Any, name: str, half: Any) -> Tensor:
    axes = list(range(input._array.ndim)) if dim is None else list(wrap_dims(dim, input._array.ndim, name))
    return roll(input, [half(input._array.shape[a]) for a in axes], axes) if axes else input


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequency 0 moved to the middle of each of `dim` (all by default)."""
    return _shifts(input, dim, "fftshift", lambda n: n // 2)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shifts(input, dim, "ifftshift", lambda n: -(n // 2))


# -------------------------------------------------------------------------------------------- the short-time transform


def _window(window: Tensor | None, length: int, n_fft: int, like: Tensor, name: str) -> Tensor:
    """The window, ones by default, padded with zeros on both sides to n_fft."""
    if window is None:
        window = wrap(np.ones(length, like._array.real.dtype, like=like._array))
    if window._array.shape != (length,):
        raise ShapeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )
    left = (n_fft - length) // 2
    if length == n_fft:
        return window
    parts = [wrap(np.zeros_like(window._array, shape=k)) for k in (left, n_fft - length - left)]
    return cat([parts[0], window, parts[1]])


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Transforms of windows of a signal (L) or (B, L): (…, frequencies, frames).

    Args:
        n_fft: length of the transforms.
        hop_length: step between windows, n_fft // 4 by default.
        win_length: length of the window, n_fft by default; it is padded with zeros on both sides.
        center: pad the signal by n_fft // 2 on both sides, by `pad_mode`.
        normalized: scale by 1 / sqrt(n_fft).
        onesided: only frequencies from 0 on; True by default for real signals.
        return_complex: must be True for real signals; False gives pairs (…, 2).
    """
    if align_to_window is not None and center:
        raise OperatorError("stft: stft align_to_window should only be set when center = false")
    if align_to_window:
        raise UnsupportedError("stft: align_to_window=True is not supported; pad the signal yourself")
    hop, length = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    complex_input = is_complex(input._array) or (window is not None and is_complex(window._array))
    if return_complex is None:
        if not complex_input:
            raise OperatorError(
                "stft: stft requires the return_complex parameter be given for real inputs, and will further require "
                "that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    x = input if input._array.ndim == 2 else input.unsqueeze(0)
    if x._array.ndim != 2 or input._array.dtype.kind not in "fc":
        raise OperatorError(
            f"stft: expected a 1D or 2D tensor of floating types, got {input.dtype} of shape {list(input.shape)}"
        )
    if center:
        from .padding import pad

        x = pad(x.unsqueeze(1), (n_fft // 2, n_fft // 2), pad_mode).squeeze(1)
    if not 0 < n_fft <= x._array.shape[1]:
        raise OperatorError(f"stft: expected 0 < n_fft <= {x._array.shape[1]}, but got n_fft={n_fft}")
    if hop <= 0 or not 0 < length <= n_fft:
        raise OperatorError(
            f"stft: expected hop_length > 0 and 0 < win_length <= n_fft, but got hop_length={hop}, win_length={length}"
        )
    frames = x.unfold(1, n_fft, hop) * _window(window, length, n_fft, input, "stft")  # (B, frames, n_fft)
    one = not complex_input if onesided is None else onesided
    if one and complex_input:
        raise OperatorError("stft: Cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else "backward"
    found = movedim(rfft(frames, norm=norm) if one else fft(frames, norm=norm), 1, 2)
    found = found if input._array.ndim == 2 else found.squeeze(0)
    if return_complex:
        return found
    return view_as_real(found)


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal from its short-time transform: frames overlap and add, divided by the windows' squares added up.

    Args:
        length: of the result, which is cut or padded with zeros to it. The others are those given to `stft`.
    """
    hop, size = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    if not is_complex(input._array):
        raise OperatorError(
            "istft: istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if input._array.ndim not in (2, 3) or not input._array.size:
        raise OperatorError(
            f"istft: expected a non-empty tensor with 2 or 3 dimensions, but got {input.ndim} (shape "
            f"{list(input.shape)})"
        )
    x = input if input._array.ndim == 3 else input.unsqueeze(0)
    one = x._array.shape[1] != n_fft if onesided is None else onesided
    if x._array.shape[1] != (n_fft // 2 + 1 if one else n_fft):
        raise OperatorError(
            f"istft: expected the frequency dimension to match n_fft={n_fft} ({n_fft // 2 + 1 if one else n_fft}), "
            f"but got {x._array.shape[1]}"
        )
    if not 0 < hop <= size <= n_fft:
        raise OperatorError(f"istft: expected 0 < hop_length <= win_length <= n_fft, but got {hop}, {size} and {n_fft}")
    norm, frames = "ortho" if normalized else "backward", movedim(x, 1, 2)
    weight = _window(window, size, n_fft, input, "istft")
    if return_complex and one:
        raise OperatorError("istft: Cannot have onesided output if window or input is complex")
    half = frames if one or return_complex else narrow(frames, 2, 0, n_fft // 2 + 1)  # torch: the rest is not looked at
    pieces = ifft(frames, norm=norm) if return_complex else irfft(half, n_fft, norm=norm)
    total, envelope = (
        _overlapped(pieces * weight, hop),
        _overlapped((weight * weight).expand(1, frames._array.shape[1], n_fft), hop),
    )
    start = n_fft // 2 if center else 0
    end = total._array.shape[1] if length is None else start + length
    end = total._array.shape[1] - n_fft // 2 if length is None and center else min(end, total._array.shape[1])
    total, envelope = narrow(total, 1, start, end - start), narrow(envelope, 1, start, end - start)
    if envelope._array.size and np.abs(envelope._array).min() < 1e-11:
        raise OperatorError("istft: window overlap add min is not above 1e-11: the windows leave places uncovered")
    found = total / envelope
    if length is not None and found._array.shape[1] < length:
        rest = wrap(np.zeros_like(found._array, shape=(found._array.shape[0], length - found._array.shape[1])))
        found = cat([found, rest], 1)
    return found if input._array.ndim == 3 else found.squeeze(0)


class OverlapAdd(Operator):
    """Frames (B, F, n) added up `hop` apart: the adjoint of `unfold`."""

    @staticmethod
    def forward(ctx: Any, frames: Array, hop: int) -> Array:
        ctx.hop, ctx.n = hop, frames.shape[2]
        batch, count, n = frames.shape
        out = np.zeros_like(frames, shape=(batch, n + hop * (count - 1)))
        for k in range(count):
            out[:, k * hop : k * hop + n] += frames[:, k]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        count = (grad.shape[1] - ctx.n) // ctx.hop + 1
        return xp.stack([grad[:, k * ctx.hop : k * ctx.hop + ctx.n] for k in range(count)], axis=1)


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    return OverlapAdd.apply(frames, hop)
