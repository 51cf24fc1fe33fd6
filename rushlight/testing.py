"""`torch.testing`: comparing tensors, and containers of them, with a message that says where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .autograd.tape import TensorBase, wrap
from .device import check_device as _check_device
from .errors import ArgumentError
from .ops.creation import as_tensor
from .tensor import Tensor

# Relative and absolute tolerance of each dtype; what is not listed has to be equal.
_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}

Message = str | Callable[[str], str] | None


class _Comparison:
    """The rules of one comparison."""

    def __init__(
        self, rtol: float | None, atol: float | None, equal_nan: bool, dtype: bool, stride: bool, msg: Message
    ):
        if (rtol is None) != (atol is None):
            raise ArgumentError("assert_close: rtol and atol must both be specified or both be unspecified")
        self.given = None if rtol is None or atol is None else (rtol, atol)
        self.equal_nan, self.dtype, self.stride, self.msg = equal_nan, dtype, stride, msg

    def fail(self, text: str, path: str) -> None:
        text += f"\n\nThe failure occurred for item {path}" if path else ""
        raise AssertionError(text if self.msg is None else self.msg(text) if callable(self.msg) else self.msg)

    def tolerances(self, *kinds: dtypes.dtype) -> tuple[float, float]:
        if self.given is not None:
            return self.given
        found = [_TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(r for r, _ in found), max(a for _, a in found)

    # ---------------------------------------------------------------------------------------------- what is compared

    def anything(self, actual: Any, expected: Any, path: str) -> None:
        if isinstance(actual, Mapping) and isinstance(expected, Mapping):
            self.mappings(actual, expected, path)
        elif _is_sequence(actual) and _is_sequence(expected):
            self.sequences(actual, expected, path)
        elif isinstance(actual, (TensorBase, np.ndarray)) or isinstance(expected, (TensorBase, np.ndarray)):
            if type(actual) is not type(expected) and not isinstance(expected, type(actual)):
                raise TypeError(f"assert_close: cannot compare {type(actual).__name__} with {type(expected).__name__}")
            self.tensors(as_tensor(actual), as_tensor(expected), path)
        elif actual is None or expected is None:
            if actual is not expected:
                self.fail(f"None mismatch: {actual} is not {expected}", path)
        else:
            self.scalars(actual, expected, path)

    def mappings(self, actual: Mapping[Any, Any], expected: Mapping[Any, Any], path: str) -> None:
        if actual.keys() != expected.keys():
            missing = sorted(map(str, expected.keys() - actual.keys()))
            more = sorted(map(str, actual.keys() - expected.keys()))
            self.fail(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {missing}\nAdditional keys in the actual mapping: {more}",
                path,
            )
        for key in actual:
            self.anything(actual[key], expected[key], f"{path}[{key!r}]")

    def sequences(self, actual: Sequence[Any], expected: Sequence[Any], path: str) -> None:
        if len(actual) != len(expected):
            self.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path)
        for i, (ours, theirs) in enumerate(zip(actual, expected)):
            self.anything(ours, theirs, f"{path}[{i}]")

    def scalars(self, actual: Any, expected: Any, path: str) -> None:
        kinds = [_kind_of(number) for number in (actual, expected)]
        if self.dtype and kinds[0] is not kinds[1]:
            self.fail(f"The values for attribute 'dtype' do not match: {kinds[0]} != {kinds[1]}.", path)
        rtol, atol = self.tolerances(*kinds)
        if np.isclose(actual, expected, rtol, atol, self.equal_nan):
            return
        difference = abs(actual - expected)
        relative = difference / abs(expected) if expected else float("inf")
        bounds = f" (up to {atol} allowed)", f" (up to {rtol} allowed)"
        self.fail(
            f"Scalars are not {'close' if rtol or atol else 'equal'}!\n\nExpected {expected} but got {actual}.\n"
            f"Absolute difference: {difference}{bounds[0]}\nRelative difference: {relative}{bounds[1]}",
            path,
        )

    def tensors(self, actual: Tensor, expected: Tensor, path: str) -> None:
        names = ["shape", *(["dtype"] if self.dtype else []), "layout"]
        for name in names:
            ours, theirs = getattr(actual, name), getattr(expected, name)
            if ours != theirs:
                self.fail(f"The values for attribute {name!r} do not match: {ours} != {theirs}.", path)
        if self.stride and actual.stride() != expected.stride():
            self.fail(
                f"The values for attribute 'stride()' do not match: {actual.stride()} != {expected.stride()}.", path
            )
        rtol, atol = self.tolerances(actual.dtype, expected.dtype)
        x, y = (_wide(t._array) for t in (actual, expected))
        with np.errstate(all="ignore"):
            close = np.isclose(x, y, rtol, atol, self.equal_nan)
            if not close.all():
                self.fail(_tensor_message(x, y, close, rtol, atol), path)


_NUMBERS = (  # from the narrowest on, as bool is an int
    ((bool, np.bool_), dtypes.bool),
    ((int, np.integer), dtypes.int64),
    ((float, np.floating), dtypes.float64),
    ((complex, np.complexfloating), dtypes.complex128),
)


def _kind_of(value: Any) -> dtypes.dtype:
    for classes, kind in _NUMBERS:
        if isinstance(value, classes):
            return kind
    raise TypeError(f"assert_close: cannot compare objects of type {type(value).__name__}")


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _wide(array: Any) -> Any:
    """The numbers in a dtype in which differences can be taken."""
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _tensor_message(actual: Any, expected: Any, close: Any, rtol: float, atol: float) -> str:
    difference = np.where(close, 0, np.abs(actual - expected))
    relative = np.where(close, 0, np.abs(difference / np.abs(expected)))
    lines = [
        f"Tensor-likes are not {'close' if rtol or atol else 'equal'}!\n",
        f"Mismatched elements: {(~close).sum()} / {close.size} ({(~close).mean():.1%})",
    ]
    for name, values, bound in (("absolute", difference, atol), ("relative", relative, rtol)):
        where = np.unravel_index(np.argmax(np.nan_to_num(values, nan=np.inf)), values.shape)
        at = f" at index {tuple(int(i) for i in where)}" if where else ""
        lines.append(
            f"Greatest {name} difference: {values[where].item()}{at}" + (f" (up to {bound} allowed)" if bound else "")
        )
    return "\n".join(lines)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raises unless `|actual - expected| <= atol + rtol * |expected|` everywhere.

    Args:
        actual, expected: tensors, NumPy arrays, numbers, or lists, tuples and dicts of them.
        allow_subclasses: whether a Parameter, say, may be compared with a Tensor.
        rtol, atol: both or none; by default what fits the dtype (1.3e-6 and 1e-5 for float32).
        equal_nan: whether NaN equals NaN.
        check_dtype, check_stride: whether these have to be equal.
        check_device, check_layout: always equal here.
        msg: instead of the usual message, or a function of it.

    Raises:
        AssertionError: they differ. TypeError: they cannot be compared. ValueError: only one of rtol and atol.

    Example:
        >>> rushlight.testing.assert_close(rushlight.ones(2), rushlight.tensor([1, 1 + 1e-7]))
    """
    if not allow_subclasses and type(actual) is not type(expected):
        raise TypeError(f"assert_close: {type(actual).__name__} and {type(expected).__name__} are different classes")
    rules = _Comparison(rtol, atol, equal_nan, check_dtype, check_stride, msg)
    rules.anything(actual, expected, "")


def assert_allclose(
    actual: Any, expected: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = True, msg: str = ""
) -> None:
    """`assert_close` under its name of before PyTorch 1.12, which also compares with what is no tensor."""
    if not isinstance(actual, TensorBase):
        actual = as_tensor(actual)
    if not isinstance(expected, TensorBase):
        expected = as_tensor(expected, dtype=actual.dtype)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )


# --------------------------------------------------------------------------------------------------------- making some


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random numbers between low (included) and high (not).

    Args:
        low, high: by default -9 and 9; 0 and 10 for uint8, 0 and 2 for bool.
        noncontiguous: every other element of a longer last dimension.
        exclude_zero: zeros are replaced by the smallest number above zero.

    Raises:
        ValueError: low is not below high, or a tensor cannot both have a memory format and be non-contiguous.
    """
    where = _check_device(device)
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if noncontiguous and memory_format is not None:
        raise ArgumentError("make_tensor: noncontiguous and memory_format cannot be asked for together")
    least, most = {"b": (0, 2), "u": (0, 10)}.get(dtype.numpy.kind, (-9, 10 if dtype.numpy.kind == "i" else 9))
    low, high = least if low is None else low, most if high is None else high
    if not low < high:
        raise ArgumentError(f"make_tensor: low {low} is not below high {high}")
    full = (*sizes[:-1], sizes[-1] * 2) if noncontiguous and sizes else sizes
    result = _random(full, dtype, low, high)
    if exclude_zero:
        result[result == 0] = 1 if dtype.numpy.kind in "iub" else float(dtypes.finfo(dtype).tiny)
    result = result[..., ::2] if noncontiguous and sizes else result
    if memory_format is not None:
        result = result.contiguous(memory_format=memory_format)
    return result.to(where).requires_grad_(requires_grad)


def _random(shape: tuple[int, ...], dtype: dtypes.dtype, low: float, high: float) -> Any:
    parts = [wrap(np.empty(shape)).uniform_(low, high) for _ in range(2 if dtype.is_complex else 1)]
    if dtype.is_complex:
        return wrap((parts[0]._array + 1j * parts[1]._array).astype(dtype.numpy))
    array = np.floor(parts[0]._array) if dtype.numpy.kind in "iub" else parts[0]._array
    return wrap(array.astype(dtype.numpy))
