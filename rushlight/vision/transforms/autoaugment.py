"""Policies found by search, and simpler ones found to be as good: lists of changes, of which some are applied.

A change has a name, and a strength from a range that is cut into bins. `_CHANGES` says what it does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from ... import ops
from ...errors import ArgumentError
from ...nn import Module
from ...ops.pathwise import dirichlet
from ...tensor import Tensor
from . import functional as F
from .draws import coin, integer
from .modes import InterpolationMode
from .warps import fill_for

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST
Space = dict[str, tuple[Sequence[float], bool]]  # for each change the strengths (none: it has only one), and whether
# they have a sign


def _sheared(img: Any, x: float, y: float, mode: InterpolationMode, fill: Any) -> Any:
    """torch: about the upper left corner."""
    angles = [math.degrees(math.atan(slope)) for slope in (x, y)]
    return F.affine(img, 0.0, [0, 0], 1.0, angles, mode, fill, [0, 0])


def _moved(img: Any, x: float, y: float, mode: InterpolationMode, fill: Any) -> Any:
    return F.affine(img, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0], mode, fill)


_CHANGES: dict[str, Callable[[Any, float, InterpolationMode, Any], Any]] = {
    "Identity": lambda img, m, mode, fill: img,
    "ShearX": lambda img, m, mode, fill: _sheared(img, m, 0.0, mode, fill),
    "ShearY": lambda img, m, mode, fill: _sheared(img, 0.0, m, mode, fill),
    "TranslateX": lambda img, m, mode, fill: _moved(img, m, 0, mode, fill),
    "TranslateY": lambda img, m, mode, fill: _moved(img, 0, m, mode, fill),
    "Rotate": lambda img, m, mode, fill: F.rotate(img, m, mode, fill=fill),
    "Brightness": lambda img, m, mode, fill: F.adjust_brightness(img, 1.0 + m),
    "Color": lambda img, m, mode, fill: F.adjust_saturation(img, 1.0 + m),
    "Contrast": lambda img, m, mode, fill: F.adjust_contrast(img, 1.0 + m),
    "Sharpness": lambda img, m, mode, fill: F.adjust_sharpness(img, 1.0 + m),
    "Posterize": lambda img, m, mode, fill: F.posterize(img, int(m)),
    "Solarize": lambda img, m, mode, fill: F.solarize(img, m),
    "AutoContrast": lambda img, m, mode, fill: F.autocontrast(img),
    "Equalize": lambda img, m, mode, fill: F.equalize(img),
    "Invert": lambda img, m, mode, fill: F.invert(img),
}


def _even(most: float, bins: int) -> list[float]:
    return ops.linspace(0.0, most, bins).tolist()


def _geometry(bins: int, shear: float, move_x: float, move_y: float, turn: float) -> Space:
    most = {"ShearX": shear, "ShearY": shear, "TranslateX": move_x, "TranslateY": move_y, "Rotate": turn}
    return {name: (_even(m, bins), True) for name, m in most.items()}


def _factors(bins: int, most: float) -> Space:
    return {name: (_even(most, bins), True) for name in ("Brightness", "Color", "Contrast", "Sharpness")}


def _mappings(bins: int, bits: int, fewer: int) -> Space:
    """Posterize from `bits` down to `bits - fewer`."""
    levels = [float(bits - round(i / ((bins - 1) / fewer))) for i in range(bins)]
    bright = ops.linspace(255.0, 0.0, bins).tolist()
    return {
        "Posterize": (levels, False),
        "Solarize": (bright, False),
        "AutoContrast": ((), False),
        "Equalize": ((), False),
    }


class AutoAugmentPolicy(Enum):
    """The data set for which a policy was found."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Each line: two changes with their probability and bin.
_POLICIES = {
    "imagenet": """
        Posterize 0.4 8, Rotate 0.6 9
        Solarize 0.6 5, AutoContrast 0.6
        Equalize 0.8, Equalize 0.6
        Posterize 0.6 7, Posterize 0.6 6
        Equalize 0.4, Solarize 0.2 4
        Equalize 0.4, Rotate 0.8 8
        Solarize 0.6 3, Equalize 0.6
        Posterize 0.8 5, Equalize 1.0
        Rotate 0.2 3, Solarize 0.6 8
        Equalize 0.6, Posterize 0.4 6
        Rotate 0.8 8, Color 0.4 0
        Rotate 0.4 9, Equalize 0.6
        Equalize 0.0, Equalize 0.8
        Invert 0.6, Equalize 1.0
        Color 0.6 4, Contrast 1.0 8
        Rotate 0.8 8, Color 1.0 2
        Color 0.8 8, Solarize 0.8 7
        Sharpness 0.4 7, Invert 0.6
        ShearX 0.6 5, Equalize 1.0
        Color 0.4 0, Equalize 0.6
        Equalize 0.4, Solarize 0.2 4
        Solarize 0.6 5, AutoContrast 0.6
        Invert 0.6, Equalize 1.0
        Color 0.6 4, Contrast 1.0 8
        Equalize 0.8, Equalize 0.6
    """,
    "cifar10": """
        Invert 0.1, Contrast 0.2 6
        Rotate 0.7 2, TranslateX 0.3 9
        Sharpness 0.8 1, Sharpness 0.9 3
        ShearY 0.5 8, TranslateY 0.7 9
        AutoContrast 0.5, Equalize 0.9
        ShearY 0.2 7, Posterize 0.3 7
        Color 0.4 3, Brightness 0.6 7
        Sharpness 0.3 9, Brightness 0.7 9
        Equalize 0.6, Equalize 0.5
        Contrast 0.6 7, Sharpness 0.6 5
        Color 0.7 7, TranslateX 0.5 8
        Equalize 0.3, AutoContrast 0.4
        TranslateY 0.4 3, Sharpness 0.2 6
        Brightness 0.9 6, Color 0.2 8
        Solarize 0.5 2, Invert 0.0
        Equalize 0.2, AutoContrast 0.6
        Equalize 0.2, Equalize 0.6
        Color 0.9 9, Equalize 0.6
        AutoContrast 0.8, Solarize 0.2 8
        Brightness 0.1 3, Color 0.7 0
        Solarize 0.4 5, AutoContrast 0.9
        TranslateY 0.9 9, TranslateY 0.7 9
        AutoContrast 0.9, Solarize 0.8 3
        Equalize 0.8, Invert 0.1
        TranslateY 0.7 9, AutoContrast 0.9
    """,
    "svhn": """
        ShearX 0.9 4, Invert 0.2
        ShearY 0.9 8, Invert 0.7
        Equalize 0.6, Solarize 0.6 6
        Invert 0.9, Equalize 0.6
        Equalize 0.6, Rotate 0.9 3
        ShearX 0.9 4, AutoContrast 0.8
        ShearY 0.9 8, Invert 0.4
        ShearY 0.9 5, Solarize 0.2 6
        Invert 0.9, AutoContrast 0.8
        Equalize 0.6, Rotate 0.9 3
        ShearX 0.9 4, Solarize 0.3 3
        ShearY 0.8 8, Invert 0.7
        Equalize 0.9, TranslateY 0.6 6
        Invert 0.9, Equalize 0.6
        Contrast 0.3 3, Rotate 0.8 4
        Invert 0.8, TranslateY 0.0 2
        ShearY 0.7 6, Solarize 0.4 8
        Invert 0.6, Rotate 0.8 4
        ShearY 0.3 7, TranslateX 0.9 3
        ShearX 0.1 6, Invert 0.6
        Solarize 0.7 2, TranslateY 0.6 7
        ShearY 0.8 4, Invert 0.8
        ShearX 0.7 9, TranslateY 0.8 3
        ShearY 0.8 5, AutoContrast 0.7
        ShearX 0.7 2, Invert 0.1
    """,
}


class _Augmentation(Module):
    """A choice among changes, with how they interpolate and fill."""

    def __init__(self, interpolation: InterpolationMode, fill: Any) -> None:
        super().__init__()
        self.interpolation, self.fill = interpolation, fill

    def _changed(self, img: Any, name: str, magnitude: float) -> Any:
        return _CHANGES[name](img, magnitude, self.interpolation, fill_for(img, self.fill))

    def _draw(self, space: Space, pick: Callable[[Sequence[float]], float]) -> tuple[str, float]:
        """One of the changes, its strength as picked, its sign by a coin."""
        name = list(space)[integer(0, len(space))]
        strengths, signed = space[name]
        magnitude = pick(strengths) if strengths else 0.0
        return name, -magnitude if signed and coin() else magnitude


class AutoAugment(_Augmentation):
    """One of 25 pairs of changes, each carried out with a probability of its own.

    Args:
        policy: which 25 pairs.
        interpolation: of turns, shears and moves.
        fill: the colour beyond the image; None: black.

    Source: Cubuk et al. 2018, arXiv:1805.09501.
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not isinstance(policy, AutoAugmentPolicy):
            raise ArgumentError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        lines = _POLICIES[policy.value].strip().splitlines()
        self.policies = [tuple(_change(text) for text in line.split(",")) for line in lines]

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """Draws which pair, and for both a number against their probability and a sign."""
        return integer(0, transform_num), ops.rand(2), ops.randint(2, (2,))

    def forward(self, img: Any) -> Any:
        chosen, probs, signs = self.get_params(len(self.policies))
        _, height, width = F.get_dimensions(img)
        part = 150.0 / 331.0
        space = _geometry(10, 0.3, part * width, part * height, 30.0) | _factors(10, 0.9) | _mappings(10, 8, 4)
        space["Invert"] = ((), False)
        for i, (name, p, bin_) in enumerate(self.policies[chosen]):
            if probs[i] <= p:
                strengths, signed = space[name]
                magnitude = 0.0 if bin_ is None else strengths[bin_]
                img = self._changed(img, name, -magnitude if signed and signs[i] == 0 else magnitude)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


def _change(text: str) -> tuple[str, float, int | None]:
    name, p, *bin_ = text.split()
    return name, float(p), int(bin_[0]) if bin_ else None


class RandAugment(_Augmentation):
    """Some changes, one after another, all of the same strength.

    Args:
        num_ops: how many.
        magnitude: the bin of their strength.
        num_magnitude_bins: how many bins there are.
        interpolation, fill: see `AutoAugment`.

    Source: Cubuk et al. 2019, arXiv:1909.13719.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def forward(self, img: Any) -> Any:
        bins, part = self.num_magnitude_bins, 150.0 / 331.0
        _, height, width = F.get_dimensions(img)
        space: Space = {"Identity": ((), False)}
        space |= _geometry(bins, 0.3, part * width, part * height, 30.0) | _factors(bins, 0.9) | _mappings(bins, 8, 4)
        for _ in range(self.num_ops):
            img = self._changed(img, *self._draw(space, lambda strengths: strengths[self.magnitude]))
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude}, "
            f"num_magnitude_bins={self.num_magnitude_bins}, interpolation={self.interpolation}, fill={self.fill})"
        )


class TrivialAugmentWide(_Augmentation):
    """A single change of any strength.

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation, fill: see `AutoAugment`.

    Source: Müller, Hutter 2021, arXiv:2103.10158.
    """

    def __init__(
        self, num_magnitude_bins: int = 31, interpolation: InterpolationMode = NEAREST, fill: Any = None
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        bins = self.num_magnitude_bins
        space: Space = {"Identity": ((), False)}
        space |= _geometry(bins, 0.99, 32.0, 32.0, 135.0) | _factors(bins, 0.99) | _mappings(bins, 8, 6)
        return self._changed(img, *self._draw(space, lambda strengths: strengths[integer(0, len(strengths))]))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_magnitude_bins={self.num_magnitude_bins}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


class AugMix(_Augmentation):
    """The image mixed with several chains of changes of itself.

    Args:
        severity: the strongest bin of ten that is drawn from.
        mixture_width: how many chains.
        chain_depth: how many changes in each; 0 or less: one to three, drawn.
        alpha: how even the weights are, of a Dirichlet distribution.
        all_ops: also changes of brightness, saturation, contrast and sharpness.
        interpolation, fill: see `AutoAugment`.

    Source: Hendrycks et al. 2019, arXiv:1912.02781.
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ArgumentError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def forward(self, img: Any) -> Any:
        if not isinstance(img, Tensor):
            return F.to_pil_image(self.forward(F.pil_to_tensor(img)))
        _, height, width = F.get_dimensions(img)
        space = _geometry(10, 0.3, width / 3.0, height / 3.0, 30.0) | _mappings(10, 4, 4)
        space |= _factors(10, 0.9) if self.all_ops else {}
        batch = img.view([1] * max(4 - img.ndim, 0) + list(img.shape))
        n = batch.shape[0]
        kept = dirichlet(ops.full((n, 2), float(self.alpha)))
        weights = dirichlet(ops.full((n, self.mixture_width), float(self.alpha))) * kept[:, 1:]
        mix = kept[:, 0].view(-1, 1, 1, 1) * batch
        for i in range(self.mixture_width):
            mix += weights[:, i].view(-1, 1, 1, 1) * self._chain(batch, space)
        return mix.view(img.shape).to(img.dtype)

    def _chain(self, batch: Tensor, space: Space) -> Tensor:
        for _ in range(self.chain_depth if self.chain_depth > 0 else integer(1, 4)):
            batch = self._changed(batch, *self._draw(space, lambda strengths: strengths[integer(0, self.severity)]))
        return batch

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(severity={self.severity}, mixture_width={self.mixture_width}, "
            f"chain_depth={self.chain_depth}, alpha={self.alpha}, all_ops={self.all_ops}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )
