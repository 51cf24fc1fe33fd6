"""The text of a tensor, as PyTorch writes it: four digits, scientific where the range asks for it, summarised beyond
1000 elements, with dtype, size and grad_fn behind where they are not the usual ones.

    array -> Format (one width for all elements) -> nested brackets -> suffixes
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .autograd.tape import Leaf, wrap
from .batching import BatchedArray
from .device import CPU
from .errors import ArgumentError
from .kernels.arrays import host

if TYPE_CHECKING:
    from .tensor import Tensor

Array = Any


@dataclass
class Options:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": Options(),
    "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}
options = Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed from now on.

    Args:
        precision: digits after the point (4).
        threshold: how many elements are printed in full (1000).
        edgeitems: how many are shown at each end of a summarised dimension (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full", before the other arguments apply.
        sci_mode: always (True) or never (False) in scientific notation; None, the default of each call, decides by
            range.
    """
    global options
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(f"set_printoptions: profile {profile!r} is not one of {', '.join(PROFILES)}")
        options = replace(PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    options = replace(options, sci_mode=sci_mode, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]


def get_printoptions() -> dict[str, Any]:
    """The settings of `set_printoptions`."""
    return asdict(options)


@contextmanager
def printoptions(**changes: Any) -> Iterator[None]:
    """`set_printoptions` for the length of a `with` block."""
    global options
    before = options
    set_printoptions(**changes)
    try:
        yield
    finally:
        options = before


# ------------------------------------------------------------------------------------------------- one element


class Format:
    """One way of writing for all elements of a real array: whole, fixed or scientific, and the width of the widest."""

    def __init__(self, array: Array) -> None:
        self.floating = array.dtype.kind == "f"
        self.scientific = self.whole = False
        self.width = 1
        if self.floating:
            self._measure(array[np.isfinite(array) & (array != 0)].astype(np.float64))
        else:
            self.width = max((len(str(v)) for v in array.reshape(-1).tolist()), default=1)

    def _measure(self, values: Array) -> None:
        """torch: NaN, infinity and 0 have no say, neither in the notation nor in the width."""
        if not values.size:
            self.whole = True
            return
        low, high = np.abs(values).min(), np.abs(values).max()
        self.whole = bool((values == np.ceil(values)).all())
        wide = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        self.scientific = bool(wide) if options.sci_mode is None else options.sci_mode
        self.width = max(map(len, map(self._text, values.tolist())))

    def _text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{options.precision}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{options.precision}f}"

    def __call__(self, value: Any) -> str:
        return self._text(value).rjust(self.width)


class ComplexFormat:
    """Real and imaginary part, each in its own format."""

    def __init__(self, array: Array) -> None:
        self.real, self.imag = Format(array.real), Format(array.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imaginary = (self.imag(value.imag) + "j").lstrip()
        return self.real(value.real) + ("" if imaginary[0] in "+-" else "+") + imaginary


# ------------------------------------------------------------------------------------------------ nested brackets


def _summarized(array: Array) -> Array:
    """The elements that a summary shows."""
    edge = options.edgeitems
    for dim, n in enumerate(array.shape):
        if n > 2 * edge:
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis=dim)
    return array


def _entries(array: Array, summary: bool) -> list[Any]:
    """The entries of the first dimension; None stands for those left out."""
    edge = options.edgeitems
    if not summary or array.shape[0] <= 2 * edge:
        return list(array)
    return [*array[:edge], None, *array[array.shape[0] - edge :]]


def _vector(array: Array, indent: int, summary: bool, write: Any) -> str:
    per_line = max(1, (options.linewidth - indent) // (write.width + 2))
    words = [" ..." if v is None else write(v.item()) for v in _entries(array, summary)]
    if summary and not options.edgeitems:
        words = ["..."]
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(array: Array, indent: int, summary: bool, write: Any) -> str:
    if array.ndim == 0:
        return str(write(array.item()))
    if array.ndim == 1:
        return _vector(array, indent, summary, write)
    parts = ["..." if a is None else _nested(a, indent + 1, summary, write) for a in _entries(array, summary)]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def array_text(array: Array, indent: int) -> str:
    """The elements in brackets, with later lines indented."""
    if not array.size:
        return "[]"
    if array.dtype.itemsize <= 2 and array.dtype.kind in "fV":
        array = array.astype(np.float32)
    summary = array.size > options.threshold
    shown = _summarized(array) if summary else array
    write = ComplexFormat(shown) if array.dtype.kind == "c" else Format(shown)
    return _nested(array, indent, summary, write)


# -------------------------------------------------------------------------------------------------- around them


def _suffixes(tensor: Tensor) -> list[str]:
    """What is worth saying beside the elements."""
    default = dtypes.get_default_dtype()
    kind, found = tensor.dtype, []
    if tensor.device is not CPU:
        found.append(f"device='{tensor.device}'")
    usual = (default, default.to_complex(), dtypes.int64, dtypes.bool) if tensor.numel() else (default,)
    if not tensor.numel() and tensor.ndim != 1:
        found.append(f"size={tuple(tensor.shape)}")
    if kind not in usual:
        found.append(f"dtype={kind}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif type(tensor._edge) is Leaf:
        found.append("requires_grad=True")
    return found


def _sparse_text(tensor: Tensor) -> str:
    """Places and elements, each as a tensor."""
    parts = []
    for name, array in (("indices", tensor._array.indices), ("values", tensor._array.values)):
        text = f"{name}={tensor_text(wrap(array))}"[:-1].partition(", dtype")[0]
        size = f", size={array.shape}" if not array.size and "size=" not in text else ""
        parts.append((text + size + ")").replace("\n", "\n" + " " * (len(name) + 8)))
    told = [f"size={tuple(tensor.shape)}", f"nnz={tensor._nnz()}", "layout=torch.sparse_coo"]
    told[2:2] = [suffix for suffix in _suffixes(tensor) if suffix.startswith("dtype")]
    told += [suffix for suffix in _suffixes(tensor) if not suffix.startswith(("dtype", "size"))]
    return "tensor(" + (",\n" + " " * 7).join([*parts, ", ".join(told)]) + ")"


def tensor_text(tensor: Tensor, contents: str | None = None) -> str:
    """What `repr(tensor)` shows."""
    if type(tensor._array) is BatchedArray:
        return f"BatchedTensor(value={tensor_text(wrap(tensor._array.array))})"
    if tensor.is_sparse:
        return _sparse_text(tensor)
    plain = type(tensor).__name__ in ("Tensor", "Parameter")
    prefix = "tensor(" if plain else f"{type(tensor).__name__}("
    indent = len(prefix)
    text = prefix + (array_text(host(tensor._array), indent) if contents is None else contents)
    last = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(tensor):
        if last + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"
