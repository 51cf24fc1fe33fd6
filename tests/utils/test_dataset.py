"""Data sets made of data sets, and random splits with PyTorch's numbers."""

from __future__ import annotations

import pytest

import rushlight

torch = pytest.importorskip("torch")


def squares(library, count=5):
    class Squares(library.utils.data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, index):
            if not -count <= index < count:
                raise IndexError(index)
            return index * index

    return Squares()


def stream(library, *values):
    class Stream(library.utils.data.IterableDataset):
        def __iter__(self):
            return iter(values)

        def __len__(self):
            return len(values)

    return Stream()


def many(library, count=5):
    class Many(library.utils.data.Dataset):
        asked = 0

        def __len__(self):
            return count

        def __getitem__(self, index):
            raise AssertionError("asked one by one")

        def __getitems__(self, indices):
            type(self).asked += 1
            return [-i for i in indices]

    return Many()


def test_tensor_dataset(library, plain):
    data = library.utils.data.TensorDataset(library.arange(6).reshape(3, 2), library.arange(3))
    assert len(data) == 3 and plain(data[1]) == plain((library.tensor([2, 3]), library.tensor(1)))
    assert plain(data[0:2]) == plain((library.tensor([[0, 1], [2, 3]]), library.tensor([0, 1])))
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        library.utils.data.TensorDataset(library.zeros(2), library.zeros(3))


def test_concat_and_plus(library):
    d = library.utils.data
    joined = squares(library) + squares(library, 2)
    assert isinstance(joined, d.ConcatDataset) and len(joined) == 7 and joined.cumulative_sizes == [5, 7]
    assert [joined[i] for i in range(7)] == [0, 1, 4, 9, 16, 0, 1] and joined[-1] == 1 and joined[-7] == 0
    with pytest.raises(ValueError, match="absolute value of index"):
        joined[-8]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        d.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        d.ConcatDataset([stream(library, 1)])


def test_chain(library):
    chained = stream(library, 1, 2) + stream(library, 3)
    assert isinstance(chained, library.utils.data.ChainDataset) and list(chained) == [1, 2, 3] and len(chained) == 3
    mixed = library.utils.data.ChainDataset([stream(library, 1), squares(library)])
    numbers = iter(mixed)
    assert next(numbers) == 1
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        next(numbers)


def test_subset(library):
    part = library.utils.data.Subset(squares(library), [4, 1])
    assert len(part) == 2 and part[0] == 16 and part.__getitems__([1, 0, 1]) == [1, 16, 1]
    whole = many(library)
    assert library.utils.data.Subset(whole, [3, 2]).__getitems__([0, 1]) == [-3, -2] and whole.asked == 1
    tensors = library.utils.data.TensorDataset(library.arange(4))
    assert library.utils.data.Subset(tensors, [3, 2, 0])[[0, 1]][0].tolist() == [3, 2]


def test_a_subset_that_would_be_overlooked(library):
    class Halved(library.utils.data.Subset):
        def __getitem__(self, index):
            return super().__getitem__(index) / 2

    with pytest.raises(NotImplementedError, match="__getitems__"):
        Halved(squares(library), [1])


def test_stack(library):
    d = library.utils.data
    pairs = d.StackDataset(squares(library), many(library))
    assert len(pairs) == 5 and pairs.__getitems__([1, 2]) == [(1, -1), (4, -2)]
    named = d.StackDataset(a=squares(library), b=squares(library))
    assert named[3] == {"a": 9, "b": 9} and named.__getitems__([0, 2]) == [{"a": 0, "b": 0}, {"a": 4, "b": 4}]
    assert next(iter(d.DataLoader(named, batch_size=5)))["b"].tolist() == [0, 1, 4, 9, 16]
    for args, kwargs in (((), {}), ((named,), {"a": named}), ((squares(library), squares(library, 3)), {})):
        with pytest.raises(ValueError):
            d.StackDataset(*args, **kwargs)


def test_subclasses_must_say_what_they_hold(library):
    with pytest.raises(NotImplementedError):
        library.utils.data.Dataset()[0]
    assert library.utils.data.Dataset[int] is not None


LENGTHS = [[3, 4, 3], [0.5, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25], [10], [1.0], [0.9, 0.1], [10, 0]]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_random_split_draws_pytorchs_numbers(lengths):
    splits = []
    for library in (rushlight, torch):
        library.manual_seed(3)
        by_default = library.utils.data.random_split(range(10), lengths)
        generator = library.Generator().manual_seed(5)
        own = library.utils.data.random_split(range(10), lengths, generator=generator)
        splits.append([list(part.indices) for part in by_default + own])
    assert splits[0] == splits[1]


def test_random_split_refuses(library):
    split = library.utils.data.random_split
    with pytest.raises(ValueError, match="does not equal the length"):
        split(range(10), [3, 4])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        split(range(2), [0.5, 0.0, 0.5])
