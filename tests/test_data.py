"""The embedded digits: what is in the file, how it is split, and that loading is quick."""

import time

import numpy as np
import pytest

import rushlight
from rushlight.data import Digits
from rushlight.data.digits import TRAIN, _read
from rushlight.utils.data import DataLoader, Dataset


@pytest.fixture(scope="module")
def train():
    return Digits(train=True)


@pytest.fixture(scope="module")
def held_out():
    return Digits(train=False)


def test_sizes_types_and_range(train, held_out):
    for digits, count in ((train, 8500), (held_out, 1500)):
        assert isinstance(digits, Dataset) and len(digits) == count
        assert tuple(digits.data.shape) == (count, 1, 28, 28) and digits.data.dtype == rushlight.float32
        assert tuple(digits.targets.shape) == (count,) and digits.targets.dtype == rushlight.int64
        grey = digits.data.numpy()
        assert grey.min() == 0 and grey.max() == 1
        np.testing.assert_array_equal(grey * 255, np.rint(grey * 255))  # exactly k / 255 in float32


def test_split_is_even_over_the_classes(train, held_out):
    counts = np.bincount(train.targets.numpy()) + np.bincount(held_out.targets.numpy())
    assert counts.tolist() == [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]  # of the npm package's files
    np.testing.assert_allclose(np.bincount(held_out.targets.numpy()) / counts, 0.15, atol=0.001)


def test_no_image_twice():
    images, _ = _read()
    assert len(np.unique(images.reshape(10_000, 784), axis=0)) == 10_000


def test_order_is_mixed(train):
    labels = train.targets.numpy().reshape(85, 100)
    assert min(len(set(row)) for row in labels) >= 9


def test_items_are_image_and_label(train):
    image, label = train[7]
    assert tuple(image.shape) == (1, 28, 28)
    assert int(label) == train.targets[7].item()
    np.testing.assert_array_equal(image.numpy(), train.data[7].numpy())


def test_images_look_like_their_labels(train, held_out):
    """The nearest class mean tells four digits out of five: images and labels belong together, in both parts."""
    means = np.stack([train.data.numpy()[train.targets.numpy() == d].mean(0).ravel() for d in range(10)])
    rows = held_out.data.numpy().reshape(1500, 784)
    distances = (rows**2).sum(1, keepdims=True) - 2 * rows @ means.T + (means**2).sum(1)
    assert (distances.argmin(1) == held_out.targets.numpy()).mean() > 0.78


def test_objects_do_not_share_memory():
    first, second = Digits(train=False), Digits(train=False)
    first.data.zero_()
    assert second.data.max().item() == 1


def test_batches(train):
    images, labels = next(iter(DataLoader(train, batch_size=32)))
    assert tuple(images.shape) == (32, 1, 28, 28) and tuple(labels.shape) == (32,)
    np.testing.assert_array_equal(labels.numpy(), train.targets.numpy()[:32])


def test_loading_is_quick():
    def load():
        _read.cache_clear()
        start = time.perf_counter()
        Digits(train=True)
        return time.perf_counter() - start

    seconds = min(load() for _ in range(3))
    print(f"Digits(train=True) loads in {seconds:.3f} s")
    assert seconds < 0.5  # 0.1 s on an idle machine


def test_split_point():
    assert TRAIN == 8500
