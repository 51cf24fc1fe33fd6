"""What PyTorch 2.13 has by which name: `torch_names.txt` as a table, and where each of its modules is in Rushlight."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType

from ..rooms import exists

_PARALLEL = ("parallel_apply", "replicate", "scatter_gather")

# Modules that are cut in another way here. (`rushlight.nn.modules` has a table of its own.)
_MOVED = {
    "torch._tensor": "rushlight.tensor",
    "torch.autograd.anomaly_mode": "rushlight.autograd.anomaly",
    **{f"torch.nn.parallel.{name}": "rushlight.nn.parallel" for name in _PARALLEL},
    "torch.distributed.distributed_c10d": "rushlight.distributed",
    "torch.distributed.launch": "rushlight.distributed.run",
    "torch.distributed.optim.zero_redundancy_optimizer": "rushlight.distributed.optim",
    "torch.optim.adamw": "rushlight.optim.adam",
    "torch.optim.sparse_adam": "rushlight.optim.sparse_adam",
    "torch.utils.data.dataloader": "rushlight.utils.data.loader",
    "torch.utils.data.distributed": "rushlight.utils.data.sampler",
    "torch.utils.data._utils": "rushlight.utils.data",
    "torch.utils.data._utils.collate": "rushlight.utils.data.collate",
    "torch.utils.data._utils.worker": "rushlight.utils.data.worker_info",
    "torch.version": "rushlight.torch_version",
}


@cache
def _lines() -> MappingProxyType[str, str]:
    text = Path(__file__).with_name("torch_names.txt").read_text(encoding="utf-8")
    return MappingProxyType({line.partition(":")[0]: line.partition(":")[2] for line in text.splitlines()})


@cache
def names_of(module: str) -> MappingProxyType[str, str]:
    """The public names in one of PyTorch's modules (or, for "torch.Tensor()", of its tensors), with the module that
    defines them (its own, unless said)."""
    entries = (entry.partition("=") for entry in _lines().get(module, "").split())
    return MappingProxyType({name: home or module for name, _, home in entries})


def is_module(name: str) -> bool:
    """Whether PyTorch has a public module of this full name."""
    return name in _lines()


def home(name: str) -> str | None:
    """The module of ours that answers to PyTorch's module `name`, or None where there is none."""
    ours = _MOVED.get(name) or "rushlight" + name.removeprefix("torch")
    private = any(part.startswith("_") for part in name.split("."))
    if not (private or is_module(name)):
        return None  # ours alone, as rushlight.train is
    return ours if exists(ours) else None


def packages_of(name: str, origin: str) -> Iterator[ModuleType]:
    """Where else a name of PyTorch's module `name` may be here: where PyTorch has it from, and our packages around the
    module, the innermost first, without the root. (`torch.nn.modules.activation.MultiheadAttention` is in `nn`.)"""
    places = [origin] if origin != name else []
    while (name := name.rpartition(".")[0]).count("."):
        places.append(name)
    for place in places:
        ours = home(place)
        if ours is not None:
            yield import_module(ours)
