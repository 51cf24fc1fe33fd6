"""Data sets read from files in the usual formats, written here; downloads from file:// addresses."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rushlight
from rushlight.vision import datasets, transforms
from rushlight.vision.datasets import utils
from rushlight.vision.datasets.mnist import EMBEDDED, read_sn3_pascalvincent_tensor

IMAGES = np.random.RandomState(0).randint(0, 256, (5, 28, 28)).astype(np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def idx(array, code=8):
    sizes = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_mnist(folder, prefixes=("train", "t10k"), pack=lambda b: b, suffix=""):
    folder.mkdir(parents=True)
    for prefix in prefixes:
        (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(IMAGES)))
        (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(LABELS)))


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist_and_its_kin(name, tmp_path):
    write_mnist(tmp_path / name / "raw")
    data = getattr(datasets, name)(tmp_path, transform=transforms.ToTensor(), target_transform=lambda y: y + 1)
    assert len(data) == 5 and data.data.shape == (5, 28, 28) and data.targets.dtype == rushlight.int64
    image, target = data[2]
    np.testing.assert_allclose(image.numpy()[0], IMAGES[2] / np.float32(255))
    assert target == 5 and len(data.classes) == 10 and data.class_to_idx[data.classes[3]] == 3
    assert repr(data).startswith(
        f"Dataset {name}\n    Number of datapoints: 5\n    Root location: {tmp_path}\n    Split: Train\n"
        "    StandardTransform\nTransform: ToTensor()\nTarget transform: <function"
    )
    with pytest.warns(UserWarning, match="train_labels has been renamed targets"):
        assert data.train_labels is data.targets
    picture, _ = getattr(datasets, name)(str(tmp_path), train=False)[0]
    assert picture.mode == "L" and np.array_equal(np.asarray(picture), IMAGES[0])


def test_emnist(tmp_path):
    folder = tmp_path / "EMNIST" / "raw"
    write_mnist(folder, ["emnist-letters-train"])
    data = datasets.EMNIST(tmp_path, split="letters")
    assert len(data) == 5 and data.classes[0] == "N/A" and len(data.classes) == 27
    assert {split: len(names) for split, names in datasets.EMNIST.classes_split_dict.items()} == {
        "byclass": 62, "bymerge": 47, "balanced": 47, "letters": 27, "digits": 10, "mnist": 10,
    }  # fmt: skip
    with pytest.raises(ValueError, match="Unknown value 'all' for argument split"):
        datasets.EMNIST(tmp_path, split="all")


def test_without_files_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv(EMBEDDED, raising=False)
    with pytest.raises(RuntimeError, match=r"download=True .*\n.*RUSHLIGHT_EMBEDDED_DIGITS=1"):
        datasets.MNIST(tmp_path)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"file://{tmp_path}/nowhere/"])
    with pytest.raises(RuntimeError, match="Error downloading train-images"):
        datasets.MNIST(tmp_path, download=True)
    monkeypatch.setenv(EMBEDDED, "1")
    with pytest.warns(UserWarning, match="ten thousand digits"):
        digits = datasets.MNIST(tmp_path, train=False, transform=transforms.ToTensor(), download=True)
    image, target = digits[3]
    kept = rushlight.data.Digits(train=False)[3]
    np.testing.assert_allclose(image.numpy(), kept[0].numpy(), atol=1e-6)
    assert len(digits) == 1500 and target == kept[1].item()


def test_mnist_is_downloaded_checked_and_unpacked(tmp_path, monkeypatch):
    write_mnist(tmp_path / "mirror", pack=gzip.compress, suffix=".gz")
    files = sorted((tmp_path / "mirror").iterdir())
    sums = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in files]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"file://{tmp_path}/nowhere/", f"file://{tmp_path}/mirror/"])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    data = datasets.MNIST(tmp_path / "root", download=True)
    assert np.array_equal(data.data.numpy(), IMAGES) and data.targets.tolist() == LABELS.tolist()
    monkeypatch.setattr(datasets.MNIST, "resources", [(name, "0" * 32) for name, _ in sums])
    with pytest.raises(RuntimeError, match="its MD5 sum is"):
        datasets.MNIST(tmp_path / "other", download=True)
    assert not list((tmp_path / "other" / "MNIST" / "raw").iterdir())  # nothing half done is left


@pytest.mark.parametrize("code, dtype", [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")])
def test_every_dtype_of_the_format(code, dtype, tmp_path):
    array = np.arange(-3, 3).reshape(2, 3).astype(dtype)
    (tmp_path / "file").write_bytes(idx(array, code))
    read = read_sn3_pascalvincent_tensor(tmp_path / "file").numpy()
    assert read.dtype == np.dtype(dtype) and np.array_equal(read, array)


@pytest.mark.parametrize("content", [b"", b"\0\0\x07\x01", b"abcd", idx(LABELS)[:-1], idx(LABELS)[:6]])
def test_files_in_no_such_format(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises((RuntimeError, ValueError)):
        read_sn3_pascalvincent_tensor(tmp_path / "file")


def write_cifar(folder, monkeypatch, cls, key, **files):
    folder.mkdir(parents=True)
    sums = {}
    for name, content in files.items():
        blob = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(blob)
        sums[name] = hashlib.md5(blob).hexdigest()
    train, test, meta = files
    monkeypatch.setattr(cls, "train_list", [(train, sums[train])])
    monkeypatch.setattr(cls, "test_list", [(test, sums[test])])
    monkeypatch.setattr(cls, "meta", {"filename": meta, "key": key, "md5": sums[meta]})


@pytest.mark.parametrize(
    "name, labels, key", [("CIFAR10", "labels", "label_names"), ("CIFAR100", "fine_labels", "fine")]
)
def test_cifar(name, labels, key, tmp_path, monkeypatch):
    cls = getattr(datasets, name)
    flat = np.random.RandomState(1).randint(0, 256, (4, 3072)).astype(np.uint8)
    batch = {"data": flat, labels: [0, 1, 1, 0]}
    files = {"a": batch, "b": {**batch, labels: [1, 1, 1, 1]}, "m": {key: ["cat", "dog"]}}
    write_cifar(tmp_path / cls.base_folder, monkeypatch, cls, key, **files)
    data = cls(tmp_path)
    picture, target = data[1]
    assert (
        data.data.shape == (4, 32, 32, 3) and data.targets == [0, 1, 1, 0] and data.class_to_idx == {"cat": 0, "dog": 1}
    )
    assert np.array_equal(np.asarray(picture), flat[1].reshape(3, 32, 32).transpose(1, 2, 0)) and target == 1
    assert cls(tmp_path, train=False).targets == [1, 1, 1, 1] and "Split: Test" in repr(cls(tmp_path, train=False))
    (tmp_path / cls.base_folder / "a").write_bytes(b"")
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        cls(tmp_path)


class Evil:
    def __reduce__(self):
        return print, ("called",)


def test_a_cifar_file_calls_nothing(tmp_path, monkeypatch, capsys):
    cls = datasets.CIFAR10
    files = {"a": {"data": Evil(), "labels": []}, "b": {}, "m": {"k": []}}
    write_cifar(tmp_path / cls.base_folder, monkeypatch, cls, "k", **files)
    with pytest.raises(pickle.UnpicklingError, match="asks for"):
        cls(tmp_path)
    assert "called" not in capsys.readouterr().out


def test_svhn(tmp_path, monkeypatch):
    savemat = pytest.importorskip("scipy.io").savemat
    images = np.random.RandomState(2).randint(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    savemat(tmp_path / "test_32x32.mat", {"X": images, "y": np.array([[1], [10], [9], [10]])})
    md5 = utils.calculate_md5(tmp_path / "test_32x32.mat")
    monkeypatch.setattr(datasets.SVHN, "split_list", {"test": ("", "test_32x32.mat", md5)})
    data = datasets.SVHN(tmp_path, split="test")
    picture, target = data[1]
    assert data.labels.tolist() == [1, 0, 9, 0] and data.data.shape == (4, 3, 32, 32) and target == 0
    assert np.array_equal(np.asarray(picture), images[..., 1])
    with pytest.raises(ValueError, match="Valid values are"):
        datasets.SVHN(tmp_path, split="train")


@pytest.fixture
def folders(tmp_path):
    for name in ("dog/b.png", "dog/a.PNG", "cat/deep/c.jpg", "cat/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            Image.new("L", (3, 2), len(name)).save(path)
    return tmp_path


def test_folders_of_images(folders):
    data = datasets.ImageFolder(folders, transform=transforms.ToTensor())
    assert data.classes == ["cat", "dog"] and data.targets == [0, 1, 1] and data.imgs is data.samples
    assert [path.rsplit("/", 1)[1] for path, _ in data.samples] == ["c.jpg", "a.PNG", "b.png"]
    image, target = data[1]
    assert tuple(image.shape) == (3, 2, 3) and target == 1
    texts = datasets.DatasetFolder(
        folders, loader=lambda p: Path(p).read_text(), extensions=(".txt",), allow_empty=True
    )
    assert texts[0] == ("no image", 0) and len(texts) == 1


def test_folders_without_what_is_wanted(folders, tmp_path_factory):
    with pytest.raises(FileNotFoundError, match="no valid file for the classes dog. Supported extensions are: .txt"):
        datasets.DatasetFolder(folders, loader=str, extensions=(".txt",))
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match="Both extensions and is_valid_file"):
        datasets.folder.make_dataset(folders)


def test_fake_data_is_torchvisions():
    rushlight.manual_seed(5)
    before = rushlight.get_rng_state()
    image, target = datasets.FakeData(10, (3, 4, 5), num_classes=7, random_offset=2)[3]
    assert target == 0 and np.asarray(image)[0, :2].tolist() == [[213, 223, 219], [132, 103, 228]]
    assert bool((rushlight.get_rng_state() == before).all())
    with pytest.raises(IndexError):
        datasets.FakeData(10)[10]


def test_transforms_are_joint_or_separate():
    class Pairs(datasets.VisionDataset):
        def __len__(self):
            return 1

    assert "Number of datapoints: 1\n    " + repr(len) in repr(Pairs(transforms=len))
    with pytest.raises(ValueError, match="Only transforms or"):
        Pairs(transforms=len, transform=len)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.xz", "file.gz", "file.bz2"])
def test_archives(name, tmp_path):
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("file", "content")
    elif name.startswith("a."):
        with tarfile.open(path, "w:" + {"gz": "gz", "tgz": "gz", "xz": "xz", "tar": ""}[name.split(".")[-1]]) as tar:
            info = tarfile.TarInfo("file")
            info.size = 7
            tar.addfile(info, io.BytesIO(b"content"))
    else:
        with utils._OPENERS[path.suffix](path, "wb") as file:
            file.write(b"content")
    utils.extract_archive(path, remove_finished=True)
    assert (tmp_path / "file").read_text() == "content" and not path.exists()


def test_an_archive_of_no_known_kind(tmp_path):
    with pytest.raises(RuntimeError, match="Unknown compression or archive type"):
        utils.extract_archive(tmp_path / "file.rar")
