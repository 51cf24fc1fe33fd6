"""`torch.nn.modules`: the layers under the module paths that PyTorch has for them.

`nn.modules.batchnorm` is our `nn.normalization`, and so on; both names give the same module object.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import Any

from . import utils as utils  # not nn.utils, which has that name in nn

_HOMES = {
    "activation": "activation",
    "adaptive": "adaptive",
    "batchnorm": "normalization",
    "channelshuffle": "pixelshuffle",
    "container": "container",
    "conv": "conv",
    "distance": "distance",
    "dropout": "dropout",
    "flatten": "flatten",
    "fold": "fold",
    "instancenorm": "normalization",
    "lazy": "lazy",
    "linear": "linear",
    "loss": "loss",
    "module": "module",
    "normalization": "normalization",
    "padding": "padding",
    "pixelshuffle": "pixelshuffle",
    "pooling": "pooling",
    "rnn": "rnn",
    "sparse": "sparse",
    "transformer": "transformer",
    "upsampling": "upsampling",
}

for _name, _home in _HOMES.items():
    if find_spec(f"rushlight.nn.{_home}") is not None:
        globals()[_name] = sys.modules[f"{__name__}.{_name}"] = importlib.import_module(f"rushlight.nn.{_home}")


def __getattr__(name: str) -> Any:
    """`nn.modules.Linear` is `nn.Linear`."""
    names = vars(sys.modules["rushlight.nn"])
    if name in names and not name.startswith("_"):
        return names[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
