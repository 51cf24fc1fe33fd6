"""Samplers: the numbers of the samples of an epoch, in order; and batches of them.

Shuffles are PyTorch's for the same seed: a sampler without a generator of its own draws a seed from the default
generator at the start of each epoch, and the order from a new generator with that seed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from ... import random
from ...autograd.tape import wrap
from ...errors import ArgumentError, DTypeError
from ...tensor import Tensor

T = TypeVar("T", covariant=True)


def positive(value: Any, name: str) -> int:
    """`value` if it is an integer above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ArgumentError(f"{name} should be a positive integer value, but got {name}={value}")
    return value


def draw_seed(generator: random.Generator | None) -> int:
    """A seed of 63 bits, as PyTorch draws one for an epoch."""
    return int(random.random_integers(generator, ()))


class Sampler(Generic[T]):
    """The numbers of an epoch's samples. A subclass gives `__iter__`, and `__len__` for the DataLoader's length."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All numbers in random order, or random numbers.

    Args:
        data_source: the data set.
        replacement: draw each number from all, so that some come twice.
        num_samples: how many to draw; None means the size of the data set. Without replacement, numbers repeat only
            after all have come.
        generator: where to draw from; None means a new one for each epoch, seeded from the default generator.

    Raises:
        TypeError: replacement is no bool. ValueError: num_samples is no positive integer.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise DTypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        positive(self.num_samples, "num_samples")

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for part in self.parts():
            yield from part.tolist()

    def parts(self) -> Iterator[Any]:
        """The numbers as arrays, drawn as they are needed."""
        generator = self.generator or random.Generator().manual_seed(draw_seed(None))
        n = len(self.data_source)
        if self.replacement:  # torch: drawn 32 at a time
            for start in range(0, self.num_samples, 32):
                yield random.integers(generator, (min(32, self.num_samples - start),), np.int64, 0, n)
        else:
            for _ in range(self.num_samples // n):
                yield random.permutation(generator, n)
            # torch: drawn even if none of it is used, which a generator of the caller's shows
            yield random.permutation(generator, n)[: self.num_samples % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given numbers in random order.

    Args:
        indices: the numbers.
        generator: where to draw from; None means the default generator.
    """

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in random.permutation(self.generator, len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Random numbers from 0 to len(weights) - 1, each with a probability in proportion to its weight.

    Args:
        weights: (C,), at least 0.
        num_samples: how many to draw.
        replacement: whether a number may come twice.
        generator: where to draw from; None means the default generator.

    Raises:
        ValueError: num_samples is no positive integer, replacement no bool, or weights have not one dimension.
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:
        self.num_samples = positive(num_samples, "num_samples")
        if not isinstance(replacement, bool):
            raise ArgumentError(f"replacement should be a boolean value, but got replacement={replacement}")
        array = weights._array if isinstance(weights, Tensor) else np.asarray(weights)
        if array.ndim != 1:
            raise ArgumentError(f"weights should be a 1d sequence but given weights have shape {array.shape}")
        self.weights = wrap(array.astype(np.float64))
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = random.multinomial(self.generator, self.weights._array, self.num_samples, self.replacement)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` numbers from another sampler; the last may be shorter, or dropped.

    Raises:
        ValueError: batch_size is no positive integer, or drop_last no bool.

    Example:
        >>> list(rushlight.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = positive(batch_size, "batch_size")
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        size = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else math.ceil(size / self.batch_size)


class DistributedSampler(Sampler[int]):
    """The share of an epoch that is this process's, out of `num_replicas`.

    Args:
        num_replicas, rank: how many processes there are and which this is; the default group's if left out.
        shuffle: random order, the same in all processes; call `set_epoch` before each epoch to have another.
        seed: of that order.
        drop_last: drop samples so that shares are equal; otherwise some come twice.

    Raises:
        ValueError: the rank is out of range; one of the two is left out and there is no default group.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            from ...distributed.group import get_rank, get_world_size  # most programs compute in one process

            num_replicas = get_world_size() if num_replicas is None else num_replicas
            rank = get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ArgumentError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        surplus = num_replicas if drop_last and len(dataset) % num_replicas else 0
        self.num_samples = math.ceil((len(dataset) - surplus) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        if self.shuffle:
            order = random.permutation(random.Generator().manual_seed(self.seed + self.epoch), n).tolist()
        else:
            order = list(range(n))
        repeated = itertools.islice(itertools.cycle(order), self.total_size)  # cut short, or begun anew
        return itertools.islice(repeated, self.rank, None, self.num_replicas)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of this epoch."""
        self.epoch = epoch
