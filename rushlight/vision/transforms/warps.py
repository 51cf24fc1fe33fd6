"""Transforms that turn, shear, bend and blur by amounts drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from ... import ops
from ...errors import ArgumentError, DTypeError
from ...nn import Module
from ...tensor import Tensor
from . import functional as F
from .cutting import pair
from .draws import happens, integer, uniform
from .modes import InterpolationMode, as_mode

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def _check_length(x: Any, name: str, lengths: Sequence[int]) -> Any:
    if not isinstance(x, Sequence) or len(x) not in lengths:
        error: type[Exception] = ArgumentError if isinstance(x, Sequence) else DTypeError
        raise error(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    return x


def _angles(x: Any, name: str, lengths: Sequence[int] = (2,)) -> list[float]:
    """Bounds, also from one number: plus and minus."""
    if isinstance(x, Number):
        if x < 0:  # type: ignore[operator]
            raise ArgumentError(f"If {name} is a single number, it must be positive.")
        return [-float(x), float(x)]  # type: ignore[arg-type]
    return [float(angle) for angle in _check_length(x, name, lengths)]


def checked_fill(fill: Any) -> Any:
    """A colour: a number, or one for each channel; None: black."""
    if fill is not None and not isinstance(fill, Sequence | Number):
        raise DTypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


def fill_for(img: Any, fill: Any) -> Any:
    """The colour as the functions on that kind of image take it: for tensors a float for each channel."""
    if fill is None or not isinstance(img, Tensor):
        return fill
    return [float(fill)] * F.get_image_num_channels(img) if isinstance(fill, int | float) else [float(f) for f in fill]


class RandomRotation(Module):
    """The image turned by a random angle.

    Args:
        degrees: bounds of the angle; one number: plus and minus.
        interpolation, expand, center, fill: see `functional.rotate`.
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        self.center = center if center is None else _check_length(center, "center", (2,))
        self.interpolation, self.expand, self.fill = as_mode(interpolation), expand, checked_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """Draws the angle."""
        return uniform(*degrees)

    def forward(self, img: Any) -> Any:
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill_for(img, self.fill))

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return (
            f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, "
            f"expand={self.expand}{center}, fill={self.fill})"
        )


class RandomAffine(Module):
    """The image sheared, turned, scaled and moved by random amounts.

    Args:
        degrees: bounds of the angle; one number: plus and minus.
        translate: largest moves, over the image's width and height, each in 0..1.
        scale: bounds of the scale.
        shear: bounds of the shear along x, in degrees; four numbers: also along y.
        interpolation, fill, center: see `functional.affine`.

    Raises:
        TypeError, ValueError: arguments of other kinds, lengths or ranges.
    """

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        if translate is not None and not all(0.0 <= t <= 1.0 for t in _check_length(translate, "translate", (2,))):
            raise ArgumentError("translation values should be between 0 and 1")
        if scale is not None and not all(s > 0 for s in _check_length(scale, "scale", (2,))):
            raise ArgumentError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = shear if shear is None else _angles(shear, "shear", (2, 4))
        self.interpolation, self.fill = as_mode(interpolation), checked_fill(fill)
        self.center = center if center is None else _check_length(center, "center", (2,))

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Draws the angle, (x, y) in pixels, the scale, and the shears; img_size is (width, height)."""
        angle = uniform(*degrees)
        moves = (0, 0)
        if translate is not None:
            limits = [float(part * side) for part, side in zip(translate, img_size)]
            moves = (round(uniform(-limits[0], limits[0])), round(uniform(-limits[1], limits[1])))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        along_x = 0.0 if shears is None else uniform(shears[0], shears[1])
        along_y = 0.0 if shears is None or len(shears) == 2 else uniform(shears[2], shears[3])
        return angle, moves, scale, (along_x, along_y)

    def forward(self, img: Any) -> Any:
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img))
        return F.affine(img, *drawn, self.interpolation, fill_for(img, self.fill), self.center)

    def __repr__(self) -> str:
        usual = {"translate": None, "scale": None, "shear": None, "interpolation": NEAREST, "fill": 0, "center": None}
        shown = {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}
        if "interpolation" in shown:
            shown["interpolation"] = self.interpolation.value
        return f"{type(self).__name__}(degrees={self.degrees}" + "".join(f", {k}={v}" for k, v in shown.items()) + ")"


class RandomPerspective(Module):
    """The image seen from another side, with probability p.

    Args:
        distortion_scale: how far corners move at most, over half of the image's sides.
        interpolation, fill: see `functional.perspective`.
    """

    def __init__(
        self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = BILINEAR, fill: Any = 0
    ) -> None:
        super().__init__()
        self.p, self.distortion_scale = p, distortion_scale
        self.interpolation, self.fill = as_mode(interpolation), checked_fill(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners, and where each moves to, drawn clockwise from the upper left."""
        x, y = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        left, right = (0, x + 1), (width - x - 1, width)
        top, bottom = (0, y + 1), (height - y - 1, height)
        corners = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        places = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return corners, [[integer(*columns), integer(*rows)] for columns, rows in places]

    def forward(self, img: Any) -> Any:
        _, height, width = F.get_dimensions(img)
        if not happens(self.p):
            return img
        starts, ends = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, starts, ends, self.interpolation, fill_for(img, self.fill))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class GaussianBlur(Module):
    """The image blurred by a bell of random width.

    Args:
        kernel_size: odd, one number or (along x, along y).
        sigma: bounds of the bell's width, or the width itself.

    Raises:
        ValueError: even sizes, bounds that are not positive.
    """

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ArgumentError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, Number):
            if sigma <= 0:  # type: ignore[operator]
                raise ArgumentError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        if not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ArgumentError("sigma should be a single number or a list/tuple with length 2.")
        if not 0.0 < sigma[0] <= sigma[1]:
            raise ArgumentError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """Draws the width."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(kernel_size={self.kernel_size}, sigma={self.sigma})"


class ElasticTransform(Module):
    """The image seen through water: pixels from random places near by, those of neighbours alike.

    Args:
        alpha: how far, along x and y.
        sigma: how alike, the width of the bell that smooths the moves, along x and y.
        interpolation: see `functional.elastic_transform`.
        fill: the colour beyond the image.
    """

    def __init__(self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = BILINEAR, fill: Any = 0) -> None:
        super().__init__()
        self.alpha, self.sigma = _two_floats("alpha", alpha), _two_floats("sigma", sigma)
        self.interpolation = as_mode(interpolation)
        if not isinstance(fill, int | float | list | tuple):
            raise DTypeError(f"fill should be int or float or a list or tuple of them. Got {type(fill)}")
        self.fill = [float(fill)] if isinstance(fill, int | float) else [float(f) for f in fill]

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Tensor:
        """Draws the moves (1, H, W, 2) for an image of size (H, W)."""
        moves = []
        for a, s, side in zip(alpha, sigma, size[::-1]):
            move = ops.rand(1, 1, *size) * 2 - 1
            if s > 0.0:
                kernel = int(8 * s + 1) | 1  # odd
                move = F.gaussian_blur(move, [kernel, kernel], list(sigma))
            moves.append(move * a / side)
        return ops.cat(moves, 1).permute(0, 2, 3, 1)  # (1, 2, H, W) -> (1, H, W, 2)

    def forward(self, tensor: Any) -> Any:
        moves = self.get_params(self.alpha, self.sigma, F.get_dimensions(tensor)[1:])
        return F.elastic_transform(tensor, moves, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation}, "
            f"fill={self.fill})"
        )


def _two_floats(name: str, x: Any) -> list[float]:
    if not isinstance(x, float | Sequence):
        raise DTypeError(f"{name} should be float or a sequence of floats. Got {type(x)}")
    if isinstance(x, float):
        return [x, x]
    if len(x) != 2:
        raise ArgumentError(f"If {name} is a sequence its length should be 2. Got {len(x)}")
    if not all(isinstance(element, float) for element in x):
        raise DTypeError(f"{name} should be a sequence of floats. Got {x}")
    return list(x)
