"""CuPy, which holds and computes arrays on GPUs: imported when a program first asks for CUDA, never before, and what
is said where it, a driver, a GPU or its memory is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from .errors import OperatorError, RushlightError, UnsupportedError


class NoDeviceError(UnsupportedError, RuntimeError, AssertionError):
    """A device that is not there was asked for. PyTorch raises one of these classes, by device and function."""


class OutOfMemoryError(RushlightError, RuntimeError):
    """A GPU has no memory left; the message says what holds it."""


def cupy(what: str = "cuda") -> Any:
    """The module, for the device `what`.

    Raises:
        NoDeviceError: it is not installed.
    """
    try:
        import cupy
    except ImportError as why:
        raise NoDeviceError(
            f"device {what}: GPUs are used through CuPy, which cannot be imported ({why}): pip install "
            "rushlight[cuda], or use device='cpu'"
        ) from why
    return cupy


def count() -> int:
    """How many GPUs there are: 0 also without CuPy and without a driver."""
    if "cupy" not in sys.modules and find_spec("cupy") is None:
        return 0
    try:
        return int(cupy().cuda.runtime.getDeviceCount())
    except (RuntimeError, NoDeviceError):
        return 0


_first_use: list[Callable[[], None]] = []  # what is to be done before the first array is on a GPU
in_use = False


def before_first_use(function: Callable[[], None]) -> None:
    """Has `function()` called once, before the first array is on a GPU."""
    _first_use.append(function)


def index_of(wanted: int | None) -> int:
    """The number of a GPU that is there: the one asked for, or the current one.

    Raises:
        NoDeviceError: CuPy, a driver or a GPU is missing, or another GPU is the current one. RuntimeError: there are
        fewer.
    """
    global in_use
    what = "cuda" if wanted is None else f"cuda:{wanted}"
    runtime = cupy(what).cuda.runtime
    try:
        there = int(runtime.getDeviceCount())
    except RuntimeError as why:
        raise NoDeviceError(f"device {what}: CuPy finds no GPU ({why}); use device='cpu' (or leave it out)") from None
    if not there:
        raise NoDeviceError(f"device {what}: CuPy finds no GPU; use device='cpu' (or leave it out)")
    here = int(runtime.getDevice())
    index = here if wanted is None else wanted
    if index >= there:
        raise OperatorError(f"device cuda:{index}: CUDA error: invalid device ordinal; there are {there}, from cuda:0")
    if index != here:
        raise NoDeviceError(
            f"device cuda:{index}: Rushlight computes on one GPU in a process, the current one, which is cuda:{here}; "
            f"call torch.cuda.set_device({index}) before the first tensor is there, and start a process per GPU"
        )
    if not in_use:
        in_use = True
        for function in _first_use:
            function()
    return index


@contextmanager
def computing() -> Iterator[Any]:
    """A block on the current GPU; an error for lack of memory says what holds it. Yields CuPy."""
    library = cupy()
    try:
        yield library
    except library.cuda.memory.OutOfMemoryError as why:
        raise OutOfMemoryError(_who_holds(library, why)) from None


holders: Callable[[int], str] = lambda index: (
    ""
)  # the tensors on a GPU, largest first; autograd, which knows them, sets it


def _who_holds(library: Any, why: Exception) -> str:
    pool, mib, index = library.get_default_memory_pool(), 2**20, int(library.cuda.runtime.getDevice())
    free, total = library.cuda.runtime.memGetInfo()
    return (
        f"CUDA out of memory. {why} GPU {index} has {total / mib:.1f} MiB, of which {free / mib:.1f} MiB are free; "
        f"this process uses {pool.used_bytes() / mib:.1f} MiB and keeps {pool.free_bytes() / mib:.1f} MiB for reuse "
        f"(torch.cuda.empty_cache() gives them back).{holders(index)}"
    )
