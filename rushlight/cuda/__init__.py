"""`torch.cuda`: the GPUs that CuPy computes on. Questions are answered without one too, so that `device = "cuda" if
cuda.is_available() else "cpu"` and the usual preamble of a script work; whatever needs a GPU says what is missing.

    devices.py     which GPUs there are, and which is the current one
    streams.py     queues of work, and points in them
    memory.py      what CuPy's pool holds
    random.py      the generators of GPUs
    old_names.py   cuda.FloatTensor and its kin
"""

from __future__ import annotations

from types import ModuleType as _ModuleType
from typing import Any

from .. import rooms as _rooms
from ..gpu import OutOfMemoryError
from .devices import (
    can_device_access_peer,
    current_device,
    device,
    device_count,
    device_of,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    is_tf32_supported,
    set_device,
    synchronize,
)
from .memory import (
    empty_cache,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
)
from .old_names import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import (
    CUDAGraph,
    Event,
    Stream,
    current_stream,
    default_stream,
    is_current_stream_capturing,
    set_stream,
    stream,
)
from .unsupported import cudart, current_blas_handle, utilization

CudaError = AcceleratorError = OutOfMemoryError


def __getattr__(name: str) -> Any | _ModuleType:
    """`cuda.amp`, also without an import of its own."""
    return _rooms.room(__name__, name)
