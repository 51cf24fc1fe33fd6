"""Anomaly mode: finds the operator whose backward made the first NaN, and the line of the program that called it.

While it is on, every entry recorded on the tape notes where it was recorded, and every backward is checked. It replaces
`Operator.differentiate` for that time, so it costs nothing while it is off.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import Any

import numpy as np

from ..errors import GraphError
from .graph import observe, stop_observing
from .tape import Operator, TensorBase

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_plain_differentiate = Operator.differentiate


class _State:
    enabled = False
    check_nan = True


state = _State()


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return state.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, if it is on, looks for NaN."""
    return state.check_nan


def _where() -> traceback.StackSummary:
    """The call stack, without rushlight's own frames at its end."""
    frame: Any = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    stack = traceback.extract_stack(frame)
    return stack


def _note_place(entry: Operator) -> None:
    entry.trace = _where()  # type: ignore[assignment]


def _differentiate(self: Operator, grad: Any, create_graph: bool) -> Any:
    """`Operator.differentiate` while anomaly mode is on."""
    try:
        found = _plain_differentiate(self, grad, create_graph)
    except Exception:
        _warn(self)
        raise
    if state.check_nan:
        for i, dx in enumerate(found):
            if dx is not None and _has_nan(dx._array if isinstance(dx, TensorBase) else dx):
                _warn(self)
                raise GraphError(f"Function '{self.name()}' returned nan values in its {i}th output.{_line(self)}")
    return found


def _has_nan(array: Any) -> bool:
    return array.dtype.kind in "fcV" and bool(np.isnan(array).any())


def _line(entry: Any) -> str:
    """Where an entry was recorded, on one line."""
    if entry.trace is None:
        return ""
    last = entry.trace[-1]
    return f" It was recorded in {last.filename}, line {last.lineno}: {last.line}"


def _warn(entry: Any) -> None:
    if entry.trace is None:
        text = (
            f"Error detected in {entry.name()}. No forward pass information available. Enable detect anomaly during "
            "forward pass for more information."
        )
    else:
        stack = "".join(traceback.format_list(entry.trace))
        text = f"Error detected in {entry.name()}. Traceback of forward call that caused the error:\n{stack}"
    warnings.warn(text, stacklevel=2)


def _set(enabled: bool, check_nan: bool) -> None:
    if enabled and not state.enabled:
        observe(_note_place)
        Operator.differentiate = _differentiate  # type: ignore[method-assign]
    elif state.enabled and not enabled:
        stop_observing(_note_place)
        Operator.differentiate = _plain_differentiate  # type: ignore[method-assign]
    state.enabled, state.check_nan = enabled, check_nan


class set_detect_anomaly:
    """Anomaly mode on or off by a flag, at once; as a context manager it is put back at the end.

    Args:
        mode: on or off.
        check_nan: raise at the first backward that makes a NaN. Without it, only errors are told where they come from.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = state.enabled, state.check_nan
        _set(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *failure: object) -> None:
        _set(*self.before)


class detect_anomaly(set_detect_anomaly):
    """A block in which a backward that makes a NaN raises, naming the operator and the line that recorded it.

    Args:
        check_nan: look for NaN; without it, only errors in backward are told where they come from.

    Example:
        >>> x = rushlight.zeros(1, requires_grad=True)
        >>> with rushlight.autograd.detect_anomaly():
        ...     (x / x).sum().backward()
        Traceback (most recent call last):
        rushlight.errors.GraphError: Function 'DivBackward0' returned nan values in its 1th output. ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.before = state.enabled, state.check_nan
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.before = state.enabled, state.check_nan
        _set(True, self.check_nan)
