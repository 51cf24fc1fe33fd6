"""Data sets: samples by number (`Dataset`) or one after the other (`IterableDataset`), and data sets made of data sets.

A data set may offer `__getitems__(indices)`, the list of the samples with these numbers, which the DataLoader prefers
to asking for them one by one.
"""

from __future__ import annotations

import itertools
import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ... import random
from ...errors import ArgumentError, AssertError, UnsupportedError

T = TypeVar("T", covariant=True)


def _check(fits: bool, message: str) -> None:
    """Raises what PyTorch's asserts raise."""
    if not fits:
        raise AssertError(message)


class Dataset(Generic[T]):
    """Samples by number. A subclass gives `__getitem__`, and `__len__` for samplers to know the numbers.

    Example:
        >>> class Squares(rushlight.utils.data.Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         return index * index
        >>> list(rushlight.utils.data.DataLoader(Squares(), batch_size=4))
        [tensor([0, 1, 4, 9])]
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Samples one after the other, as from a stream. A subclass gives `__iter__`."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Tensors with the same first size N: sample i is the tuple of their i-th entries.

    Raises:
        AssertionError: the first sizes differ.

    Example:
        >>> data = rushlight.utils.data.TensorDataset(rushlight.zeros(3, 2), rushlight.arange(3))
        >>> data[1]
        (tensor([0., 0.]), tensor(1))
    """

    tensors: tuple[Any, ...]

    def __init__(self, *tensors: Any) -> None:
        _check(all(t.size(0) == tensors[0].size(0) for t in tensors), "Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


def samples(dataset: Any, indices: Sequence[Any]) -> Any:
    """The samples with these numbers, at once if the data set can."""
    many = getattr(dataset, "__getitems__", None)
    return many(indices) if callable(many) else [dataset[i] for i in indices]


class Subset(Dataset[T]):
    """The samples of a data set that have the numbers in `indices`.

    Raises:
        NotImplementedError: a subclass overrides `__getitem__` alone, which the DataLoader would not notice.
    """

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise UnsupportedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__. Override __getitems__(self, indices) too, "
                "for instance by `return [self[i] for i in indices]`: the DataLoader calls it."
            )

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        return samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


class StackDataset(Dataset[Any]):
    """Data sets of one length side by side: sample i is the tuple (given by keyword: the dict) of their i-th samples.

    Raises:
        ValueError: no data sets, both kinds of arguments, or lengths that differ.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ArgumentError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both "
                "types are given."
            )
        if not args and not kwargs:
            raise ArgumentError("At least one dataset should be passed")
        self.datasets: Any = args or kwargs
        self._length = len(self._parts()[0])
        if any(len(dataset) != self._length for dataset in self._parts()):
            raise ArgumentError("Size mismatch between datasets")

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _assembled(self, parts: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, parts)) if isinstance(self.datasets, dict) else tuple(parts)

    def __getitem__(self, index: Any) -> Any:
        return self._assembled([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        columns = [samples(dataset, indices) for dataset in self._parts()]
        for column in columns:
            if len(column) != len(indices):
                raise ArgumentError(
                    f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(column)}"
                )
        return [self._assembled(parts) for parts in zip(*columns)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Any]):
    """Data sets one behind the other.

    Raises:
        AssertionError: no data sets, or one that cannot be numbered.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        _check(bool(self.datasets), "datasets should not be an empty iterable")
        for dataset in self.datasets:
            _check(not isinstance(dataset, IterableDataset), "ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Where each data set ends."""
        return list(itertools.accumulate(map(len, sequence)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < -len(self):
            raise ArgumentError("absolute value of index should not exceed dataset length")
        index = index + len(self) if index < 0 else index
        place = bisect_right(self.cumulative_sizes, index)
        return self.datasets[place][index - (self.cumulative_sizes[place - 1] if place else 0)]


class ChainDataset(IterableDataset[Any]):
    """Iterable data sets one behind the other.

    Raises:
        AssertionError: on iteration, one that is not iterable.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            _check(isinstance(dataset, IterableDataset), "ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._checked())

    def __len__(self) -> int:
        return sum(map(len, self._checked()))


def random_split(
    dataset: Dataset[T], lengths: Sequence[float], generator: random.Generator | None = None
) -> list[Subset[T]]:
    """Subsets of these sizes with no sample in two of them, drawn at random.

    Args:
        lengths: numbers of samples that add up to the data set's, or fractions that add up to 1 (each is rounded down,
            and what is left goes to the first ones, one each).
        generator: where to draw from; None means the default generator.

    Raises:
        ValueError: the lengths do not add up, or a fraction is not in [0, 1].

    Example:
        >>> parts = rushlight.utils.data.random_split(range(10), [0.7, 0.3])
        >>> [len(part) for part in parts]
        [7, 3]
    """
    total: int = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _sizes_of(lengths, total)
    if sum(lengths) != total:
        raise ArgumentError("Sum of input lengths does not equal the length of the input dataset!")
    order = random.permutation(generator, total).tolist()
    ends = list(itertools.accumulate(int(n) for n in lengths))
    return [Subset(dataset, order[end - int(n) : end]) for n, end in zip(lengths, ends)]


def _sizes_of(fractions: Sequence[float], total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(f"Fraction at index {i} is not between 0 and 1")
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=3)
    return sizes
