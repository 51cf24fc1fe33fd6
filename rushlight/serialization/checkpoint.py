"""`save` and `load`: PyTorch's checkpoint files, written so that PyTorch reads them and read without running code."""

from __future__ import annotations

import io
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from .. import dtypes, gpu
from ..autograd.tape import wrap
from ..device import CPU, check_device, device
from ..errors import UnsupportedError
from ..kernels.places import moved
from . import archive, legacy
from .atomic import write_atomically
from .names import find
from .safetensors import load_safetensors
from .storages import CheckpointError, Storage, StorageType
from .unpickler import Reader, UnsafePickleError, is_allowed, names_in

MapLocation = Callable[[Any, str], Any] | device | str | dict[str, str] | None

_ADVICE = (
    "Weights only load failed. This file can still be loaded, to do so you have two options, do those steps only if "
    "you trust the source of the checkpoint. \n\t(1) Re-running `torch.load` with `weights_only` set to `False` will "
    "likely succeed, but it can result in arbitrary code execution. Do it only if you got the file from a trusted "
    "source.\n\t(2) "
    "Alternatively, to load with `weights_only=True` please check the recommended steps in the following error "
    "message.\n"
    "\tWeightsUnpickler error: "
)

_LIMIT_NAME = 200


# ------------------------------------------------------------------------------------------------------------- saving


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Writes `obj` (tensors, state dicts, any containers of them, anything that can be pickled) as PyTorch does.

    Tensors that share memory share it again when loaded. A file given by its path is written under another name,
    flushed
    and renamed, so that at no time half of it is there.

    Args:
        f: a path, or a file open for writing bytes.
        pickle_module: Python's pickle; others are refused.
        pickle_protocol: of the pickle inside.

    Raises:
        NotImplementedError: another pickle module, or the format of before version 1.6.
        AttributeError: f is neither a path nor a file. OSError: it can't be written.

    Example:
        >>> rushlight.save({"weight": rushlight.ones(2)}, "w.pt")
        >>> rushlight.load("w.pt")
        {'weight': tensor([1., 1.])}
    """
    if pickle_module is not pickle:
        raise UnsupportedError("save: only Python's own pickle is used; leave out pickle_module")
    if not _use_new_zipfile_serialization:
        raise UnsupportedError(
            "save: the format of before PyTorch 1.6 is only read; every later PyTorch reads what is written"
        )
    options = pickle_protocol, not _disable_byteorder_record
    if isinstance(f, (str, os.PathLike)):
        name = Path(f).stem[:_LIMIT_NAME] or "archive"
        write_atomically(f, lambda file: archive.write(file, obj, name, *options))
    elif hasattr(f, "write"):
        archive.write(f, obj, "archive", *options)
    else:
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")


# ------------------------------------------------------------------------------------------------------------ loading


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save`, PyTorch's or ours, wrote.

    Args:
        f: a path, or a file that can seek. A path that ends in .safetensors is read as such.
        map_location: where tensors go: a device, a dict from location to location, or a function (storage, location).
        pickle_module: another unpickler, with `weights_only=False` only.
        weights_only: by default and with True only tensors, containers, numbers, text and what `add_safe_globals`
        allows
            are made, and nothing that the file asks for is run. With False the file may run any code: for files that
            you
            trust only.
        mmap: leave storages in the file until they are used (copied on write); needs a path.
        pickle_load_args: `encoding` of text written by Python 2.

    Raises:
        pickle.UnpicklingError: the file asks for something that is not allowed. RuntimeError: it is damaged, or was
        saved
        on a GPU and no map_location given. EOFError: it is empty. FileNotFoundError.
    """
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if weights_only and set(pickle_load_args) - {"encoding"}:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    if isinstance(f, (str, os.PathLike)):
        if os.fspath(f).endswith(".safetensors"):
            where = _check_map(map_location)
            return {name: tensor.to(where) for name, tensor in load_safetensors(f).items()}
        with open(f, "rb") as file:
            mapped = np.memmap(f, np.uint8, "c") if mmap and os.path.getsize(f) else None
            return _load(file, map_location, pickle_module, weights_only, mapped, pickle_load_args)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    return _load(_seekable(f), map_location, pickle_module, weights_only, None, pickle_load_args)


def _seekable(f: Any) -> Any:
    if not all(hasattr(f, method) for method in ("read", "readline", "seek", "tell")):
        raise AttributeError(
            "You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like "
            "io.BytesIO and try to load from it instead."
        )
    return f


def _load(
    file: Any, map_location: Any, pickle_module: Any, weights_only: bool, mapped: Any, args: dict[str, Any]
) -> Any:
    place = file.tell()
    magic = file.read(4)
    file.seek(place)
    if not magic:
        raise EOFError("Ran out of input")
    unpickle = _Unpickle(pickle_module, weights_only, args)
    if magic == b"PK\x03\x04":
        return _load_archive(archive.Archive(_from_here(file, place), mapped), unpickle, map_location)
    if mapped is not None:
        raise CheckpointError(
            "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True)`"
        )
    _refuse_tar(file, place)
    return legacy.load(file, lambda storages: unpickle(file, storages), _Places(map_location).put)


def _from_here(file: Any, place: int) -> Any:
    """zipfile counts from the beginning of a file."""
    return file if place == 0 else io.BytesIO(file.read())


def _refuse_tar(file: IO[bytes], place: int) -> None:
    file.seek(place + 257)
    is_tar = file.read(5) == b"ustar"
    file.seek(place)
    if is_tar:
        raise UnsupportedError(
            "load: a tar archive of PyTorch before 0.1.10; load it with a later PyTorch and save it again"
        )


class _Unpickle:
    """Reads one pickle: by our own machine, or, if the user says so, by Python's, which runs what it is told to."""

    def __init__(self, module: Any, weights_only: bool, args: dict[str, Any]) -> None:
        self.module = pickle if module is None else module
        self.weights_only = weights_only
        self.args = {"encoding": "utf-8", **args}

    def __call__(self, file: Any, persistent_load: Callable[[Any], Any]) -> Any:
        if not self.weights_only:
            return self._trusting(file, persistent_load)
        try:
            return Reader(file, persistent_load, self.args["encoding"]).load()
        except UnsafePickleError as why:
            raise UnsafePickleError(_ADVICE + str(why)) from None

    def _trusting(self, file: Any, persistent_load: Callable[[Any], Any]) -> Any:
        module = self.module

        class Unpickler(module.Unpickler):  # type: ignore[misc, name-defined]
            def find_class(self, path: str, name: str) -> Any:
                if path.split(".")[0] != "torch":
                    return super().find_class(path, name)
                if (path, name) == ("torch.storage", "UntypedStorage"):
                    return StorageType(dtypes.uint8)
                return find(path, name)

            def persistent_load(self, name: Any) -> Any:
                return persistent_load(name)

        return Unpickler(file, **self.args).load()


# -------------------------------------------------------------------------------------------------------- storages


class _Places:
    """Where storages go: where they were saved, or where `map_location` says."""

    def __init__(self, map_location: Any) -> None:
        self.map_location = map_location

    def put(self, location: Any, array: Any) -> Any:
        """A storage that was saved at `location`, as an array on the device where it is to be."""
        location = location.decode() if isinstance(location, bytes) else location
        wanted = self.map_location
        if isinstance(wanted, dict):
            location = wanted.get(location, location)
        elif callable(wanted):
            mapped = wanted(wrap(array), location)
            if mapped is not None:
                return mapped._array
        elif wanted is not None:
            location = wanted
        if isinstance(location, str) and location.split(":")[0] == "cuda" and wanted is None:
            _check_gpu(location)
        return moved(array, check_device(location if isinstance(location, (device, int)) else str(location)))


def _check_gpu(location: str) -> None:
    """Raises unless the GPU on which something was saved is there."""
    there, number = gpu.count(), int(location.partition(":")[2] or 0)
    if not there:
        raise CheckpointError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you "
            "are running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to "
            "map your storages to the CPU."
        )
    if number >= there:
        raise CheckpointError(
            f"Attempting to deserialize object on CUDA device {number} but torch.cuda.device_count() is {there}. "
            "Please use torch.load with map_location to map your storages to an existing device."
        )


def _check_map(map_location: Any) -> device:
    if isinstance(map_location, dict) or callable(map_location):
        raise RuntimeError("load: a safetensors file takes a device for map_location, not a dict or a function")
    return CPU if map_location is None else check_device(map_location)


class _ArchiveStorages:
    """`persistent_load` of an archive: ('storage', type, key, location, number of elements)."""

    def __init__(self, source: archive.Archive, map_location: Any) -> None:
        self.source = source
        self.places = _Places(map_location)
        self.found: dict[str, Storage] = {}
        order = source.read("byteorder") if source.has("byteorder") else b"little"
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order.decode(errors='replace')}")
        self.swap = order.decode() != sys.byteorder

    def __call__(self, name: Any) -> Storage:
        if not (isinstance(name, tuple) and len(name) == 5 and name[0] in ("storage", b"storage")):
            raise CheckpointError(f"the pickle refers to {name!r}, which is no storage")
        _, kind, key, location, count = name
        if not isinstance(kind, StorageType) or not isinstance(key, str) or type(count) is not int:
            raise CheckpointError(f"the pickle refers to {name!r}, which is no storage")
        if key not in self.found:
            self.found[key] = Storage(self.places.put(location, self._array(key, kind, count)))
        return Storage(self.found[key].as_dtype(kind.dtype))

    def _array(self, key: str, kind: StorageType, count: int) -> Any:
        if count == 0:
            return np.empty(0, kind.dtype.numpy)
        data = self.source.load(f"data/{key}")
        if data.nbytes != count * kind.dtype.itemsize:
            raise CheckpointError(f"storage {key} has {data.nbytes} bytes, {count} of {kind.dtype.name} expected")
        array = data.view(kind.dtype.numpy)
        return array.byteswap() if self.swap else array


def _load_archive(source: archive.Archive, unpickle: _Unpickle, map_location: Any) -> Any:
    if source.has("constants.pkl"):
        raise UnsupportedError(
            "load: a TorchScript archive holds a program; save the module's state_dict() with PyTorch"
        )
    return unpickle(io.BytesIO(source.read("data.pkl")), _ArchiveStorages(source, map_location))


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The classes and functions that a checkpoint asks for and that `load` would refuse. Nothing of it is run.

    Raises:
        ValueError: it is no zip archive.
    """
    if not isinstance(f, (str, os.PathLike)):
        return _unsafe_names(_seekable(f))
    with open(f, "rb") as file:
        return _unsafe_names(file)


def _unsafe_names(file: Any) -> list[str]:
    try:
        data = archive.Archive(file).read("data.pkl")
    except CheckpointError:
        raise ValueError("Expected input to be a checkpoint returned by torch.save") from None
    return sorted(name for name in names_in(data) if not is_allowed(name))
