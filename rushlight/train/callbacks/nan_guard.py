"""NaNGuard: stops a training before a loss or gradient that is not finite can spoil the weights, and says where it
came from."""

from __future__ import annotations

import copy
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mistakes import listed
from ...nn.utils import get_total_norm
from ..callback import Callback

if TYPE_CHECKING:
    from rushlight import nn

    from ..run import Run


def is_finite(value: Any) -> bool:
    """Whether every number in a nest of Tensors is finite; what holds no floating-point numbers is."""
    if isinstance(value, (tuple, list)):
        return all(map(is_finite, value))
    return not hasattr(value, "isfinite") or bool(value.isfinite().all())


def bad_parameters(model: nn.Module, gradients: bool) -> list[str]:
    """'layer.weight of layer (Linear)' for each parameter that is not finite, or whose gradient is not."""
    found = []
    for path, module in model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            tensor = p.grad if gradients else p
            if tensor is not None and not is_finite(tensor.detach()):
                found.append(f"{path}.{name}".lstrip(".") + f" of {path or 'the model'} ({type(module).__name__})")
    return found


def first_bad_layer(run: Run) -> str:
    """The first layer that turns finite numbers into others on this batch: found by a second run of a copy."""
    twin = copy.deepcopy(run.model)
    found: list[str] = []

    def look(path: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            if not found and is_finite(args) and not is_finite(output):
                found.append(f"{path or 'the model'} ({type(module).__name__})")

        return hook

    for path, module in twin.named_modules():
        if not list(module.children()):
            module.register_forward_hook(look(path))
    run.compute(twin, run.batch)
    return found[0] if found else ""


class NaNGuard(Callback):
    """Stops before the first step whose loss or gradients are not all finite. The weights stay as they were; a warning
    and `history.stopped` name the parameters and layers. `fit` has one unless it is told otherwise.

    The check of a step is one norm over all gradients.
    """

    order = -60  # after gradients are unscaled, before they are clipped

    def on_loss(self, run: Run) -> None:
        if not math.isfinite(run.loss_value):
            self.stop(run, f"the loss is {run.loss_value}", self._cause(run))

    def on_gradients(self, run: Run) -> None:
        grads = [p.grad for group in run.optimizer.param_groups for p in group["params"] if p.grad is not None]
        with np.errstate(over="ignore", invalid="ignore"):
            if not grads or math.isfinite(get_total_norm(grads).item()):
                return
        names = bad_parameters(run.model, gradients=True)
        if names:  # or else only the norm is too large for its dtype
            self.stop(run, "a gradient is not finite", listed(names))

    def _cause(self, run: Run) -> str:
        if not is_finite(run.batch):
            return "the batch itself has numbers that are not finite"
        names = bad_parameters(run.model, gradients=False)
        if names:
            return f"not finite: {listed(names)}"
        layer = first_bad_layer(run)
        return f"first not finite behind {layer}" if layer else "every layer's output is finite, so it is in the loss"

    def stop(self, run: Run, what: str, where: str) -> None:
        place = f"in epoch {run.epoch + 1}, batch {run.batch_number}"
        message = f"{what} {place}: {where}"
        warnings.warn(f"fit stopped: {message}. A smaller learning rate or ClipGradients may help.", stacklevel=2)
        run.stop(message, failed=True)
