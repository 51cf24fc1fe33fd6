"""`torch.autograd.profiler`: the profiler by its older name, which records a whole block, and `record_function`."""

from __future__ import annotations

from typing import Any

from ..errors import UnsupportedError
from ..profiler import profile as _profile
from ..profiler import record_function
from ..profiler.events import Averages

__all__ = ["emit_itt", "emit_nvtx", "profile", "record_function"]

EventList = Averages


class profile(_profile):
    """Records what happens in a block, if `enabled`; see `rushlight.profiler.profile`.

    Args:
        enabled: False for a block that is run without being recorded.
        use_cuda, use_device: refused; the CPU is measured.
        record_shapes, with_flops, with_modules, profile_memory, with_stack, acc_events: as for that.
        use_kineto, use_cpu: accepted; there is one way to record, and it sees the CPU.
        experimental_config, custom_trace_id_callback, post_processing_timeout_s, activity_filters: refused.

    Raises:
        NotImplementedError: what is not supported. RuntimeError: another profiler is recording.

    Source: the behaviour of torch.autograd.profiler.profile.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
        activity_filters: Any = None,
    ) -> None:
        if use_cuda or use_device not in (None, "cpu"):
            raise UnsupportedError("profile: only the CPU can be measured; leave use_cuda and use_device out")
        for option in (experimental_config, custom_trace_id_callback, post_processing_timeout_s, activity_filters):
            if option is not None:
                raise UnsupportedError(
                    "profile: experimental_config, custom_trace_id_callback, post_processing_timeout_s and "
                    "activity_filters belong to PyTorch's own recorder; leave them out"
                )
        super().__init__(
            record_shapes=record_shapes,
            profile_memory=profile_memory,
            with_stack=with_stack,
            with_flops=with_flops,
            with_modules=with_modules,
            acc_events=acc_events,
        )
        self.enabled = enabled

    def start(self) -> None:
        """Begins to record, if enabled."""
        if self.enabled:
            super().start()

    @property
    def function_events(self) -> list[Any]:
        """All events, in the order of their beginnings."""
        return self.events()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in which anything happened."""
        return self.key_averages().self_cpu_time_total

    def table(self, sort_by: str | None = None, row_limit: int = 100, **layout: Any) -> str:
        """The events of one name added up, in columns; see `Averages.table`."""
        return self.key_averages().table(sort_by, row_limit, **layout)


class emit_nvtx:
    """Refused: marks for a GPU's profiler."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        raise UnsupportedError("emit_nvtx: there is no GPU to profile; use profile or record_function")


class emit_itt:
    """Refused: marks for Intel's profiler."""

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        raise UnsupportedError("emit_itt: PyTorch's marks for VTune are not made; use profile or record_function")
