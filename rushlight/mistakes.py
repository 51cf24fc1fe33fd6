"""What looks like a mistake is told once, with what to do about it: as a `Notice`, a kind of UserWarning.

Here is what single operators notice; optim/first_steps.py looks at the first steps of a training. All of it costs a
glance at a flag once it is done. `warnings.simplefilter("ignore", rushlight.mistakes.Notice)` silences it.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

LOOKS = 3  # how many calls have their numbers looked at, which takes time

told: set[str] = set()  # what was told already


class Notice(UserWarning):
    """Something that is allowed, but is rarely meant."""


def _frames_of_ours() -> int:
    """How many frames lie between here and code that is not Rushlight's."""
    frame, count = sys._getframe(1), 0
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "rushlight":
        frame, count = frame.f_back, count + 1
    return count


def tell(kind: str, message: str) -> None:
    """Warns, the first time that this kind of mistake is seen in this process.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     for _ in range(2):
        ...         tell("example", "do it otherwise")
        >>> len(caught)
        1
    """
    if kind not in told:
        told.add(kind)
        warnings.warn(message, Notice, _frames_of_ours() + 1)


def listed(names: list[str]) -> str:
    """The first few names.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Looks:
    """What is left to look at. `images` and `targets` count down to 0; the rest is what dropout was last called for."""

    def __init__(self) -> None:
        self.images = self.targets = LOOKS
        self.trained = False  # an optimizer has stepped
        self.drops = False  # dropout was called in training mode since the last step
        self.idles = False  # dropout was called in eval mode, with gradients, since the last step
        self.dropped = False  # it was called in training mode ever


looks = Looks()


def _looks_at(x: Any) -> bool:
    """Whether the numbers of x are at hand: not those of another device, nor of each example under vmap."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.size > 0


def look_at_images(x: Any) -> None:
    """The input of a convolution: images that still run from 0 to 255."""
    if not _looks_at(x) or x.ndim != 4 or x.shape[1] not in (1, 3, 4):
        return
    looks.images -= 1
    low, high = float(x.min()), float(x.max())
    if low >= 0 and 100 < high <= 255:
        tell(
            "unscaled images",
            f"conv2d: the images run from {low:g} to {high:g}; networks learn badly from numbers that large: divide "
            "them by 255.",
        )


def look_at_logits(edge: Any) -> None:
    """What made the input of cross_entropy, which applies softmax itself."""
    name = type(edge).__name__
    if name in ("Softmax", "Sigmoid"):
        tell(
            "softmax before cross_entropy",
            f"cross_entropy: its input comes from {name.lower()}, but it applies softmax itself: give it the scores "
            "as they are, or the model will learn slowly and badly.",
        )


def look_at_targets(t: Any) -> None:
    """The target of binary_cross_entropy_with_logits: probabilities."""
    looks.targets -= 1
    if _looks_at(t) and (t.min() < 0 or t.max() > 1):
        tell(
            "targets that are no probabilities",
            f"binary_cross_entropy_with_logits: targets run from {float(t.min()):g} to {float(t.max()):g}; they must "
            "lie between 0 and 1 (labels of -1 and 1: (target + 1) / 2; class numbers: cross_entropy).",
        )


def look_at_dropout(training: bool, recorded: bool) -> None:
    """A call of dropout: one in training mode without gradients, after training has begun, is an evaluation in the
    wrong mode; the others are noted for the next step."""
    if training:
        looks.drops = looks.dropped = True
        if not recorded and looks.trained:
            tell(
                "dropout in evaluation",
                "dropout: it drops although no gradients are recorded. To evaluate, call model.eval() before, and "
                "model.train() after.",
            )
    elif recorded:
        looks.idles = True


def look_at_step() -> None:
    """A step of an optimizer, if dropout was called in eval mode."""
    if looks.dropped and not looks.drops:
        tell(
            "training in eval mode",
            "optimizer.step(): dropout was off in this step, though it was on before: call model.train() again after "
            "model.eval().",
        )
    looks.drops = looks.idles = False
