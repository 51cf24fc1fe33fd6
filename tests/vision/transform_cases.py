"""One table of transforms for both libraries, and what is recorded of their results.

`record.py` writes torchvision's answers to golden/transforms.json; test_transforms.py compares with them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any], Any]

# What is made with T, the module `transforms`, of which T.functional is a part; applied to a picture and to tensors.
BOTH: dict[str, Make] = {
    "Resize": lambda T: T.Resize((20, 30)),
    "Resize-shorter": lambda T: T.Resize(19),
    "Resize-max": lambda T: T.Resize(40, max_size=44),
    "Resize-nearest": lambda T: T.Resize((50, 61), interpolation=T.InterpolationMode.NEAREST),
    "Resize-exact": lambda T: T.Resize((20, 61), interpolation=T.InterpolationMode.NEAREST_EXACT),
    "Resize-bicubic": lambda T: T.Resize((50, 20), interpolation=T.InterpolationMode.BICUBIC),
    "CenterCrop": lambda T: T.CenterCrop((21, 12)),
    "CenterCrop-larger": lambda T: T.CenterCrop((45, 31)),
    "Pad": lambda T: T.Pad((1, 2, 3, 4), fill=7),
    "Pad-edge": lambda T: T.Pad((2, 3), padding_mode="edge"),
    "Pad-reflect": lambda T: T.Pad(4, padding_mode="reflect"),
    "Pad-symmetric": lambda T: T.Pad((5, 1, 2, 0), padding_mode="symmetric"),
    "RandomCrop": lambda T: T.RandomCrop(24, padding=4),
    "RandomCrop-small": lambda T: T.RandomCrop((40, 50), pad_if_needed=True, padding_mode="reflect"),
    "RandomResizedCrop": lambda T: T.RandomResizedCrop(16),
    "RandomResizedCrop-bicubic": lambda T: T.RandomResizedCrop((16, 20), (0.3, 0.9), (0.5, 1), interpolation=3),
    "RandomResizedCrop-never": lambda T: T.RandomResizedCrop(16, (1.0, 1.0), (5.0, 6.0)),
    "Flips": lambda T: T.Compose([T.RandomHorizontalFlip(), T.RandomVerticalFlip()]),
    "Crop": lambda T: lambda img: T.functional.crop(img, -3, 20, 50, 30),
    "RandomRotation": lambda T: T.RandomRotation(30),
    "RandomRotation-expand": lambda T: T.RandomRotation((10, 80), T.InterpolationMode.BILINEAR, expand=True, fill=9),
    "RandomRotation-center": lambda T: T.RandomRotation(30, center=(3, 4), fill=(1, 2, 3)),
    "RandomAffine": lambda T: T.RandomAffine(20, (0.1, 0.3), (0.7, 1.2), 10),
    "RandomAffine-all": lambda T: T.RandomAffine(
        (10, 20), shear=(1, 9, -8, 3), interpolation=T.InterpolationMode.BILINEAR, fill=5, center=[0, 0]
    ),
    "RandomPerspective": lambda T: T.RandomPerspective(0.4, p=1.0, fill=3),
    "ColorJitter": lambda T: T.ColorJitter(0.4, 0.3, 0.5, 0.1),
    "ColorJitter-some": lambda T: T.ColorJitter(contrast=(0.5, 0.7), hue=(0.2, 0.4)),
    "Grayscale": lambda T: T.Grayscale(3),
    "RandomGrayscale": lambda T: T.RandomGrayscale(0.9),
    "GaussianBlur": lambda T: T.GaussianBlur((5, 3)),
    "Gamma": lambda T: lambda img: T.functional.adjust_gamma(img, 1.7, 0.9),
    "Sharpness": lambda T: T.RandomAdjustSharpness(2.0, p=1.0),
    "Autocontrast": lambda T: T.RandomAutocontrast(1.0),
    "Invert": lambda T: T.RandomInvert(1.0),
    "Elastic": lambda T: T.ElasticTransform(30.0, 2.0),
    "FiveCrop": lambda T: lambda img: T.FiveCrop((20, 10))(img)[3],
    "TenCrop": lambda T: lambda img: T.TenCrop(20, vertical_flip=True)(img)[7],
    "RandomApply": lambda T: T.RandomApply([T.RandomHorizontalFlip(1.0), T.Pad(2)], p=0.6),
    "RandomOrder": lambda T: T.RandomOrder([T.Pad((1, 0, 0, 0)), T.RandomCrop(20), T.RandomVerticalFlip()]),
    "RandomChoice": lambda T: T.RandomChoice([T.RandomHorizontalFlip(1.0), T.Pad(2)], p=[0.4, 0.6]),
}
BYTES: dict[str, Make] = {  # for integers only
    "Solarize": lambda T: T.RandomSolarize(100, p=1.0),
    "Posterize": lambda T: T.RandomPosterize(3, p=1.0),
    "Equalize": lambda T: T.RandomEqualize(1.0),
    "AutoAugment": lambda T: T.AutoAugment(),
    "AutoAugment-cifar": lambda T: T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, T.InterpolationMode.BILINEAR, fill=4),
    "AutoAugment-svhn": lambda T: T.AutoAugment(T.AutoAugmentPolicy.SVHN),
    "RandAugment": lambda T: T.RandAugment(3, 7),
    "TrivialAugmentWide": lambda T: T.TrivialAugmentWide(),
    "AugMix": lambda T: T.AugMix(),
}
TENSORS: dict[str, Make] = {
    "Normalize": lambda T: T.Normalize((0.4, 0.5, 0.6), (0.2, 0.1, 0.3)),
    "RandomErasing": lambda T: T.RandomErasing(1.0),
    "RandomErasing-random": lambda T: T.RandomErasing(1.0, value="random", ratio=(1.0, 1.5)),
    "RandomErasing-colour": lambda T: T.RandomErasing(0.9, (0.1, 0.2), value=(1, 2, 3)),
    "Batch": lambda T: lambda img: T.Compose([T.RandomCrop(20), T.RandomRotation(9)])(img.expand(2, 3, 37, 29)),
}
KINDS = {"picture": BOTH | BYTES, "bytes": BOTH | BYTES, "floats": BOTH | TENSORS}
NAMES = [f"{kind}-{name}" for kind, cases in KINDS.items() for name in cases]


def pixels() -> np.ndarray:
    """(37, 29, 3) uint8, smooth with some noise."""
    y, x = np.mgrid[:37, :29]
    waves = np.stack([np.sin(x / 5 + y / 9), np.cos(x / 7 - y / 4), np.sin(x * y / 60)], -1)
    return (118 + 95 * waves + np.random.RandomState(0).randint(0, 40, waves.shape)).clip(0, 255).astype(np.uint8)


def results(torch: Any, transforms: Any, case: str) -> list[np.ndarray]:
    """What the transform makes of the image, with three seeds."""
    kind, name = case.split("-", 1)
    image = torch.from_numpy(pixels().transpose(2, 0, 1).copy())
    if kind == "picture":
        image = transforms.ToPILImage()(image)
    elif kind == "floats":
        image = image.to(torch.float32) / 255
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        random.seed(seed)
        result = KINDS[kind][name](transforms)(image.clone() if kind != "picture" else image)
        made.append(np.asarray(result if kind == "picture" else result.numpy()))
    return made


def fingerprint(array: np.ndarray) -> list[Any]:
    """Shape, dtype, mean, and means weighted along each dimension: what moves with any change of place or colour."""
    x = array.astype(np.float64)
    weighted = [float((x * np.cos(np.arange(n)).reshape([-1 if d == dim else 1 for d in range(x.ndim)])).mean())
                for dim, n in enumerate(x.shape)]  # fmt: skip
    return [list(array.shape), array.dtype.name, float(x.mean()), *weighted]
