"""`torch.backends`: switches of libraries that PyTorch computes with and Rushlight does not.

Questions are answered truthfully (nothing is available), and what a program sets is kept for it to read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class Backend(ModuleType):
    """The switches of one library, `backends.cudnn` say; any can be set."""

    def is_available(self) -> bool:
        """Whether Rushlight computes with it: no."""
        return False

    is_built = is_available

    def version(self) -> int | None:
        """Its version: None, as it is not there."""
        return None

    @contextmanager
    def flags(self, **changes: Any) -> Iterator[None]:
        """A block in which some switches have other values."""
        before = {name: getattr(self, name, None) for name in changes}
        vars(self).update(changes)
        try:
            yield
        finally:
            vars(self).update(before)

    def set_flags(self, **changes: Any) -> tuple[Any, ...]:
        """Sets switches; their values before."""
        before = tuple(getattr(self, name, None) for name in changes)
        vars(self).update(changes)
        return before


def _backend(name: str, **switches: Any) -> Backend:
    backend = Backend(f"{__name__}.{name}", f"Switches of {name}, which Rushlight does not use.")
    vars(backend).update(switches)
    sys.modules[backend.__name__] = backend
    return backend


@contextmanager
def _sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[dict[str, bool]]:
    """A block with a choice of kernels for attention on a GPU; here there is one kernel."""
    yield {"enable_flash": enable_flash, "enable_math": enable_math, "enable_mem_efficient": enable_mem_efficient}


def _switch(kind: str, enabled: bool) -> dict[str, Any]:
    """`enable_flash_sdp(...)` and `flash_sdp_enabled()`, which remember."""
    state = [enabled]

    def enable(enabled: bool) -> None:
        state[0] = bool(enabled)

    return {f"enable_{kind}_sdp": enable, f"{kind}_sdp_enabled": lambda: state[0]}


def _cuda() -> Backend:
    switches: dict[str, Any] = {"sdp_kernel": _sdp_kernel}
    for kind in ("flash", "mem_efficient", "math", "cudnn"):
        switches.update(_switch(kind, True))
    cuda = _backend("cuda", **switches)
    vars(cuda)["matmul"] = _backend(
        "cuda.matmul",
        allow_tf32=False,
        allow_fp16_reduced_precision_reduction=True,
        allow_bf16_reduced_precision_reduction=True,
        allow_fp16_accumulation=False,
        fp32_precision="none",
    )
    vars(cuda)["cufft_plan_cache"] = _backend("cuda.cufft_plan_cache", size=0, max_size=0, clear=lambda: None)
    vars(cuda)["preferred_linalg_library"] = lambda backend=None: "default"
    return cuda


cudnn = _backend(
    "cudnn",
    enabled=True,
    benchmark=False,
    benchmark_limit=10,
    deterministic=False,
    allow_tf32=True,
    fp32_precision="none",
    is_acceptable=lambda tensor: False,
)
cuda = _cuda()
cpu = _backend("cpu", get_cpu_capability=lambda: "DEFAULT")
cusparselt = _backend("cusparselt")
mha = _backend("mha", get_fastpath_enabled=lambda: False, set_fastpath_enabled=lambda value: None)
mkl = _backend("mkl")
mkldnn = _backend("mkldnn", enabled=False, deterministic=False, allow_tf32=True)
mps = _backend("mps", is_macos13_or_newer=lambda minor=0: False, is_macos_or_newer=lambda major, minor: False)
nnpack = _backend("nnpack")
openmp = _backend("openmp")
opt_einsum = _backend("opt_einsum", enabled=False, strategy=None, get_opt_einsum=lambda: None)
quantized = _backend("quantized", engine="none", supported_engines=["none"])
xnnpack = _backend("xnnpack", enabled=False)

fp32_precision = "none"


def disable_global_flags() -> None:
    """Ends the right to set switches outside `flags` blocks: not enforced, as they switch nothing."""


def flags_frozen() -> bool:
    """Whether `disable_global_flags` was enforced: no."""
    return False
