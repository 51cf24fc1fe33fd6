"""PyTorch's checkpoint file: a zip archive of stored (not compressed) entries.

NAME/data.pkl        the pickle
NAME/data/0, 1, ...  the storages, each beginning at a multiple of 64 bytes
NAME/version         "3", and some smaller entries that describe the file
"""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from ..errors import UnsupportedError
from .pickler import dump
from .storages import CheckpointError

ALIGNMENT = 64
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


# ------------------------------------------------------------------------------------------------------------ writing


def write(file: IO[bytes], obj: Any, name: str, protocol: int, byteorder: bool) -> None:
    """Writes `obj` as an archive whose entries are in a folder `name`."""
    data, blocks = dump(obj, protocol)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, f"{name}/data.pkl", data)
        _add(archive, f"{name}/.format_version", b"1")
        _add(archive, f"{name}/.storage_alignment", str(ALIGNMENT).encode())
        if byteorder:
            _add(archive, f"{name}/byteorder", sys.byteorder.encode())
        for key, content in blocks.contents():
            _add(archive, f"{name}/data/{key}", content)
        _add(archive, f"{name}/version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    entry = zipfile.ZipInfo(name)
    size = memoryview(content).nbytes
    long = 20 if size * 1.05 > zipfile.ZIP64_LIMIT else 0  # bytes that zipfile adds to the header of long entries
    assert archive.fp is not None
    start = archive.fp.tell() + _LOCAL_HEADER.size + len(name.encode()) + long
    padding = -start % ALIGNMENT
    padding += ALIGNMENT if 0 < padding < 4 else 0
    if padding:
        entry.extra = struct.pack("<2sH", b"FB", padding - 4) + b"Z" * (padding - 4)
    archive.writestr(entry, content)


# ------------------------------------------------------------------------------------------------------------ reading


class Archive:
    """A checkpoint open for reading.

    Args:
        file: seekable.
        mapped: the whole file as an array of bytes in memory, if storages are to lie in it instead of being read.

    Raises:
        RuntimeError: it is no such archive.
    """

    def __init__(self, file: IO[bytes], mapped: Any = None) -> None:
        self.file = file
        self.mapped = mapped
        try:
            self.zip = zipfile.ZipFile(file)
            entries = self.zip.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, struct.error, NotImplementedError) as why:
            raise CheckpointError(f"PytorchStreamReader failed reading zip archive: {why}") from None
        self.length = file.seek(0, 2)
        self.root = entries[0].filename.split("/")[0] if entries else ""
        self.entries = {entry.filename: entry for entry in entries}

    def has(self, name: str) -> bool:
        return f"{self.root}/{name}" in self.entries

    def read(self, name: str) -> bytes:
        """A small entry, whole."""
        array: bytes = self.load(name).tobytes()
        return array

    def load(self, name: str) -> Any:
        """An entry as an array of bytes.

        Raises:
            RuntimeError: it is missing, lies outside the file, or its content does not fit its checksum.
        """
        entry = self.entries.get(f"{self.root}/{name}")
        if entry is None:
            raise CheckpointError(f"PytorchStreamReader failed locating file {name}: file not found")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise UnsupportedError(
                f"load: {name} is compressed or encrypted; PyTorch's files are not: unpack and save it again"
            )
        start = self._start(entry)
        array = self._mapped(start, entry.file_size) if self.mapped is not None else self._read(start, entry.file_size)
        # PyTorch can be told not to compute checksums, and then writes 0
        if len(array) != entry.file_size or (self.mapped is None and entry.CRC and zlib.crc32(array) != entry.CRC):
            raise CheckpointError(f"PytorchStreamReader failed reading file {name}: it is damaged")
        return array

    def _start(self, entry: zipfile.ZipInfo) -> int:
        """Where the entry's content begins. The header in front of it may be longer than the directory says."""
        within = 0 <= entry.header_offset < self.length
        self.file.seek(entry.header_offset if within else self.length)
        header = self.file.read(_LOCAL_HEADER.size)
        if len(header) != _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise CheckpointError("PytorchStreamReader failed reading zip archive: an entry's header is damaged")
        *_, name, extra = _LOCAL_HEADER.unpack(header)
        return entry.header_offset + _LOCAL_HEADER.size + int(name) + int(extra)

    def _mapped(self, start: int, size: int) -> Any:
        return self.mapped[start : start + size]

    def _read(self, start: int, size: int) -> Any:
        if start + size > self.length:  # before memory is asked for
            raise CheckpointError(
                "PytorchStreamReader failed reading zip archive: an entry reaches beyond the file's end"
            )
        self.file.seek(start)
        array = np.empty(size, np.uint8)
        view, done = memoryview(array), 0  # type: ignore[arg-type]
        if hasattr(self.file, "readinto"):
            while done < size and (count := self.file.readinto(view[done:])):
                done += count
        else:
            data = self.file.read(size)
            done = len(data)
            view[:done] = data
        return array[:done]
