"""Grids, and image files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import rushlight
from rushlight import vision
from rushlight.vision.io import ImageReadMode
from rushlight.vision.utils import make_grid, save_image


def test_a_grid():
    images = rushlight.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    grid = make_grid(images, nrow=2, padding=1, pad_value=9)
    assert tuple(grid.shape) == (3, 10, 9)
    assert grid[1].tolist() == [
        [9] * 9,
        *[[9, 0, 0, 0, 9, 1, 1, 1, 9]] * 2,
        [9] * 9,
        *[[9, 2, 2, 2, 9, 3, 3, 3, 9]] * 2,
        [9] * 9,
        *[[9, 4, 4, 4, 9, 9, 9, 9, 9]] * 2,
        [9] * 9,
    ]
    scaled = make_grid(images, normalize=True, padding=0)
    assert scaled[0, 0].unique().tolist() == [0, 0.25, 0.5, 0.75, 1] and images.max() == 4
    assert make_grid(list(images), normalize=True, scale_each=True, value_range=(0, 2), padding=0).max() == 1
    assert tuple(make_grid(rushlight.ones(4, 5)).shape) == (3, 4, 5)
    with pytest.raises(TypeError, match="tensor or list of tensors"):
        make_grid([1, 2])


def test_saving_a_grid(tmp_path):
    images = rushlight.rand(2, 3, 4, 5)
    save_image(images, tmp_path / "grid.png", padding=0)
    buffer = io.BytesIO()
    save_image(images, buffer, format="PNG", padding=0)
    for source in (tmp_path / "grid.png", buffer):
        read = np.asarray(Image.open(source))
        expected = make_grid(images, padding=0).numpy().transpose(1, 2, 0) * 255
        assert np.abs(read - expected).max() <= 0.5 + 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]


def test_image_files(tmp_path):
    image = rushlight.randint(0, 256, (3, 5, 4), dtype=rushlight.uint8)
    vision.io.write_png(image, tmp_path / "a.png")
    assert bool((vision.io.read_image(tmp_path / "a.png") == image).all())
    encoded = vision.io.encode_png(image, compression_level=9)
    assert tuple(vision.io.decode_image(encoded, ImageReadMode.GRAY).shape) == (1, 5, 4)
    assert tuple(vision.io.decode_png(encoded, "RGB_ALPHA").shape) == (4, 5, 4)
    vision.io.write_jpeg(image, tmp_path / "a.jpg", quality=90)
    assert tuple(vision.io.decode_jpeg(vision.io.read_file(tmp_path / "a.jpg")).shape) == (3, 5, 4)
    with pytest.raises(TypeError, match="expected torch.uint8"):
        vision.io.encode_png(rushlight.ones(3, 2, 2))


def test_backends():
    vision.set_image_backend("PIL")
    assert vision.get_image_backend() == "PIL"
    with pytest.raises(ValueError, match="Invalid backend"):
        vision.set_image_backend("cv2")
    with pytest.raises(NotImplementedError, match="Pillow"):
        vision.set_image_backend("accimage")
