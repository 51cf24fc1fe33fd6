"""Transforms beside torchvision's recorded results: the same draws, the same pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transform_cases import NAMES, fingerprint, pixels, results

import rushlight
from rushlight.vision import transforms
from rushlight.vision.transforms import functional as F

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "vision_transforms.json").read_text("utf-8"))


@pytest.mark.parametrize("case", NAMES)
def test_same_seed_same_pixels(case):
    for mine, recorded in zip(results(rushlight, transforms, case), GOLDEN[case]):
        found = fingerprint(mine)
        assert found[:2] == recorded[:2]
        np.testing.assert_allclose(found[2:], recorded[2:], rtol=1e-5, atol=1e-2 if found[1] == "uint8" else 1e-6)


REPRS = {
    "Resize(size=(2, 3), interpolation=bilinear, max_size=None, antialias=True)": lambda T: T.Resize((2, 3)),
    "RandomCrop(size=(4, 4), padding=1)": lambda T: T.RandomCrop(4, 1),
    "RandomResizedCrop(size=(8, 8), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, antialias=True)": (
        lambda T: T.RandomResizedCrop(8)
    ),
    "RandomAffine(degrees=[-3.0, 3.0], translate=(0.1, 0.2), fill=4)": lambda T: T.RandomAffine(3, (0.1, 0.2), fill=4),
    "RandomRotation(degrees=[-3.0, 3.0], interpolation=nearest, expand=False, fill=0)": lambda T: T.RandomRotation(3),
    "ColorJitter(brightness=(0.6, 1.4), contrast=None, saturation=None, hue=(-0.1, 0.1))": (
        lambda T: T.ColorJitter(0.4, hue=0.1)
    ),
    "RandomApply(\n    p=0.5\n    ToTensor()\n)": lambda T: T.RandomApply([T.ToTensor()]),
    "RandomChoice(\n    ToPILImage(mode=L)\n)(p=None)": lambda T: T.RandomChoice([T.ToPILImage("L")]),
}


@pytest.mark.parametrize("text", REPRS)
def test_they_tell_what_they_do(text):
    assert repr(REPRS[text](transforms)) == text


MISTAKES = {
    "Resize": (TypeError, lambda T: T.Resize(3.5)),
    "Resize-many": (ValueError, lambda T: T.Resize((1, 2, 3))),
    "Resize-max": (ValueError, lambda T: F.resize(rushlight.ones(3, 4, 4), 8, max_size=8)),
    "Pad": (ValueError, lambda T: T.Pad((1, 2, 3))),
    "Pad-mode": (ValueError, lambda T: T.Pad(1, padding_mode="wrap")),
    "RandomCrop": (ValueError, lambda T: T.RandomCrop(9)(rushlight.ones(3, 4, 4))),
    "FiveCrop": (ValueError, lambda T: T.FiveCrop(9)(rushlight.ones(3, 4, 4))),
    "ToTensor": (TypeError, lambda T: T.ToTensor()([1])),
    "ToTensor-dims": (ValueError, lambda T: T.ToTensor()(np.ones((1, 1, 1, 1)))),
    "ToPILImage": (ValueError, lambda T: T.ToPILImage()(rushlight.ones(5, 2, 2))),
    "ToPILImage-mode": (ValueError, lambda T: T.ToPILImage("RGB")(rushlight.ones(1, 2, 2))),
    "Normalize-bytes": (TypeError, lambda T: T.Normalize(0.0, 1.0)(rushlight.ones(1, 2, 2, dtype=rushlight.uint8))),
    "Normalize-0": (ValueError, lambda T: T.Normalize([0.0], [0.0])(rushlight.ones(1, 2, 2))),
    "ColorJitter": (ValueError, lambda T: T.ColorJitter(hue=0.7)),
    "ColorJitter-sign": (ValueError, lambda T: T.ColorJitter(-1)),
    "RandomRotation": (ValueError, lambda T: T.RandomRotation(-3)),
    "RandomAffine": (ValueError, lambda T: T.RandomAffine(3, translate=(0.1, 2.0))),
    "RandomAffine-scale": (ValueError, lambda T: T.RandomAffine(3, scale=(0.0, 2.0))),
    "GaussianBlur": (ValueError, lambda T: T.GaussianBlur(4)),
    "RandomErasing": (ValueError, lambda T: T.RandomErasing(value="noise")),
    "interpolation": (TypeError, lambda T: T.Resize(3, interpolation="bilinear")),
    "lanczos": (ValueError, lambda T: F.rotate(rushlight.ones(3, 4, 4), 1, T.InterpolationMode.LANCZOS)),
    "posterize": (TypeError, lambda T: F.posterize(rushlight.ones(3, 4, 4), 2)),
    "channels": (TypeError, lambda T: F.adjust_brightness(rushlight.ones(2, 4, 4), 2)),
    "kind": (TypeError, lambda T: F.hflip(np.ones((3, 4)))),
    "policy": (ValueError, lambda T: T.AutoAugment("imagenet")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    error, make = MISTAKES[name]
    with pytest.raises(error):
        make(transforms)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I", "F", "I;16", "CMYK", "HSV"])
def test_pictures_become_tensors_and_come_back(mode):
    from PIL import Image

    picture = Image.fromarray(pixels())
    picture = picture.convert("L").convert(mode) if mode in ("I", "F", "I;16", "LA") else picture.convert(mode)
    tensor = F.pil_to_tensor(picture)
    assert tuple(tensor.shape) == (len(picture.getbands()), 37, 29)
    np.testing.assert_array_equal(tensor.numpy().transpose(1, 2, 0).squeeze(), np.asarray(picture))
    scaled = F.to_tensor(picture)
    assert scaled.dtype == {"I": rushlight.int32, "I;16": rushlight.int16}.get(mode, rushlight.float32)
    if mode not in ("1", "P", "I;16"):
        assert F.to_pil_image(tensor, mode).tobytes() == picture.tobytes()


@pytest.mark.parametrize("to", ["uint8", "int16", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("of", ["uint8", "int16", "int32", "float32"])
def test_dtypes_have_ranges(of, to):
    """Black stays black and white white."""
    of, to = getattr(rushlight, of), getattr(rushlight, to)
    largest = {d: 1.0 if d.is_floating_point else rushlight.iinfo(d).max for d in (of, to)}
    image = rushlight.tensor([[0, largest[of]]], dtype=of)
    if of.is_floating_point and to in (rushlight.int32, rushlight.int64):
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            F.convert_image_dtype(image, to)
        return
    black, white = F.convert_image_dtype(image, to)[0].tolist()
    assert black == 0 and white >= 0.99 * largest[to] and white <= largest[to]


def test_a_whitening():
    x = rushlight.arange(8.0).reshape(2, 1, 2, 2)
    whiten = transforms.LinearTransformation(2 * rushlight.eye(4), rushlight.ones(4))
    np.testing.assert_allclose(whiten(x).numpy(), 2 * (x.numpy() - 1))
    with pytest.raises(ValueError, match="incompatible shape"):
        whiten(rushlight.ones(1, 3, 3))


def test_normalizing_in_place():
    x = rushlight.ones(1, 2, 2)
    assert F.normalize(x, [0.5], [0.5], inplace=True) is x and x.sum().item() == 4.0
