"""What programs ask about GPUs, answered truthfully: there is none here.

Questions are answered and seeding is accepted, so that `device = "cuda" if cuda.is_available() else "cpu"` and the
usual preamble of a script work; whatever would need a GPU raises when a tensor is sent there.
"""

from __future__ import annotations

from types import ModuleType as _ModuleType
from typing import Any, NoReturn

from .. import rooms as _rooms
from ..device import check_device
from ..errors import DTypeError


def is_available() -> bool:
    """Whether tensors can be put on a GPU: not in this version."""
    return False


def device_count() -> int:
    """How many GPUs there are for Rushlight: 0."""
    return 0


def is_initialized() -> bool:
    """Whether a GPU has been used."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16: there is none."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the GPU's generator: there is none, and nothing to do, as in PyTorch without CUDA."""


manual_seed_all = manual_seed


def synchronize(device: object = None) -> None:
    """Waits for the GPU: nothing to wait for."""


def empty_cache() -> None:
    """Gives back unused GPU memory: none is held."""


# ------------------------------------------------------------------------------- what needs a GPU, and what counts them


def _absent(*args: Any, **kwargs: Any) -> NoReturn:
    """There is no GPU to answer or to act on.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError, which PyTorch raises).
    """
    check_device("cuda")
    raise AssertionError


init = current_device = set_device = current_stream = default_stream = set_stream = initial_seed = get_rng_state = (
    _absent
)
get_device_name = get_device_capability = get_device_properties = mem_get_info = memory_summary = utilization = _absent
can_device_access_peer = set_per_process_memory_fraction = current_blas_handle = cudart = _absent


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_cached = max_memory_cached = memory_allocated


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Counts of the GPU's memory: none."""
    return {}


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begins to count the most bytes in use anew: none are."""


reset_max_memory_allocated = reset_max_memory_cached = ipc_collect = reset_peak_memory_stats


def seed() -> None:
    """Seeds the GPU's generator at random: there is none."""


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """The states of all GPUs' generators: no states."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Sets the state of the GPU's generator: there is none, and nothing to do, as in PyTorch without CUDA."""


def set_rng_state_all(new_states: Any) -> None:
    """Sets the states of all GPUs' generators: there are none."""


def get_arch_list() -> list[str]:
    """The GPUs that this build computes on: none."""
    return []


def is_tf32_supported() -> bool:
    """Whether the GPU computes in TF32: there is none."""
    return False


def is_current_stream_capturing() -> bool:
    """Whether the GPU's work is being recorded: no."""
    return False


class device:
    """A block with another GPU as the current one; without a GPU only `device(None)` and negative numbers, which do
    nothing."""

    def __init__(self, device: Any) -> None:
        self.chosen = device

    def __enter__(self) -> None:
        if self.chosen is not None and not (isinstance(self.chosen, int) and self.chosen < 0):
            check_device("cuda")

    def __exit__(self, *failure: object) -> None: ...


class device_of(device):
    """A block with a tensor's GPU as the current one: tensors are on the CPU, so nothing happens."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


class stream:
    """A block in which work goes to a stream of the GPU; `stream(None)` does nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            check_device("cuda")

    def __exit__(self, *failure: object) -> None: ...


class Stream:
    """A queue of work for a GPU: there is none, so making one raises."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_device("cuda")


class Event(Stream):
    """A point in a GPU's queue of work: there is none, so making one raises."""


class CUDAGraph(Stream):
    """A recording of a GPU's work: there is none, so making one raises."""


class OutOfMemoryError(RuntimeError):
    """A GPU has no memory left; nothing raises it here."""


CudaError = AcceleratorError = OutOfMemoryError


class _GPUTensorType(type):
    """The classes of GPU tensors by their old names: no tensor is one, and none can be made."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return False

    def __call__(cls, *data: Any, **kwargs: Any) -> NoReturn:
        raise DTypeError(f"type torch.cuda.{cls.__name__} not available: Rushlight computes on the CPU; leave out cuda")


def _gpu_type(name: str) -> Any:
    return _GPUTensorType(name, (), {"__module__": "torch.cuda"})


FloatTensor, DoubleTensor = _gpu_type("FloatTensor"), _gpu_type("DoubleTensor")
HalfTensor, BFloat16Tensor = _gpu_type("HalfTensor"), _gpu_type("BFloat16Tensor")
ByteTensor, CharTensor, ShortTensor = _gpu_type("ByteTensor"), _gpu_type("CharTensor"), _gpu_type("ShortTensor")
IntTensor, LongTensor, BoolTensor = _gpu_type("IntTensor"), _gpu_type("LongTensor"), _gpu_type("BoolTensor")


def __getattr__(name: str) -> _ModuleType:
    """`cuda.amp`, also without an import of its own."""
    return _rooms.room(__name__, name)
