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


def frames_of_ours() -> int:
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
        warnings.warn(message, Notice, frames_of_ours() + 1)


def is_told(kind: str) -> None:
    """Notes that this kind of mistake was told in another way."""
    told.add(kind)


def advice_on(input: Any) -> str:
    """What to do about an input that is no floating-point number, at the end of a message."""
    if input.dtype.is_floating_point or input.dtype.is_complex:
        return ""
    return "; use input.float()" + (" / 255 for images" if str(input.dtype) == "torch.uint8" else "")


def listed(names: list[str]) -> str:
    """The first few names.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Looks:
    """What is left to look at, and what was seen of layers that behave otherwise in training (dropout, batch norm).

    `images` and `targets` count down to 0. Since the last step of an optimizer: `seen`, such a layer was called;
    `trains`, in training mode; `idles`, in eval mode; `measures`, in training mode without gradients; `switched`,
    train() or eval() was called. `calm` is for how many steps there was none of the third.
    """

    def __init__(self) -> None:
        self.images = self.targets = LOOKS
        self.seen = self.trains = self.idles = self.measures = self.switched = False
        self.calm = 0
        self.evaluating = False  # of train() and eval(), the latter was called last, and of more than a layer


looks = Looks()


def _looks_at(x: Any) -> bool:
    """Whether the numbers of x are at hand: not those of another device, nor of each example under vmap."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.size > 0


def look_at_images(x: Any) -> None:
    """The input of a convolution: images that still run from 0 to 255."""
    if _looks_at(x) and x.ndim == 4 and x.shape[1] in (1, 3, 4):
        looks.images -= 1
        _look_at_range("conv2d", x)


def look_at_pictures(x: Any) -> None:
    """The input of Flatten: images too, with or without channels, if all are whole numbers."""
    looks.images -= 1
    if _looks_at(x) and (x.ndim == 3 or (x.ndim == 4 and x.shape[1] in (1, 3, 4))) and not (x % 1).any():
        _look_at_range("Flatten", x)


def _look_at_range(name: str, x: Any) -> None:
    low, high = float(x.min()), float(x.max())
    if low >= 0 and 100 < high <= 255:
        tell(
            "unscaled images",
            f"{name}: the images run from {low:g} to {high:g}; networks learn badly from numbers that large: divide "
            "them by 255.",
        )


def look_at_logits(name: str, edge: Any) -> None:
    """What made the input of a loss that applies softmax or sigmoid itself."""
    kind = type(edge).__name__
    if kind in ("Softmax", "Sigmoid"):
        tell(
            f"{kind} before {name}",
            f"{name}: its input comes from {kind.lower()}, but it applies "
            f"{'softmax' if name == 'cross_entropy' else 'sigmoid'} itself: give it the scores as they are, or the "
            "model will learn slowly and badly.",
        )


def look_at_log_probabilities(edge: Any) -> None:
    """What made the input of nll_loss."""
    if type(edge).__name__ == "Softmax":
        tell(
            "softmax before nll_loss",
            "nll_loss: its input comes from softmax, but must be log-probabilities: use log_softmax, or give the "
            "scores to cross_entropy.",
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


def look_at_switch(training: bool, whole: bool) -> None:
    """A call of train() or eval(), of a model or (whole=False) of a layer that holds no others."""
    looks.switched = True
    looks.evaluating = not training and (whole or looks.evaluating)


MEANING = {
    "dropout": "it drops",
    "batch_norm": "it normalizes by the batch and changes its running statistics,",
}


def look_at_mode(name: str, training: bool, recorded: bool) -> None:
    """A call of dropout or batch_norm.

    One in training mode without gradients is an evaluation in the wrong mode, unless that happens all the time (a
    second network that guides the first, or checkpointing) or modes were just switched (on purpose, then).
    """
    looks.seen = True
    if training and recorded:
        looks.trains = True
    elif training:
        looks.measures = True
        if looks.calm >= LOOKS and not looks.switched:
            tell(
                "evaluation in training mode",
                f"{name}: {MEANING[name]} although no gradients are recorded. To evaluate, call model.eval() before, "
                "and model.train() after.",
            )
    elif recorded:
        looks.idles = True


def look_at_step(trained: bool) -> bool:
    """A step of an optimizer, before which dropout or batch_norm was called.

    Args:
        trained: whether they were in training mode before some step of this optimizer.

    Returns:
        The same, including this step.
    """
    if trained and looks.idles and not looks.trains and looks.evaluating:
        tell(
            "training in eval mode",
            "optimizer.step(): dropout and batch_norm were in eval mode in this step, though they were in training "
            "mode before: call model.train() again after model.eval().",
        )
    trained = trained or looks.trains
    looks.calm = 0 if looks.measures else looks.calm + 1
    looks.seen = looks.trains = looks.idles = looks.measures = looks.switched = False
    return trained
