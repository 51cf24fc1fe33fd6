"""The DataLoader: batches of a data set, epoch by epoch.

An epoch draws its seed when it begins and asks the sampler for numbers as it goes, in PyTorch's order, so the same seed
gives the same batches. Tensors in memory (a TensorDataset, or Subsets of one) need no samples: each batch is one take.
"""

from __future__ import annotations

import math
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from ... import random
from ...autograd.tape import wrap
from ...errors import ArgumentError, AssertError, DTypeError, UnsupportedError
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Subset, TensorDataset, samples
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed

T = TypeVar("T", covariant=True)
FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """None: samples are always loaded in the main process."""
    return None


# --------------------------------------------------------------------------------------------------- tensors in memory


def in_memory(dataset: Any) -> tuple[list[Any], Any] | None:
    """The arrays of a TensorDataset, and which of their rows are meant (None: all); None for any other data set."""
    if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
        plain = not hasattr(dataset, "__getitems__") and not any(t.requires_grad for t in dataset.tensors)
        return ([t._array for t in dataset.tensors], None) if plain else None
    found = in_memory(dataset.dataset) if type(dataset) is Subset else None
    if found is None:
        return None
    arrays, rows = found
    chosen = np.asarray(dataset.indices, np.int64)
    return arrays, chosen if rows is None else rows[chosen]


def array_batches(batches: BatchSampler) -> Iterator[Any]:
    """The batches of a BatchSampler over a plain sampler, as slices or arrays of numbers."""
    size, sampler = batches.batch_size, batches.sampler
    if type(sampler) is SequentialSampler:
        for start in range(0, len(sampler), size):
            if start + size <= len(sampler) or not batches.drop_last:
                yield slice(start, start + size)
    elif type(sampler) is RandomSampler:
        yield from _regrouped(sampler.parts(), size, batches.drop_last)
    else:
        yield from map(np.asarray, batches)


def _regrouped(parts: Iterator[Any], size: int, drop_last: bool) -> Iterator[Any]:
    """Arrays of any lengths, joined and cut anew into arrays of `size`; the next is drawn only when it is needed."""
    held = next(parts)
    while True:
        for start in range(0, len(held) - size + 1, size):
            yield held[start : start + size]
        held = held[len(held) - len(held) % size :]
        following = next(parts, None)
        if following is None:
            break
        held = np.concatenate([held, following]) if len(held) else following
    if len(held) and not drop_last:
        yield held


def take(array: Any, rows: Any) -> Any:
    """New memory with these rows of an array."""
    return array[rows].copy() if isinstance(rows, slice) else array.take(rows, axis=0)


def memory_batches(arrays: list[Any], chosen: Any, batches: Iterable[Any]) -> Iterator[list[Any]]:
    for rows in batches:
        rows = rows if chosen is None else chosen[rows]
        yield [wrap(take(array, rows)) for array in arrays]


# --------------------------------------------------------------------------------------------------------- the loader


class _Endless:
    """The sampler of an iterable data set: it has no numbers to give."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T]):
    """Batches of a data set; each `for` loop over it is an epoch.

    Args:
        dataset: with `__getitem__` and `__len__` (or a sampler given), or an IterableDataset.
        batch_size: samples per batch; None for single samples, not batched.
        shuffle: random order, another each epoch.
        sampler: numbers of the samples in order, in place of `shuffle`.
        batch_sampler: lists of numbers, in place of batch_size, shuffle, sampler and drop_last.
        num_workers: 0; loading in other processes is not supported.
        collate_fn: list of samples -> batch; None means `default_collate` (`default_convert` if batch_size is None).
        pin_memory: accepted; memory of the CPU needs no pinning. Warns, as PyTorch does without an accelerator.
        drop_last: leave out a last batch that is not full.
        generator: source of the shuffle and of the epoch's seed; None means the default generator.
        timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers, in_order,
            pin_memory_device: of worker processes; checked as PyTorch does.

    Raises:
        ValueError: arguments that exclude one another, or out of range. NotImplementedError: num_workers > 0.

    Example:
        >>> data = rushlight.utils.data.TensorDataset(rushlight.arange(5))
        >>> for (batch,) in rushlight.utils.data.DataLoader(data, batch_size=2):
        ...     print(batch)
        tensor([0, 1])
        tensor([2, 3])
        tensor([4])

    Source: the behaviour of torch.utils.data.DataLoader.
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable:
            _check_unspecified(shuffle, sampler, batch_sampler)
        _check_exclusive(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = self._default_sampler(dataset, bool(shuffle), generator)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._length_told: int | None = None  # of an iterable data set, once somebody asked
        self._initialized = True

    def _default_sampler(self, dataset: Any, shuffle: bool, generator: random.Generator | None) -> Iterable[Any]:
        if self._is_iterable:
            return _Endless()
        return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in FIXED:
            raise ArgumentError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """Batches in an epoch."""
        if not self._is_iterable:
            return len(self._index_sampler)  # type: ignore[arg-type]
        length = self._length_told = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    @property
    def _index_sampler(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        return Epoch(self)


class Epoch:
    """One pass over a DataLoader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.timeout != 0:
            raise AssertError("DataLoader: timeout is for worker processes, of which there are none; leave it 0")
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=3,
            )
        self.loader = loader
        indices = iter(loader._index_sampler)
        self._base_seed = draw_seed(loader.generator)  # torch: drawn even if no worker needs it
        self._batches = self._start(indices)
        self._told = loader._length_told if loader._is_iterable else None
        self._count = 0

    def _start(self, indices: Iterator[Any]) -> Iterator[Any]:
        loader = self.loader
        if loader._is_iterable:
            return _streamed(loader)
        if type(loader.batch_sampler) is BatchSampler and loader.collate_fn is default_collate:
            found = in_memory(loader.dataset)
            if found is not None:
                return memory_batches(*found, array_batches(loader.batch_sampler))
        return _fetched(loader, indices)

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Any:
        batch = next(self._batches)
        if self._told is not None:
            self._count += 1
            if self._count > self._told:
                warnings.warn(
                    f"Length of IterableDataset {self.loader.dataset} was reported to be {self._told}(when accessing "
                    f"len(dataloader)), but {self._count} samples have been fetched. ",
                    stacklevel=2,
                )
        return batch

    def __len__(self) -> int:
        return len(self.loader._index_sampler)  # type: ignore[arg-type]


def _fetched(loader: DataLoader[Any], indices: Iterator[Any]) -> Iterator[Any]:
    """Batches (or single samples) of the numbers that the sampler gives."""
    if loader.batch_sampler is None:
        return (loader.collate_fn(loader.dataset[i]) for i in indices)
    return (loader.collate_fn(samples(loader.dataset, batch)) for batch in indices)


def _streamed(loader: DataLoader[Any]) -> Iterator[Any]:
    """Batches (or single samples) of an iterable data set."""
    stream = iter(loader.dataset)
    if loader.batch_sampler is None:
        yield from map(loader.collate_fn, stream)
        return
    while batch := list(islice(stream, loader.batch_size)):
        if loader.drop_last and len(batch) < loader.batch_size:  # type: ignore[operator]
            return
        yield loader.collate_fn(batch)


# -------------------------------------------------------------------------------------------- checking the arguments


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ArgumentError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ArgumentError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ArgumentError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ArgumentError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ArgumentError("persistent_workers option needs num_workers > 0")
    if context is not None:
        _check_context(context, num_workers)
    if num_workers > 0:
        raise UnsupportedError(
            f"DataLoader: num_workers={num_workers} is not supported; leave it 0. Tensors in memory need no workers: "
            "put them into a TensorDataset, whose batches are one copy each"
        )


def _check_context(context: Any, num_workers: int) -> None:
    if num_workers == 0:
        raise ArgumentError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ArgumentError(
            f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
            f"multiprocessing_context={context!r}"
        )
    if not isinstance(context, (str, multiprocessing.context.BaseContext)):
        raise DTypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={context}"
        )


def _check_unspecified(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """An iterable data set has its own order."""
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _check_exclusive(batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    if sampler is not None and shuffle:
        raise ArgumentError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_sampler is None and batch_size is None and drop_last:
        raise ArgumentError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
