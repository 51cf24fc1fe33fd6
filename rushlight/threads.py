"""How many threads the native kernels use. Without a native build the definitions run on NumPy, whose BLAS has
threads of its own, and one thread is reported here."""

from __future__ import annotations

from .errors import OperatorError
from .kernels import native


def get_num_threads() -> int:
    """Threads used inside an operator: at first RUSHLIGHT_NUM_THREADS, OMP_NUM_THREADS or the cores this process may
    use."""
    return 1 if native is None else int(native.get_num_threads())


def set_num_threads(num: int) -> None:
    """Sets how many threads an operator may use. Results do not depend on it.

    Raises:
        RuntimeError: not a positive int.
    """
    if not isinstance(num, int) or isinstance(num, bool) or num < 1:
        raise OperatorError(f"set_num_threads expects a positive integer, got {num!r}")
    if native is not None:
        native.set_num_threads(num)


def get_num_interop_threads() -> int:
    """Operators run one after another: 1."""
    return 1


def set_num_interop_threads(num: int) -> None:
    """Accepted for programs that set it; operators run one after another here, so there is nothing to set."""
    if not isinstance(num, int) or num < 1:
        raise OperatorError(f"set_num_interop_threads expects a positive integer, got {num!r}")
