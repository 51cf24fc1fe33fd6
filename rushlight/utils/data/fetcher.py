"""Fetchers: from what a sampler gave to a batch. The same code runs in the main process and in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .dataset import samples


@dataclass(frozen=True)
class Recipe:
    """What a batch is made of."""

    dataset: Any
    iterable: bool  # samples come one after the other, not by number
    batched: bool  # the sampler gives lists of numbers, not single ones
    collate_fn: Callable[[Any], Any]
    batch_size: int | None  # of an iterable data set
    drop_last: bool

    def fetcher(self) -> Numbered | Streamed:
        """A fetcher at the beginning of an epoch."""
        return Streamed(self) if self.iterable else Numbered(self)


class Numbered:
    """Fetches from a data set whose samples have numbers."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fetch(self, indices: Any) -> Any:
        """The batch (or single sample) of these numbers."""
        recipe = self.recipe
        return recipe.collate_fn(samples(recipe.dataset, indices) if recipe.batched else recipe.dataset[indices])

    def skip(self, count: int) -> None:
        """Nothing needs to be read for batches that are not wanted."""


class Streamed:
    """Fetches from an iterable data set.

    Raises:
        StopIteration: by `fetch`, at its end.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.stream: Iterator[Any] = iter(recipe.dataset)

    def fetch(self, indices: Any) -> Any:
        """The next batch (or single sample), whatever the sampler gave."""
        return self.recipe.collate_fn(self._read())

    def _read(self) -> Any:
        recipe = self.recipe
        if not recipe.batched:
            return next(self.stream)
        batch = list(islice(self.stream, recipe.batch_size))
        if not batch or (recipe.drop_last and len(batch) < recipe.batch_size):  # type: ignore[operator]
            raise StopIteration
        return batch

    def skip(self, count: int) -> None:
        """Reads over `count` batches, or to the end."""
        with suppress(StopIteration):
            for _ in range(count):
                self._read()
