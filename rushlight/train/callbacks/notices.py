"""Notices: looks at the first steps of a training for what beginners get wrong, and says how to put it right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...mistakes import listed, tell
from ..callback import Callback

if TYPE_CHECKING:
    from ..run import Run

PATIENCE = 10  # steps in which each parameter should have had a gradient


class Notices(Callback):
    """Warns, once each, of: parameters that the optimizer does not have, or that never get a gradient; images that
    still run from 0 to 255; targets of a shape that broadcasts with the output's. `fit` has one unless it is told
    otherwise.

    It looks at the first batch, and at gradients in the first steps; then it costs nothing.
    """

    order = -70

    def __init__(self) -> None:
        self.waiting: dict[str, Any] = {}  # parameters that had no gradient yet
        self.steps = 0

    def on_fit_begin(self, run: Run) -> None:
        held = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
        wanting = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
        missing = [name for name, p in wanting.items() if id(p) not in held]
        if missing and len(missing) == len(wanting):
            tell(
                "an optimizer without gradients",
                "fit: the optimizer has none of the model's parameters, so nothing will be learnt. They were replaced "
                "after it was made: make the optimizer last.",
            )
        elif missing:
            tell(
                "parameters without an optimizer",
                f"fit: the optimizer does not have {listed(missing)}, which will stay as they are. If that is meant, "
                "set requires_grad=False; if not, make the optimizer after the last change to the model.",
            )
        self.waiting = {name: p for name, p in wanting.items() if id(p) in held}

    def on_batch_begin(self, run: Run) -> None:
        if self.steps == 0 and isinstance(run.batch, (tuple, list)):
            _look_at_images(run.batch[0])

    def on_loss(self, run: Run) -> None:
        if self.steps == 0:
            _look_at_shapes(run.output, run.target)

    def on_gradients(self, run: Run) -> None:
        self.steps += 1
        if self.waiting:
            self.waiting = {name: p for name, p in self.waiting.items() if p.grad is None}
            if self.waiting and self.steps == PATIENCE:
                tell(
                    "parameters without a gradient",
                    f"fit: {listed(list(self.waiting))} had no gradient in {PATIENCE} steps, so the loss does not "
                    "depend on them: is a layer left out of forward, or cut off by detach(), no_grad() or .data?",
                )
                self.waiting = {}


def _look_at_images(batch: Any) -> None:
    if getattr(batch, "ndim", 0) != 4 or not batch.is_floating_point() or batch.numel() == 0:
        return
    low, high = batch.min().item(), batch.max().item()
    if low >= 0 and 100 < high <= 255:
        tell(
            "unscaled images",
            f"fit: images run from {low:g} to {high:g}; networks learn badly from numbers that large: divide them by "
            "255.",
        )


def _look_at_shapes(output: Any, target: Any) -> None:
    one, other = (tuple(getattr(x, "shape", ())) for x in (output, target))
    floating = hasattr(target, "is_floating_point") and target.is_floating_point()
    if floating and {one, other} in ({(n, 1), (n,)} for n in one[:1] if n > 1):
        tell(
            "shapes that broadcast",
            f"fit: the output is {one}, the target {other}: their difference has shape ({one[0]}, {one[0]}) and "
            "compares every sample with every other. Use output.squeeze(1) or target.unsqueeze(1).",
        )
