"""Which kernel computes attention: PyTorch's choice between several. Here there is one, so any choice is fine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from ..errors import OperatorError


class SDPBackend(IntEnum):
    """PyTorch's kernels of `scaled_dot_product_attention`."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[Any]:
    """A block in which attention is computed by one of these kernels; all give what the one here gives.

    Raises:
        RuntimeError: what is listed are no SDPBackends.
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not all(isinstance(backend, SDPBackend) for backend in chosen):
        raise OperatorError(f"sdpa_kernel: expected SDPBackends, got {backends!r}")
    yield {}
