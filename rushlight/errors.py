"""Exceptions that Rushlight raises itself.

Each derives from the class that PyTorch raises in the same place, so `except RuntimeError` written for PyTorch keeps
working, and from `RushlightError`, by which `nn.Module` recognises a message that it may complete with the path of the
module in which the mistake happened.
"""

from __future__ import annotations


class RushlightError(Exception):
    """Base of every error that Rushlight raises on purpose."""


class ShapeError(RushlightError, RuntimeError):
    """Shapes or sizes do not fit together."""


class GraphError(RushlightError, RuntimeError):
    """The tape cannot do what was asked: a second walk, a changed saved array, a leaf written to."""


class OperatorError(RushlightError, RuntimeError):
    """Any other reason for which an operator refuses its arguments."""


class ScalarError(OperatorError, TypeError):
    """One number is wanted of a tensor of several. It is a TypeError too, as NumPy's, by which other libraries know
    that what they have is an array."""


class ArgumentError(RushlightError, ValueError):
    """An argument has a value that is not allowed."""


class DTypeError(RushlightError, TypeError):
    """An argument has a type that is not allowed."""


class RangeError(RushlightError, IndexError):
    """An index or a dimension lies outside its range."""


class UnsupportedError(RushlightError, NotImplementedError):
    """Asked for something that Rushlight does not have; the message says what to use instead."""


class AssertError(RushlightError, AssertionError):
    """An argument breaks a condition for which PyTorch has a bare `assert`."""


class LinAlgError(RushlightError, RuntimeError):
    """A matrix has no inverse, no Cholesky factor, or a decomposition did not converge."""
