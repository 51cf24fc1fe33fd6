"""One pass over a DataLoader, and where it is, so that it can be taken up again. Here batches are made in this process;
multiprocess.py has them made by others.

An epoch that is taken up begins again under the random states in which it began, asks the sampler for the numbers of
the batches that are done, and then puts the random states back: so it gives what the interrupted one would have given.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ... import gpu
from . import random_state
from .fetcher import Recipe
from .memory import array_batches, memory_batches
from .pinning import pinned
from .sampler import draw_seed

if TYPE_CHECKING:
    from .loader import DataLoader

State = dict[str, Any]
END = object()


def _generators(loader: DataLoader[Any]) -> list[Any]:
    owners = loader, loader.sampler, loader.batch_sampler
    found = {id(g): g for g in (getattr(owner, "generator", None) for owner in owners) if g is not None}
    return list(found.values())


def generator_states(loader: DataLoader[Any]) -> list[Any]:
    """The states of the generators, besides the default one, that the loader's order is drawn from."""
    return [generator.get_state() for generator in _generators(loader)]


def set_generator_states(loader: DataLoader[Any], states: list[Any]) -> None:
    """Sets what `generator_states` gave."""
    for generator, state in zip(_generators(loader), states):
        generator.set_state(state)


@contextmanager
def _as_it_began(loader: DataLoader[Any], saved: State | None) -> Iterator[None]:
    """A block in which all random numbers are those of the beginning of a saved epoch."""
    if saved is None:
        yield
        return
    now = generator_states(loader)
    with random_state.kept():
        random_state.set_random_state(saved["began"])
        set_generator_states(loader, saved["generators_began"])
        yield
    set_generator_states(loader, now)


class Epoch:
    """One pass over a DataLoader; a subclass says how a batch comes about.

    Args:
        loader: the DataLoader.
        saved: what `state()` gave, to go on from there.
    """

    base_seed: int

    def __init__(self, loader: DataLoader[Any], saved: State | None = None) -> None:
        self.loader = loader
        self.recipe = Recipe(
            loader.dataset,
            loader._is_iterable,
            loader.batch_sampler is not None,
            loader.collate_fn,
            loader.batch_size,
            loader.drop_last,
        )
        self.done = saved["batches"] if saved else 0
        self.finished = False
        self._pins = loader.pin_memory and gpu.count() > 0
        self._told = loader._length_told if loader._is_iterable else None
        self._began = saved["began"] if saved else random_state.random_state()
        self._generators_began = saved["generators_began"] if saved else generator_states(loader)
        with _as_it_began(loader, saved):
            self._indices = iter(loader._index_sampler)
            self._begin(saved)

    def _begin(self, saved: State | None) -> None:
        """Draws the epoch's seed, passes over the batches that are done, and prepares the next ones."""
        raise NotImplementedError

    def _next(self) -> Any:
        """The next batch, or StopIteration."""
        raise NotImplementedError

    def _pass_over(self, numbers: Iterator[Any]) -> None:
        for _ in range(self.done):
            next(numbers, END)

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Any:
        try:
            batch = self._next()
        except StopIteration:
            self.finished = True
            raise
        self.done += 1
        if self._pins:
            batch = pinned(batch)
        if self._told is not None and self.done > self._told:
            self._warn_of_length()
        return batch

    def _warn_of_length(self) -> None:
        advice = "Is the stream divided among the workers by get_worker_info()?" if self.loader.num_workers else ""
        warnings.warn(
            f"Length of IterableDataset {self.loader.dataset} was reported to be {self._told}(when accessing "
            f"len(dataloader)), but {self.done} samples have been fetched. {advice}",
            stacklevel=3,
        )

    def __len__(self) -> int:
        return len(self.loader._index_sampler)  # type: ignore[arg-type]

    def state(self) -> State:
        """Where this epoch began and how far it is."""
        return {
            "batches": self.done,
            "base_seed": self.base_seed,
            "began": self._began,
            "generators_began": self._generators_began,
        }


class InProcess(Epoch):
    """Batches made in this process, when they are asked for."""

    def _begin(self, saved: State | None) -> None:
        self.base_seed = draw_seed(self.loader.generator)  # torch: drawn even if no worker needs it
        self._pass_over(self._indices)
        self._fetcher = self.recipe.fetcher()
        self._fetcher.skip(self.done)

    def _next(self) -> Any:
        indices = next(self._indices)
        if not self.loader.seed_per_batch:
            return self._fetcher.fetch(indices)
        with random_state.kept():
            random_state.seed_all(self.base_seed, self.done)
            return self._fetcher.fetch(indices)


class InMemory(Epoch):
    """Batches of arrays in memory."""

    def _begin(self, saved: State | None) -> None:
        self.base_seed = draw_seed(self.loader.generator)
        rows = array_batches(self.loader.batch_sampler)  # type: ignore[arg-type]
        self._pass_over(rows)
        self._batches = memory_batches(self.loader.dataset, rows)

    def _next(self) -> Any:
        return next(self._batches)
