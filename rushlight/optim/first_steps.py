"""FirstSteps: looks at the first steps of each optimizer for what beginners get wrong, and tells it once.

After that the optimizer lets go of it, so that a training of any length costs what it would without.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ..autograd.tape import tick
from ..mistakes import listed, tell

if TYPE_CHECKING:
    from .optimizer import Optimizer

STEPS = 10


def _names(optimizer: Optimizer, missing: list[Any]) -> str:
    """What the first few parameters are called, or their shapes."""
    named: dict[int, str] = {}
    for group in optimizer.param_groups:
        names = group.get("param_names", [])
        named |= {id(p): name for p, name in zip(group["params"], names)}
    return listed([named.get(id(p), f"one of shape {tuple(p.shape)}") for p in missing])


class FirstSteps:
    """What is known of an optimizer's first steps; `look` is called before each of them.

    Told are: gradients that were never cleared; parameters that never have one; steps in which none has one although
    something was computed.
    """

    def __init__(self) -> None:
        self.step = 0
        self.waiting: list[Any] | None = None  # parameters without a gradient so far
        self.idle = 0  # steps in a row without any gradient, though something was recorded
        self.time = 0
        self.seen = self.cleared = False  # since the last step: a gradient came; it found none before it
        self.handle: Any = None

    def look(self, optimizer: Optimizer) -> bool:
        """Looks at the state before a step; whether there is more to look at."""
        self.step += 1
        params = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        self._look_for_gradients(optimizer, params)
        if self.seen and not self.cleared:
            tell(
                "gradients that are never cleared",
                "optimizer.step(): gradients were added to those of the step before. Call optimizer.zero_grad() before "
                "each backward().",
            )
        self._watch_next([p for p in params if p.grad is not None])
        return self.step < STEPS

    def _look_for_gradients(self, optimizer: Optimizer, params: list[Any]) -> None:
        missing = [p for p in params if p.grad is None]
        now = tick()
        computed, self.time = now > self.time + 1, now
        self.idle = self.idle + 1 if missing and len(missing) == len(params) and computed else 0
        if self.idle == 3:
            tell(
                "an optimizer without gradients",
                "optimizer.step(): none of its parameters has a gradient, so nothing changes. Was the optimizer "
                "made before the model's parameters were replaced or moved? Make it last; and call loss.backward() "
                "before each step.",
            )
        before = params if self.waiting is None else self.waiting
        self.waiting = [p for p in before if p.grad is None]
        if self.step == STEPS and 0 < len(self.waiting) < len(params):
            tell(
                "parameters without a gradient",
                f"optimizer.step(): {_names(optimizer, self.waiting)} had no gradient in {STEPS} steps, so the loss "
                "does not depend on it: is a layer left out of forward, or cut off by detach(), no_grad() or .data?",
            )

    def _watch_next(self, having: list[Any]) -> None:
        """Notes, when the next gradient of a parameter comes, whether the last one is still there."""
        self.finish()
        self.seen = self.cleared = False
        if self.step < 3 and having:
            first = weakref.ref(having[0])

            def note(grad: Any) -> None:
                p = first()
                self.seen = True
                self.cleared = self.cleared or p is None or p.grad is None or not bool((p.grad != 0).any())

            self.handle = having[0].register_hook(note)

    def finish(self) -> None:
        """Takes the hook away."""
        if self.handle is not None:
            self.handle.remove()
        self.handle = None
