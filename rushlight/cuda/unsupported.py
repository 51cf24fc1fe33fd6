"""What `torch.cuda` has and Rushlight has not: asking says what is missing, a GPU or the function."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import UnsupportedError
from .devices import number_of


def _refused(name: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> NoReturn:
        number_of(None)
        raise UnsupportedError(f"cuda.{name} is not supported; CuPy has the functions of CUDA itself")

    function.__name__ = name
    function.__doc__ = f"""`torch.cuda.{name}`: raises NotImplementedError (also a RuntimeError)."""
    return function


utilization, current_blas_handle, cudart = map(_refused, ("utilization", "current_blas_handle", "cudart"))
