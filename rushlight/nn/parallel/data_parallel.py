"""DataParallel as PyTorch has it on a machine without GPUs, where it is a wrapper and no more;
what moves tensors between GPUs raises."""

from __future__ import annotations

from typing import Any, NoReturn

from ...device import check_device
from ..module import Module


class DataParallel(Module):
    """Calls the module inside; without GPUs there is nothing to spread the batch over.

    Args:
        module: becomes the child `module`, so state dicts have that prefix.
        device_ids, output_device, dim: which GPUs and along which dimension; kept as they are.

    Example:
        >>> sorted(rushlight.nn.DataParallel(rushlight.nn.Linear(2, 1)).state_dict())
        ['module.bias', 'module.weight']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []  # torch: what it keeps where there is no GPU, whatever was asked
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """`module(*inputs, **module_kwargs)`, as `DataParallel` computes it."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


def _between_gpus(*args: Any, **kwargs: Any) -> NoReturn:
    """Copies tensors or modules to GPUs, or collects them from there.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError): there are no GPUs.
    """
    check_device("cuda")
    raise AssertionError


scatter = scatter_kwargs = gather = replicate = parallel_apply = _between_gpus
