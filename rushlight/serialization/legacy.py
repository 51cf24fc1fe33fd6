"""PyTorch's checkpoint file of before version 1.6: several pickles one after the other, then the storages' bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from .storages import CheckpointError, Storage, StorageType

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

Place = Callable[[Any, Any], Any]  # (location, array) -> the array, where it is to be
ReadPickle = Callable[[Callable[[Any], Any]], Any]


class Storages:
    """The storages of a file, which are known before their content comes."""

    def __init__(self, place: Place, limit: int) -> None:
        self.place = place
        self.limit = limit  # the file's length: no storage can be longer
        self.found: dict[str, Storage] = {}

    def __call__(self, name: Any) -> Storage:
        """`persistent_load`: ('storage', type, key, location, number of elements, None)."""
        if not (isinstance(name, tuple) and len(name) == 6 and name[0] in ("storage", b"storage")):
            raise CheckpointError(f"the pickle refers to {name!r}, which is no storage")
        _, kind, key, location, count, view = name
        if not isinstance(kind, StorageType) or type(count) is not int or not isinstance(key, (str, bytes)):
            raise CheckpointError(f"the pickle refers to {name!r}, which is no storage")
        key = key.decode() if isinstance(key, bytes) else key
        if not 0 <= count * kind.dtype.itemsize <= self.limit:
            raise CheckpointError(f"storage {key} is longer than the file")
        if key not in self.found:
            self.found[key] = Storage(self.place(location, np.zeros(count, kind.dtype.numpy)))
        return self._part(self.found[key], view)

    @staticmethod
    def _part(storage: Storage, view: Any) -> Storage:
        """A storage that is part of another: (key, offset, number of elements)."""
        if view is None:
            return storage
        if not (isinstance(view, tuple) and len(view) == 3 and all(type(n) is int and n >= 0 for n in view[1:])):
            raise CheckpointError(f"a storage is the part {view!r} of another")
        return Storage(storage.array[view[1] : view[1] + view[2]])


def load(file: IO[bytes], read_pickle: ReadPickle, place: Place) -> Any:
    """The object in a legacy file.

    Raises:
        RuntimeError: it is no such file, or damaged.
    """
    start = file.tell()
    limit = file.seek(0, 2)
    file.seek(start)
    storages = Storages(place, limit)
    if read_pickle(storages) != MAGIC_NUMBER:
        raise CheckpointError("Invalid magic number; corrupt file?")
    version = read_pickle(storages)
    if version != PROTOCOL_VERSION:
        raise CheckpointError(f"Invalid protocol version: {version}")
    info = read_pickle(storages)
    little = info.get("little_endian", True) if isinstance(info, dict) else True
    result = read_pickle(storages)
    keys = read_pickle(storages)
    for key in keys if isinstance(keys, list) else ():
        _fill(file, storages, key, little)
    return result


def _fill(file: IO[bytes], storages: Storages, key: Any, little: bool) -> None:
    """Reads one storage: the number of elements in 8 bytes, then the elements."""
    storage = storages.found.get(key) if isinstance(key, str) else None
    if storage is None:
        raise CheckpointError(f"there is content for storage {key!r}, which the pickle does not have")
    count = int.from_bytes(file.read(8), "little")
    data = file.read(storage.array.nbytes)
    if count != storage.array.size or len(data) != storage.array.nbytes:
        raise CheckpointError(f"storage {key} is damaged or cut short")
    array = np.frombuffer(data, storage.array.dtype)
    array = array if little == (sys.byteorder == "little") else array.byteswap()
    storage.array[...] = np.asarray(array, like=storage.array)
