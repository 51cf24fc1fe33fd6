"""The DataLoader gives PyTorch's batches in PyTorch's order, also where it takes them from memory at once."""

from __future__ import annotations

import time

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")


def tensors(library, count=10):
    x = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    return library.utils.data.TensorDataset(library.from_numpy(x), library.from_numpy(np.arange(count)))


def listed(library):
    """The same samples as `tensors`, but not in memory as one block."""
    data = tensors(library)
    return [data[i] for i in range(len(data))]


def subset(library):
    d = library.utils.data
    return d.Subset(d.Subset(tensors(library), [9, 3, 4, 0, 7, 7, 2]), [0, 2, 3, 4, 6])


def stream(library, count=10):
    class Stream(library.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(count))

    return Stream()


DATA = {"tensors": tensors, "list": listed, "subset": subset}
OPTIONS = {
    "plain": {"batch_size": 4},
    "one": {},
    "shuffle": {"batch_size": 4, "shuffle": True},
    "shuffle-drop": {"batch_size": 4, "shuffle": True, "drop_last": True},
    "drop": {"batch_size": 3, "drop_last": True},
    "whole": {"batch_size": 100, "shuffle": True},
    "single": {"batch_size": None, "shuffle": True},
    "batch_sampler": {"batch_sampler": [[3, 1], [0]]},
    "sampler": {"sampler": [4, 0, 2], "batch_size": 2},
    "collate_fn": {"batch_size": 4, "shuffle": True, "collate_fn": len},
}


def epochs(library, data, **options):
    """Two epochs, with draws of the caller's between batches, and where the generators are afterwards."""
    library.manual_seed(7)
    loader = library.utils.data.DataLoader(data(library), **options)
    seen = []
    for _ in range(2):
        for batch in loader:
            seen.append(batch)
            seen.append(library.rand(1))
    return [*seen, len(loader), library.rand(1)]


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_batches_equal_pytorchs(data, options, plain):
    assert plain(epochs(rushlight, data, **options)) == plain(epochs(torch, data, **options))


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("batch_size", [2, 4, 5, None])
def test_a_generator_of_ones_own(data, batch_size, plain):
    seen = []
    for library in (rushlight, torch):
        generator = library.Generator().manual_seed(3)
        loader = library.utils.data.DataLoader(data(library), batch_size=batch_size, shuffle=True, generator=generator)
        seen.append([])
        for _ in range(2):
            for batch in loader:
                seen[-1] += [batch, library.rand(1, generator=generator)]
        seen[-1].append(library.rand(2, generator=generator))
    assert plain(seen[0]) == plain(seen[1])


@pytest.mark.parametrize("kind", ["replacement", "many", "few", "subset", "weighted", "distributed"])
def test_samplers_through_the_loader(kind, plain):
    seen = []
    for library in (rushlight, torch):
        d = library.utils.data
        library.manual_seed(5)
        data = tensors(library)
        sampler = {
            "replacement": lambda: d.RandomSampler(data, replacement=True, num_samples=70),
            "many": lambda: d.RandomSampler(data, num_samples=23),
            "few": lambda: d.RandomSampler(data, num_samples=3),
            "subset": lambda: d.SubsetRandomSampler([3, 4, 5]),
            "weighted": lambda: d.WeightedRandomSampler(range(10), 20),
            "distributed": lambda: d.DistributedSampler(data, 3, 0),
        }[kind]()
        seen.append([list(d.DataLoader(data, batch_size=4, sampler=sampler)), library.rand(1)])
    assert plain(seen[0]) == plain(seen[1])


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None}, {"batch_size": 5}],
    ids=str,
)
def test_streams(options, plain):
    assert plain(epochs_of_stream(rushlight, options)) == plain(epochs_of_stream(torch, options))


def epochs_of_stream(library, options):
    library.manual_seed(7)
    loader = library.utils.data.DataLoader(stream(library), **options)
    return [*loader, *loader, library.rand(1)]


def test_the_length_of_a_stream(library):
    data = stream(library)
    loader = library.utils.data.DataLoader(data, batch_size=4)
    with pytest.raises(TypeError):
        len(loader)
    type(data).__len__ = lambda self: 2
    assert len(library.utils.data.DataLoader(data, batch_size=4, drop_last=True)) == 0
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="samples have been fetched"):
        list(loader)


def test_batches_are_copies():
    for options in ({}, {"shuffle": True}):
        data = tensors(rushlight)
        for x, _ in rushlight.utils.data.DataLoader(data, batch_size=4, **options):
            x.zero_()
        assert data.tensors[0].sum().item() == sum(range(30))


def test_what_is_no_plain_tensor_dataset_is_asked_for_its_samples(plain):
    """A subclass with its own samples, and tensors that require grad."""

    class Doubled(rushlight.utils.data.TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * t for t in super().__getitem__(index))

    doubled = Doubled(rushlight.arange(4))
    (batch,) = rushlight.utils.data.DataLoader(doubled, batch_size=4)
    assert batch[0].tolist() == [0, 2, 4, 6]
    w = rushlight.ones(4, 2, requires_grad=True)
    ((rows,),) = rushlight.utils.data.DataLoader(rushlight.utils.data.TensorDataset(w), batch_size=4)
    rows.sum().backward()
    assert w.grad.tolist() == [[1, 1]] * 4


def test_many_samples_at_once(library):
    class Many(library.utils.data.Dataset):
        def __len__(self):
            return 5

        def __getitems__(self, indices):
            assert isinstance(indices, list)
            return [(i, 10 * i) for i in indices]

    batches = list(library.utils.data.DataLoader(Many(), batch_size=3))
    assert [b.tolist() for b in batches[1]] == [[3, 4], [30, 40]]


REFUSED = {
    "negative workers": {"num_workers": -1},
    "negative timeout": {"timeout": -1},
    "prefetch without workers": {"prefetch_factor": 2},
    "negative prefetch": {"num_workers": 1, "prefetch_factor": -2},
    "persistent without workers": {"persistent_workers": True},
    "context without workers": {"multiprocessing_context": "fork"},
    "unknown context": {"num_workers": 1, "multiprocessing_context": "thread"},
    "no context": {"num_workers": 1, "multiprocessing_context": 3},
    "sampler and shuffle": {"sampler": [1], "shuffle": True},
    "batch_sampler and batch_size": {"batch_sampler": [[1]], "batch_size": 2},
    "batch_sampler and drop_last": {"batch_sampler": [[1]], "drop_last": True},
    "no batches and drop_last": {"batch_size": None, "drop_last": True},
    "batch_size": {"batch_size": 0},
    "drop_last": {"drop_last": None},
}


def failure(library, data, **options):
    try:
        list(library.utils.data.DataLoader(data(library), **options))
    except Exception as failed:  # any class: the classes are compared
        return failed
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_equal_pytorchs(name):
    ours, theirs = failure(rushlight, tensors, **REFUSED[name]), failure(torch, tensors, **REFUSED[name])
    assert isinstance(ours, type(theirs)) and str(ours) == str(theirs)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}], ids=str)
def test_streams_have_their_own_order(options):
    ours, theirs = failure(rushlight, stream, **options), failure(torch, stream, **options)
    assert isinstance(ours, ValueError) and str(ours) == str(theirs)


def test_shuffling_nothing_is_refused(library):
    with pytest.raises(ValueError, match="num_samples=0"):
        library.utils.data.DataLoader([], shuffle=True)
    assert list(library.utils.data.DataLoader([], batch_size=3)) == []


def test_what_cannot_be_changed(library):
    loader = library.utils.data.DataLoader([1, 2, 3])
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match=f"{name} attribute should not be set"):
            setattr(loader, name, None)
    loader.collate_fn = lambda batch: "mine"
    assert next(iter(loader)) == "mine"


def test_pinning_warns(library):
    loader = library.utils.data.DataLoader([1, 2, 3], pin_memory=True)
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert len(list(loader)) == 3


def test_timeout_is_for_workers(library):
    with pytest.raises(AssertionError):
        iter(library.utils.data.DataLoader([1, 2, 3], timeout=1))


def test_two_epochs_at_once(library):
    loader = library.utils.data.DataLoader([1, 2, 3])
    first, second = iter(loader), iter(loader)
    assert next(first).item() == next(second).item() == 1 and len(first) == 3


def test_batches_from_memory_are_fast():
    """Printed, not judged."""
    x = rushlight.from_numpy(np.zeros((60_000, 784), np.float32))
    y = rushlight.from_numpy(np.zeros(60_000, np.int64))
    loader = rushlight.utils.data.DataLoader(rushlight.utils.data.TensorDataset(x, y), batch_size=64, shuffle=True)
    start = time.perf_counter()
    count = sum(1 for _ in loader)
    print(f"{(time.perf_counter() - start) / count * 1e6:.1f} us per batch of 64 x 784")
    assert count == 938


def test_an_order_that_a_program_puts_in_place_is_followed(monkeypatch):
    data = rushlight.utils.data
    monkeypatch.setattr(data.RandomSampler, "__iter__", lambda self: iter([2, 0, 1]))
    monkeypatch.setattr(data.SequentialSampler, "__iter__", lambda self: iter([1, 2, 0]))
    for shuffle, order in ((True, [2, 0, 1]), (False, [1, 2, 0])):
        loader = data.DataLoader(data.TensorDataset(rushlight.arange(3)), batch_size=3, shuffle=shuffle)
        assert next(iter(loader))[0].tolist() == order
