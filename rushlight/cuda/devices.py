"""Which GPUs there are, what they can do, and which is the current one: the one that this process computes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .. import gpu
from ..device import device as Device
from ..errors import ArgumentError, OperatorError


def is_available() -> bool:
    """Whether tensors can be put on a GPU: CuPy is installed and finds one."""
    return gpu.count() > 0


def device_count() -> int:
    """How many GPUs there are for Rushlight; 0 without CuPy or a driver."""
    return gpu.count()


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return gpu.in_use


def init() -> None:
    """Begins to use the current GPU, as its first tensor would.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError, which PyTorch raises): there is none.
    """
    gpu.index_of(None)


def current_device() -> int:
    """The number of the GPU that this process computes on.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError): there is none.
    """
    return gpu.index_of(None)


def number_of(which: Any) -> int:
    """The number of a GPU named by number, text or device; None and "cuda" are the current one."""
    if which is None:
        return current_device()
    if isinstance(which, int):
        index: int | None = which
    else:
        named = Device(which)
        if named.type != "cuda":
            raise ArgumentError(f"Expected a cuda device, but got: {named}")
        index = named.index
    here = current_device()
    if index is not None and index >= gpu.count():
        raise OperatorError(f"cuda:{index}: CUDA error: invalid device ordinal; there are {gpu.count()}, from cuda:0")
    return here if index is None else index


def set_device(device: Any) -> None:
    """Makes another GPU the current one; negative numbers do nothing."""
    if not (isinstance(device, int) and device < 0):
        gpu.cupy().cuda.Device(number_of(device)).use()


def synchronize(device: Any = None) -> None:
    """Waits until all work on the GPU is done; without a GPU there is none to wait for."""
    if is_available():
        gpu.cupy().cuda.Device(number_of(device)).synchronize()


class device:
    """A block with another GPU as the current one; `device(None)` and negative numbers do nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else device if isinstance(device, int) else number_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)

    def __exit__(self, *failure: object) -> None:
        set_device(self.prev_idx)


class device_of(device):
    """A block with a tensor's GPU as the current one; nothing happens for tensors on the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device())


# ----------------------------------------------------------------------------------------------------- what they are


def get_device_properties(device: Any = None) -> Any:
    """An object with `name`, `major`, `minor`, `total_memory` (bytes) and `multi_processor_count` of a GPU."""
    found = gpu.cupy().cuda.runtime.getDeviceProperties(number_of(device))
    return SimpleNamespace(
        name=found["name"].decode(),
        major=found["major"],
        minor=found["minor"],
        total_memory=found["totalGlobalMem"],
        multi_processor_count=found["multiProcessorCount"],
    )


def get_device_name(device: Any = None) -> str:
    """What a GPU is called."""
    return str(get_device_properties(device).name)


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU: (9, 0) is an H100."""
    found = get_device_properties(device)
    return found.major, found.minor


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one GPU reads the memory of another."""
    return bool(gpu.cupy().cuda.runtime.deviceCanAccessPeer(number_of(device), number_of(peer_device)))


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16: from compute capability 8.0 on."""
    return is_available() and get_device_capability() >= (8, 0)


def is_tf32_supported() -> bool:
    """Whether the GPU computes in TF32: from compute capability 8.0 on."""
    return is_bf16_supported()


def get_arch_list() -> list[str]:
    """The GPUs that this build was compiled for: none, as kernels are compiled for the GPU that they run on."""
    return []
