"""DistributedDataParallel: the same module in several processes, each with a share of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd.grad_mode import mode
from ...autograd.tape import TensorBase
from ...distributed.coalesced import broadcast_all
from ...distributed.group import ProcessGroup, resolve
from ...errors import ArgumentError, OperatorError, UnsupportedError
from ..module import Module
from .reducer import Reducer

DEFAULT_BUCKET_MB = 25


class DistributedDataParallel(Module):
    """Trains copies of `module` in several processes: gradients are averaged over them during the backward pass.

    Every process computes the loss of its share of the batch; if that is a mean over equal shares, the gradients are
    those of one process with the whole batch. Parameters and buffers begin as those of rank 0.

    Args:
        module: becomes the child `module`, so state dicts have that prefix.
        device_ids, output_device: None, for the CPU.
        broadcast_buffers: rank 0's buffers (running statistics) go to all before each forward pass; True by default.
        process_group: the processes; all by default.
        bucket_cap_mb: gradients are averaged in portions of this size; 25 by default.
        find_unused_parameters: allow forward passes that leave parameters out. `static_graph` means it too.
        gradient_as_bucket_view: `.grad` becomes a view of the portion's memory, which saves a copy.

    Raises:
        ValueError: no default group; device ids. RuntimeError: no parameter requires grad; parameters that differ
        between the processes. NotImplementedError: options that are not supported.

    Source: torch.nn.parallel.DistributedDataParallel of PyTorch 2.13.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[int] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None,
        mixed_precision: Any = None,
        device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False,
        bucket_cap_mb_list: list[int] | None = None,
        batched_grad_copy: bool = False,
        forward_sync_buffers: bool | None = None,
    ) -> None:
        super().__init__()
        _refuse(
            delay_all_reduce_named_params=delay_all_reduce_named_params,
            param_to_hook_all_reduce=param_to_hook_all_reduce,
            mixed_precision=mixed_precision,
            device_mesh=device_mesh,
            skip_all_reduce_unused_params=skip_all_reduce_unused_params,
            bucket_cap_mb_list=bucket_cap_mb_list,
            batched_grad_copy=batched_grad_copy,
        )
        if device_ids or output_device is not None:
            raise ArgumentError(
                "DistributedDataParallel: device_ids and output_device are for GPUs; this module is on the CPU, leave "
                f"them out (got {device_ids}, {output_device})"
            )
        parameters = [p for p in module.parameters() if p.requires_grad]
        if not parameters:
            raise OperatorError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters that require a "
                "gradient."
            )
        self.module = module
        self.dim, self.device, self.device_ids, self.output_device = dim, parameters[0].device, None, None
        self.process_group = resolve(process_group)
        given = broadcast_buffers if forward_sync_buffers is None else forward_sync_buffers
        self.broadcast_buffers = True if given is None else given
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True
        if init_sync:
            _check_alike(module, self.process_group)
            broadcast_all([*module.parameters(), *module.buffers()], self.process_group, 0)
        cap = (DEFAULT_BUCKET_MB if bucket_cap_mb is None else bucket_cap_mb) * (1 << 20)
        self.reducer = Reducer(
            parameters, self.process_group, cap, find_unused_parameters or static_graph, gradient_as_bucket_view
        )

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if self.broadcast_buffers:
            broadcast_all(list(self.module.buffers()), self.process_group, 0)
        outputs = self.module(*inputs, **kwargs)
        if mode.enabled and self.require_backward_grad_sync:
            self.reducer.prepare(tensors_in(outputs))
        return outputs

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within it gradients add up in each process alone; the first pass after it averages the sums.

        Example:
            with model.no_sync():
                loss(model(first)).backward()
            loss(model(second)).backward()  # averages the gradients of both
        """
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[[Any, Any], Any]) -> None:
        """`hook(state, bucket)` averages each bucket in place of the all-reduce; it returns a Future of the tensor that
        replaces `bucket.buffer()`, which holds sums over nothing but this process.

        Raises:
            RuntimeError: there is one already.
        """
        if self.reducer.hook is not None:
            raise OperatorError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self.reducer.hook = lambda bucket: hook(state, bucket)

    def join(self, *args: Any, **kwargs: Any) -> Any:
        """Not supported.

        Raises:
            NotImplementedError: always.
        """
        raise UnsupportedError(
            "DistributedDataParallel.join: uneven inputs are not supported; give all processes equally many batches "
            "(DistributedSampler does)"
        )


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise UnsupportedError(f"DistributedDataParallel: {name} is not supported; leave it out")


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors of what a module returned, in containers of all kinds."""
    if isinstance(value, TensorBase):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors_in(part)
    elif hasattr(value, "__dataclass_fields__"):
        yield from tensors_in([getattr(value, name) for name in value.__dataclass_fields__])


def _check_alike(module: Module, group: ProcessGroup) -> None:
    """That all processes have parameters and buffers of the same names, shapes and dtypes."""
    named = [*module.named_parameters(), *module.named_buffers()]
    group.channel.agree(
        "DistributedDataParallel", "; ".join(f"{name} {t._array.dtype} {t._array.shape}" for name, t in named)
    )
