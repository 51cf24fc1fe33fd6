"""Files of data sets: downloaded whole or not at all, checked, unpacked."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from ...errors import ArgumentError, OperatorError
from ...serialization import write_atomically

Name = str | os.PathLike[str]


def calculate_md5(fpath: Name, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 sum of a file, in hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: Name, md5: str, **kwargs: Any) -> bool:
    """Whether the file has that MD5 sum."""
    return calculate_md5(fpath, **kwargs) == md5


def check_integrity(fpath: Name, md5: str | None = None) -> bool:
    """Whether there is such a file, with that MD5 sum."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(
    url: str, root: Name, filename: Name | None = None, md5: str | None = None, max_redirect_hops: int = 3
) -> None:
    """Downloads a file, unless it is there; it has its name only once it is whole and checked.

    Args:
        url: http, https or file.
        root: the folder for it.
        filename: its name there; the last part of the url by default.
        md5: its MD5 sum.
        max_redirect_hops: taken for torchvision's sake; Python's own limit of ten holds.

    Raises:
        RuntimeError: no network, no such file, or another content than expected.
    """
    target = Path(root).expanduser() / (filename or os.path.basename(url))
    if check_integrity(target, md5):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "rushlight.vision"})
        with urllib.request.urlopen(request) as source:
            write_atomically(target, lambda file: _copy(source, file, url, md5))
    except (urllib.error.URLError, OSError) as error:
        raise OperatorError(
            f"download of {url} failed: {error}. Without a network, put the file at {target} and try again"
        ) from error


def _copy(source: Any, file: IO[bytes], url: str, md5: str | None) -> None:
    from tqdm import tqdm  # takes a while to import

    digest = hashlib.md5(usedforsecurity=False)
    length = source.headers.get("Content-Length")
    with tqdm(total=length and int(length), unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        while chunk := source.read(1 << 20):
            file.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    if md5 is not None and digest.hexdigest() != md5:
        raise OperatorError(f"{url}: File not found or corrupted: its MD5 sum is {digest.hexdigest()}, expected {md5}")


_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_TARS = (".tar", ".tgz", ".tbz", ".tbz2", ".tar.gz", ".tar.bz2", ".tar.xz")


def extract_archive(from_path: Name, to_path: Name | None = None, remove_finished: bool = False) -> Name:
    """Unpacks a tar or zip archive, or a single compressed file.

    Args:
        from_path: the archive; what it is, is told by its name.
        to_path: the folder for what is in it; its own by default.
        remove_finished: remove the archive afterwards.

    Returns:
        The folder, or the unpacked file.

    Raises:
        RuntimeError: a name that tells nothing.
    """
    source = Path(from_path)
    folder = Path(to_path) if to_path is not None else source.parent
    result = folder
    if source.name.endswith(_TARS):
        with tarfile.open(source) as tar:
            options: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.10 before 3.10.12
            tar.extractall(folder, **options)
    elif source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
    elif source.suffix in _OPENERS:
        result = folder / source.stem
        with _OPENERS[source.suffix](source, "rb") as packed:
            write_atomically(result, lambda file: shutil.copyfileobj(packed, file))
    else:
        known = sorted([*_TARS, *_OPENERS, ".zip"])
        raise OperatorError(f"Unknown compression or archive type: '{source.suffix}'.\nKnown suffixes are: '{known}'.")
    if remove_finished:
        source.unlink()
    return os.fspath(result) if isinstance(from_path, str) else result


def download_and_extract_archive(
    url: str,
    download_root: Name,
    extract_root: Name | None = None,
    filename: Name | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """`download_url`, then `extract_archive`."""
    folder = os.path.expanduser(download_root)
    name = filename or os.path.basename(url)
    download_url(url, folder, name, md5)
    extract_archive(os.path.join(folder, name), extract_root or folder, remove_finished)


def list_dir(root: Name, prefix: bool = False) -> list[str]:
    """The folders in a folder, with its name before theirs if `prefix`."""
    return _entries(root, prefix, lambda entry: entry.is_dir())


def list_files(root: Name, suffix: str | tuple[str, ...], prefix: bool = False) -> list[str]:
    """The files in a folder whose names end so, with its name before theirs if `prefix`."""
    return _entries(root, prefix, lambda entry: entry.is_file() and entry.name.endswith(suffix))


def _entries(root: Name, prefix: bool, wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    with contextlib.closing(os.scandir(os.path.expanduser(root))) as entries:
        return [entry.path if prefix else entry.name for entry in entries if wanted(entry)]


def iterable_to_str(iterable: Iterable[Any]) -> str:
    """'a', 'b', 'c'."""
    return "'" + "', '".join(map(str, iterable)) + "'"


def verify_str_arg(
    value: Any, arg: str | None = None, valid_values: Iterable[str] | None = None, custom_msg: str | None = None
) -> str:
    """The value, which must be a str and one of those that are valid.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str):
        where = "" if arg is None else f" for argument {arg}"
        raise ArgumentError(f"Expected type str{where}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        raise ArgumentError(
            custom_msg
            or f"Unknown value '{value}' for argument {arg}. Valid values are {{{iterable_to_str(valid_values)}}}."
        )
    return value
