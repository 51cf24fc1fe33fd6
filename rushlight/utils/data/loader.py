"""The DataLoader: batches of a data set, epoch by epoch.

An epoch draws its seed when it begins and asks the sampler for numbers as it goes, in PyTorch's order, so the same seed
gives the same batches. Where the batches are made is in epoch.py, what workers do in worker.py.
"""

from __future__ import annotations

import math
import multiprocessing
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from ... import gpu, random
from ...errors import ArgumentError
from .arguments import (
    check_exclusive,
    check_iteration,
    check_unspecified,
    check_workers,
    warn_of_many_workers,
)
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .epoch import Epoch, InMemory, InProcess, generator_states, set_generator_states
from .memory import in_memory
from .sampler import BatchSampler, RandomSampler, SequentialSampler

T = TypeVar("T", covariant=True)
FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


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
        num_workers: processes that make the batches; 0 for none. Data sets in memory (a TensorDataset, or Subsets of
            one) start none unless there is a worker_init_fn: taking a batch costs less than sending it.
        collate_fn: list of samples -> batch; None means `default_collate` (`default_convert` if batch_size is None).
        pin_memory: give batches in pinned memory, from which `.to("cuda")` copies while the program goes on. Warns, as
            PyTorch does, if there is no GPU.
        pin_memory_device: accepted, as in PyTorch, where it no longer has a meaning.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker before RuntimeError is raised; 0 for as long as all workers are alive.
        worker_init_fn: called with the worker's number in each worker before it loads anything.
        multiprocessing_context: start method of the workers ("fork", "spawn", "forkserver") or a context.
        generator: source of the shuffle and of the epoch's seed; None means the default generator.
        prefetch_factor: batches that each worker makes ahead of need; None means 2.
        persistent_workers: keep the workers from epoch to epoch.
        in_order: give batches in the sampler's order; False gives them as they come.
        seed_per_batch: random numbers drawn while a batch is made (from Rushlight's, Python's and NumPy's global
            generators) depend on the epoch's seed and the batch's number alone, so they are the same with any number of
            workers. PyTorch has no such argument: there, and here by default, worker i goes on from seed + i through
            all its batches, and without workers the main process's generators are drawn from.

    Raises:
        ValueError: arguments that exclude one another, or out of range. RuntimeError: on iteration, a worker is gone or
            did not answer in time. What a worker raised is raised again, with its traceback in the text.

    Example:
        >>> data = rushlight.utils.data.TensorDataset(rushlight.arange(5))
        >>> for (batch,) in rushlight.utils.data.DataLoader(data, batch_size=2):
        ...     print(batch)
        tensor([0, 1])
        tensor([2, 3])
        tensor([4])

    Source: the behaviour of torch.utils.data.DataLoader; of torchdata's StatefulDataLoader for `state_dict`.
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
        seed_per_batch: bool = False,
    ) -> None:
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self._is_iterable = isinstance(dataset, IterableDataset)
        if self._is_iterable:
            check_unspecified(shuffle, sampler, batch_sampler)
        check_exclusive(batch_size, shuffle, sampler, batch_sampler, drop_last)
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
        self.multiprocessing_context = (
            multiprocessing.get_context(multiprocessing_context)
            if isinstance(multiprocessing_context, str)
            else multiprocessing_context
        )
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.seed_per_batch = seed_per_batch
        self._epoch: Callable[[], Epoch | None] = lambda: None  # a weak reference to the last one begun
        self._pool: Any = None  # persistent workers
        self._saved_epoch: Any = None  # what the next epoch takes up
        self._saved_workers: Any = None
        self._length_told: int | None = None  # of an iterable data set, once somebody asked
        self._initialized = True
        warn_of_many_workers(num_workers)

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
        check_iteration(self.num_workers, self.timeout, self.prefetch_factor)
        if self.pin_memory and not gpu.count():
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=2,
            )
        saved, self._saved_epoch = self._saved_epoch, None
        epoch = self._kind_of_epoch()(self, saved)
        self._epoch = weakref.ref(epoch)
        return epoch

    def _kind_of_epoch(self) -> type[Epoch]:
        plain = type(self.batch_sampler) is BatchSampler and self.collate_fn is default_collate
        if plain and self.worker_init_fn is None and in_memory(self.dataset) is not None:
            return InMemory
        if self.num_workers == 0:
            return InProcess
        from .multiprocess import WithWorkers

        return WithWorkers

    # ------------------------------------------------------------------------------------------------- saving, resuming

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: how many batches of the epoch were taken, and all that the rest of them depends on.

        Returns:
            A nest of dicts and lists of Tensors, numbers and None, for `load_state_dict` of a loader made in the same
            way.

        Raises:
            NotImplementedError: batches come in no order (in_order=False) and an epoch is under way.

        Example:
            >>> data = rushlight.utils.data.TensorDataset(rushlight.arange(4))
            >>> loader = rushlight.utils.data.DataLoader(data, shuffle=True)
            >>> batches = iter(loader)
            >>> first, state = next(batches), loader.state_dict()
            >>> rest = [int(x) for (x,) in batches]
            >>> loader.load_state_dict(state)
            >>> rest == [int(x) for (x,) in loader]
            True
        """
        state = {"num_workers": self.num_workers, "generators": generator_states(self)}
        if self._saved_epoch is not None or self._saved_workers is not None:  # loaded, but not yet begun
            return {**state, "epoch": self._saved_epoch, "workers": self._saved_workers}
        epoch = self._epoch()
        if epoch is not None and not epoch.finished:
            return {**state, "epoch": epoch.state(), "workers": None}
        return {**state, "epoch": None, "workers": None if self._pool is None else self._pool.state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Lets the next `for` loop go on where `state_dict()` was called: it gives the batches that were left then.

        Samples with numbers are not loaded again; an iterable data set is read again up to that place. With
        another number of workers, the batches of numbered samples are the same too, but not random numbers drawn in
        them (unless by seed_per_batch).

        Raises:
            ValueError: an iterable data set, and another number of workers.
        """
        epoch, workers = state_dict["epoch"], state_dict["workers"]
        if state_dict["num_workers"] != self.num_workers:
            if self._is_iterable and epoch is not None:
                raise ArgumentError(
                    f"DataLoader.load_state_dict: the state is of num_workers={state_dict['num_workers']}, this loader "
                    f"has {self.num_workers}; an iterable data set goes on only with the same number"
                )
            workers = None
            if epoch is not None:
                turn = epoch["batches"] % max(self.num_workers, 1)
                epoch = {**epoch, "workers": None, "turn": turn, "anew": True}
        if self._pool is not None:
            self._pool.stop()
            self._pool = None
        self._epoch = lambda: None
        self._saved_epoch, self._saved_workers = epoch, workers
        set_generator_states(self, state_dict["generators"])
