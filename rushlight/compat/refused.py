"""What of PyTorch Rushlight does not have as a whole, and what to do instead.

Importing such a module, or a name from it, succeeds, since many programs import more than they use; using it raises.
"""

from __future__ import annotations

from contextlib import nullcontext
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from ..errors import UnsupportedError

_EAGER = "programs run as they are written here; leave the tracing out"
_STATE = "save the model's state_dict() and load it into the same module there"

REFUSED: dict[str, str] = {
    "torch._dynamo._trace_wrapped_higher_order_op": _EAGER,
    "torch._export": _EAGER,
    "torch._functorch": "use torch.func",
    "torch._higher_order_ops": _EAGER,
    "torch._inductor": "torch.compile needs no settings here; leave them out",
    "torch._subclasses": "there are no fake tensors; use real ones",
    "torch.ao": "there is no quantization; compute in float32 or bfloat16",
    "torch.classes": "compiled extensions of PyTorch cannot be loaded",
    "torch.contrib": _EAGER,
    "torch.cuda.amp.common": "use torch.amp",
    "torch.distributed.algorithms": "write the hook yourself, for DistributedDataParallel.register_comm_hook",
    "torch.distributed.autograd": "use DistributedDataParallel",
    "torch.distributed.checkpoint": "save the state_dict on rank 0, then barrier()",
    "torch.distributed.device_mesh": "use new_group",
    "torch.distributed.elastic": "start the processes with rushlight launch or mpiexec",
    "torch.distributed.fsdp": "use DistributedDataParallel, and ZeroRedundancyOptimizer",
    "torch.distributed.launcher": "start the processes with rushlight launch or mpiexec",
    "torch.distributed.pipelining": "use send and recv",
    "torch.distributed.rpc": "use send and recv, or mpi4py",
    "torch.distributed.tensor": "use DistributedDataParallel",
    "torch.export": _EAGER,
    "torch.fx": _EAGER,
    "torch.monitor": "use torch.utils.tensorboard, or the logging module",
    "torch.mtia": "tensors live on the CPU",
    "torch.nativert": _EAGER,
    "torch.nested": "pad the sequences (nn.utils.rnn.pad_sequence) and pass a mask",
    "torch.nn.intrinsic": "there is no quantization; use the plain layers",
    "torch.nn.qat": "there is no quantization; use the plain layers",
    "torch.nn.quantizable": "there is no quantization; use the plain layers",
    "torch.nn.quantized": "there is no quantization; use the plain layers",
    "torch.numa": "threads are set by torch.set_num_threads",
    "torch.onnx": _STATE,
    "torch.ops": "call the public function of the same name",
    "torch.package": _STATE,
    "torch.quantization": "there is no quantization; compute in float32 or bfloat16",
    "torch.quasirandom": "use scipy.stats.qmc",
    "torch.utils.bottleneck": "use cProfile",
    "torch.utils.bundled_inputs": _EAGER,
    "torch.utils.cpp_extension": "PyTorch's C++ extensions cannot be built against Rushlight",
    "torch.utils.data.datapipes": "write a Dataset or an IterableDataset",
    "torch.utils.file_baton": "PyTorch's C++ extensions cannot be built against Rushlight",
    "torch.utils.hipify": "PyTorch's C++ extensions cannot be built against Rushlight",
    "torch.utils.jit": _EAGER,
    "torch.utils.mkldnn": "layers are fast as they are; leave the conversion out",
    "torch.utils.mobile_optimizer": _EAGER,
    "torch.utils.model_dump": "print the module, or its state_dict()",
    "torch.utils.show_pickle": "use pickletools",
    "torch.utils.viz": "use a Python memory profiler",
    "torchvision.transforms.v2": "use torchvision.transforms; PIL pictures and tensors are taken there",
    "torchvision.tv_tensors": "use plain tensors",
}


# What of it can be answered truthfully, since nothing is ever traced or exported.
ANSWERS: dict[str, Any] = {
    "torch._dynamo._trace_wrapped_higher_order_op.TransformGetItemToIndex": nullcontext,
    "torch._subclasses.fake_tensor.is_fake": lambda x: False,
    "torch.fx.wrap": lambda fn_or_name: fn_or_name,
    "torch.onnx.is_in_onnx_export": lambda: False,
}


def advice(name: str) -> str | None:
    """What to do instead of a module or name of PyTorch's that is refused with the package it is in."""
    parts = name.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 1, -1))
    return next((REFUSED[prefix] for prefix in prefixes if prefix in REFUSED), None)


class Refused(type):
    """The class of what stands for names that are not there: classes that import, annotate, can be derived from and
    asked with isinstance, but neither made nor called."""

    __path__: list[str] = []  # lets the import system look for modules in it

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(explain(cls))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{cls.__module__}.{cls.__name__} has no {name}")
        full = f"{cls.__module__}.{cls.__name__}.{name}"
        found = ANSWERS.get(full) or _own_operator(full)
        return refused(full) if found is None else found

    def __getitem__(cls, item: Any) -> Any:
        return cls  # an annotation, as List[int] is

    def __iter__(cls) -> NoReturn:
        raise UnsupportedError(explain(cls))

    def __repr__(cls) -> str:
        return f"<{cls.__module__}.{cls.__name__}, which Rushlight does not have>"


def _own_operator(full: str) -> Any:
    """What `library.custom_op` made, by its name below torch.ops."""
    from ..library import OPERATORS

    return OPERATORS.get(full.removeprefix("torch.ops.").replace(".", "::"))


def refused(name: str) -> Refused:
    """What stands for the missing `name`, a full name of PyTorch's."""
    module, _, last = name.rpartition(".")
    return Refused(last, (), {"__module__": module, "__doc__": "Raises when it is used.", "_missing": name})


def reason(name: str) -> str:
    """That a name is missing, and what to do instead."""
    return f"Rushlight does not have it; {advice(name) or 'see docs/torch-differences.md for what differs'}"


def explain(cls: Any) -> str:
    """The message when something missing is used."""
    return f"{cls._missing}: {reason(cls._missing)}"


class RefusedLoader(Loader):
    """Answers for what we lack with something that raises when it is used."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> Any:
        return refused(self.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""
