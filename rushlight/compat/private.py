"""Names that PyTorch keeps to itself and that libraries import all the same, with the place in Rushlight that answers.

They are found where programs say `import torch`; below `rushlight` they have the names on the right.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Any

_HOMES = MappingProxyType(
    {
        "torch._assert": "compat.checks._assert",
        "torch._assert_async": "compat.checks._assert",
        "torch._check": "compat.checks._check",
        "torch._check_index": "compat.checks._check_index",
        "torch._check_not_implemented": "compat.checks._check_not_implemented",
        "torch._check_type": "compat.checks._check_type",
        "torch._check_value": "compat.checks._check_value",
        "torch._shape_as_tensor": "compat.checks._shape_as_tensor",
        "torch._standard_gamma": "ops.pathwise.standard_gamma",
        "torch.distributions.transforms._InverseTransform": "distributions.transforms.base._InverseTransform",
        "torch.distributions.utils._standard_normal": "distributions.utils.standard_normal",
        "torch.distributions.utils._sum_rightmost": "distributions.utils.sum_rightmost",
        "torch.hub.HASH_REGEX": "hub._HASH",
        "torch.hub.urlparse": "hub.urlparse",
        "torch.nn.modules.module._IncompatibleKeys": "nn.state.IncompatibleKeys",
        "torch.nn.utils.stateless._reparametrize_module": "nn.utils.stateless.reparametrized",
        "torch.serialization.MAP_LOCATION": "serialization.checkpoint.MapLocation",
        "torch.utils.data.dataloader._BaseDataLoaderIter": "utils.data.epoch.Epoch",
        "torch.utils.data.dataloader._MultiProcessingDataLoaderIter": "utils.data.multiprocess.WithWorkers",
        "torch.utils.data.dataloader._SingleProcessDataLoaderIter": "utils.data.epoch.InProcess",
    }
)


def is_answered(name: str) -> bool:
    """Whether something answers for one of PyTorch's private names."""
    return name in _HOMES


def answer(name: str) -> Any:
    """What answers for it."""
    module, _, own = _HOMES[name].rpartition(".")
    return getattr(import_module(f"rushlight.{module}"), own)
