"""Samplers give PyTorch's numbers for the same seed, and leave the generators where PyTorch leaves them."""

from __future__ import annotations

import pytest

import rushlight

torch = pytest.importorskip("torch")

SAMPLERS = {
    "sequential": lambda d, g: d.SequentialSampler(range(7)),
    "random": lambda d, g: d.RandomSampler(range(7)),
    "random-generator": lambda d, g: d.RandomSampler(range(7), generator=g),
    "random-few": lambda d, g: d.RandomSampler(range(7), num_samples=3, generator=g),
    "random-many": lambda d, g: d.RandomSampler(range(7), num_samples=17, generator=g),
    "random-replacement": lambda d, g: d.RandomSampler(range(7), replacement=True, num_samples=80, generator=g),
    "random-64": lambda d, g: d.RandomSampler(range(1000), replacement=True, num_samples=64, generator=g),
    "random-large": lambda d, g: d.RandomSampler(range(40_000), generator=g),
    "subset": lambda d, g: d.SubsetRandomSampler([5, 3, 9, 1]),
    "subset-generator": lambda d, g: d.SubsetRandomSampler("abcdef", generator=g),
    "weighted": lambda d, g: d.WeightedRandomSampler([0.1, 0.0, 0.5, 3.0], 9),
    "weighted-once": lambda d, g: d.WeightedRandomSampler([0.1, 0.2, 0.5, 3.0], 4, replacement=False, generator=g),
    "batches": lambda d, g: d.BatchSampler(d.RandomSampler(range(10), generator=g), 4, False),
    "batches-full": lambda d, g: d.BatchSampler(d.RandomSampler(range(10)), 4, True),
    "distributed": lambda d, g: d.DistributedSampler(range(11), 3, 1, seed=2),
    "distributed-plain": lambda d, g: d.DistributedSampler(range(11), 4, 3, shuffle=False),
    "distributed-drop": lambda d, g: d.DistributedSampler(range(11), 4, 2, drop_last=True),
    "distributed-few": lambda d, g: d.DistributedSampler(range(2), 5, 4),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_numbers_equal_pytorchs(name):
    seen = []
    for library in (rushlight, torch):
        library.manual_seed(11)
        generator = library.Generator().manual_seed(12)
        sampler = SAMPLERS[name](library.utils.data, generator)
        epochs = [list(sampler), len(sampler), list(sampler)]
        after = [library.rand(2).tolist(), library.rand(2, generator=generator).tolist()]
        seen.append([epochs, after])
    assert seen[0] == seen[1]


def test_set_epoch():
    orders = []
    for library in (rushlight, torch):
        sampler = library.utils.data.DistributedSampler(range(11), 3, 1)
        sampler.set_epoch(4)
        orders.append(list(sampler))
    assert orders[0] == orders[1]


REFUSED = {
    "random of nothing": lambda d: d.RandomSampler([]),
    "num_samples": lambda d: d.RandomSampler(range(3), num_samples=-1),
    "replacement": lambda d: d.RandomSampler(range(3), replacement=1),
    "weights": lambda d: d.WeightedRandomSampler([[0.1]], 3),
    "weighted num_samples": lambda d: d.WeightedRandomSampler([0.1], True),
    "weighted replacement": lambda d: d.WeightedRandomSampler([0.1], 3, replacement=1),
    "batch_size": lambda d: d.BatchSampler(range(3), 0, False),
    "batch_size of another type": lambda d: d.BatchSampler(range(3), 2.0, False),
    "drop_last": lambda d: d.BatchSampler(range(3), 2, 1),
    "rank": lambda d: d.DistributedSampler(range(3), 2, 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_equal_pytorchs(name):
    failures = []
    for library in (rushlight, torch):
        try:
            REFUSED[name](library.utils.data)
        except Exception as failure:  # any class: the classes are compared
            failures.append(failure)
    assert len(failures) == 2 and isinstance(failures[0], type(failures[1])) and str(failures[0]) == str(failures[1])


def test_distributed_needs_a_group_or_to_be_told():
    with pytest.raises(ValueError, match="Default process group has not been initialized"):
        rushlight.utils.data.DistributedSampler(range(3))
