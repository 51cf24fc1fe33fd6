"""GradScaler: the loss is multiplied by a large number before `backward`, so that float16's gradients do not vanish,
and the gradients are divided by it before the step."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from ..autograd.tape import TensorBase, touch
from ..dtypes import float16, int32
from ..errors import ArgumentError, AssertError, OperatorError


class _Progress:
    """How far an optimizer is since the last `update`."""

    def __init__(self) -> None:
        self.unscaled = self.stepped = False
        self.found_inf: bool | None = None


class GradScaler:
    """Scales losses, steps optimizers only with finite gradients, and adapts the scale.

        found an infinite or NaN gradient:   scale = scale * backoff_factor, and the step is left out
        none for growth_interval steps:      scale = scale * growth_factor

    Args:
        device: "cpu"; with another one it warns and does nothing.
        init_scale: the first scale.
        growth_factor: above 1. backoff_factor: in (0, 1).
        growth_interval: steps without infinite gradients until the scale grows.
        enabled: False makes every method do what a loop without a scaler would.

    Raises:
        AssertionError: factors out of range; methods called in another order than scale, unscale_, step, update.

    Example:
        >>> model = rushlight.nn.Linear(2, 1)
        >>> optimizer, scaler = rushlight.optim.SGD(model.parameters(), 0.1), GradScaler("cpu")
        >>> scaler.scale(model(rushlight.ones(3, 2)).sum()).backward()
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> scaler.get_scale()
        65536.0

    Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled and device == "cpu"
        if enabled and device != "cpu":
            warnings.warn(f"GradScaler: enabled for {device!r}, but tensors live on the CPU. Disabling.", stacklevel=2)
        if self._enabled and growth_factor <= 1.0:
            raise AssertError("The growth factor must be > 1.0.")
        if self._enabled and backoff_factor >= 1.0:
            raise AssertError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._scale: Any = None  # a Tensor from the first use on
        self._growth_tracker: Any = None  # steps since the scale changed, as a Tensor
        self._progress: dict[int, _Progress] = {}  # by id of the optimizer

    # ---- a training step

    def scale(self, outputs: Any) -> Any:
        """A Tensor, or Tensors in a tuple or list, multiplied by the scale.

        Raises:
            ValueError: there is something else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, TensorBase):
            self._begin()
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ArgumentError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer's parameters by the scale, in place: before they are clipped.

        Raises:
            RuntimeError: it was done already, or after `step`. ValueError: a gradient is float16.
        """
        if not self._enabled:
            return
        progress = self._of(optimizer, "unscale_")
        if progress.unscaled:
            raise OperatorError("unscale_() has already been called on this optimizer since the last update().")
        if progress.stepped:
            raise OperatorError("unscale_() is being called after step().")
        inverse = np.float32(1.0 / float(self._scale))
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        found = [_unscaled(p.grad, inverse) for p in parameters]
        progress.found_inf = any(found) if found else None
        progress.unscaled = True

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(...)` with unscaled gradients, if all are finite; what it returns, or None.

        Raises:
            RuntimeError: called twice, or with a closure. AssertionError: nothing was scaled, or no gradient is there.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise OperatorError("Closure use is not currently supported if GradScaler is enabled.")
        progress = self._of(optimizer, "step")
        if progress.stepped:
            raise OperatorError("step() has already been called since the last update().")
        if not progress.unscaled:
            self.unscale_(optimizer)
        if progress.found_inf is None:
            raise AssertError("No inf checks were recorded for this optimizer.")
        result = None if progress.found_inf else optimizer.step(*args, **kwargs)
        progress.stepped = True
        return result

    def update(self, new_scale: Any = None) -> None:
        """Adapts the scale, once all optimizers have stepped; or sets it.

        Raises:
            AssertionError: no optimizer's gradients were looked at.
        """
        if not self._enabled:
            return
        self._check_begun("update")
        if new_scale is not None:
            self._scale.fill_(new_scale)
        else:
            found = [p.found_inf for p in self._progress.values() if p.found_inf is not None]
            if not found:
                raise AssertError("No inf checks were recorded prior to update.")
            self._adapt(any(found))
        self._progress.clear()

    def _adapt(self, found_inf: bool) -> None:
        steps = int(self._growth_tracker) + 1
        if found_inf:
            self._scale.mul_(self._backoff_factor)
            steps = 0
        elif steps == self._growth_interval:
            grown = self._scale * self._growth_factor
            if bool(ops.isfinite(grown)):  # torch: otherwise the scale stays
                self._scale.copy_(grown)
            steps = 0
        self._growth_tracker.fill_(steps)

    def _begin(self) -> None:
        """Makes the tensors at the first use."""
        if self._scale is None:
            self._scale = ops.full((), float(self._init_scale))
            self._growth_tracker = ops.full((), self._init_growth_tracker, dtype=int32)

    def _check_begun(self, name: str) -> None:
        if self._scale is None:
            raise AssertError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def _of(self, optimizer: Any, name: str) -> _Progress:
        self._check_begun(name)
        return self._progress.setdefault(id(optimizer), _Progress())

    # ---- what it is set to

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale, 1 if disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        """By what the scale is multiplied when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the scale is multiplied after infinite gradients."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets it."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many steps it takes to grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets it."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker)

    def state_dict(self) -> dict[str, Any]:
        """All of it as numbers, for a checkpoint; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what `state_dict` gave.

        Raises:
            RuntimeError: it is empty, and this scaler is not disabled.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise OperatorError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        if self._progress:
            raise AssertError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
        state = dict(vars(self), _init_scale=self.get_scale(), _init_growth_tracker=self._get_growth_tracker())
        return state | {"_scale": None, "_growth_tracker": None}


def _unscaled(grad: Any, inverse: Any) -> bool:
    """Multiplies a gradient in place; whether it had an infinite or NaN element."""
    if grad.dtype is float16:
        raise ArgumentError("Attempting to unscale FP16 gradients.")
    array = grad._array
    found = not np.isfinite(array).all()
    if inverse != 1:
        np.multiply(array, inverse, out=array, casting="unsafe")
        touch(array)
    return found
