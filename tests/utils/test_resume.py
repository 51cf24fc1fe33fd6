"""A DataLoader's state, taken in the middle of an epoch: another loader gives exactly the rest, and later epochs."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import rushlight
from rushlight.utils.data.random_state import random_state, seed_all, set_random_state

DataLoader = rushlight.utils.data.DataLoader
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Draws(rushlight.utils.data.Dataset):
    """Samples that depend on every source of random numbers."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, rushlight.rand(1), random.random(), np.random.rand()


class Stream(rushlight.utils.data.IterableDataset):
    def __iter__(self):
        info = rushlight.utils.data.get_worker_info()
        start = random.random()
        for i in range(7 if info is None else 4 + 3 * info.id):
            yield i, start, rushlight.rand(1)


class Shuffled(rushlight.utils.data.Sampler):
    """A sampler of somebody's own, which shuffles by Python's random numbers."""

    def __len__(self):
        return 10

    def __iter__(self):
        numbers = list(range(10))
        random.shuffle(numbers)
        return iter(numbers)


def tensors():
    return rushlight.utils.data.TensorDataset(rushlight.arange(10))


def generator(seed):
    return rushlight.Generator().manual_seed(seed)


LOADERS = {
    "in memory": lambda: DataLoader(tensors(), batch_size=2, shuffle=True),
    "in memory, a generator": lambda: DataLoader(tensors(), batch_size=2, shuffle=True, generator=generator(3)),
    "draws": lambda: DataLoader(Draws(), batch_size=2, shuffle=True),
    "draws, seeded": lambda: DataLoader(Draws(), batch_size=2, shuffle=True, seed_per_batch=True),
    "own sampler": lambda: DataLoader(Draws(), batch_size=2, sampler=Shuffled()),
    "sampler's generator": lambda: DataLoader(
        Draws(), batch_size=2, sampler=rushlight.utils.data.RandomSampler(range(10), True, 9, generator(4))
    ),
    "weighted": lambda: DataLoader(
        Draws(), batch_size=2, sampler=rushlight.utils.data.WeightedRandomSampler(range(10), 10)
    ),
    "workers": lambda: DataLoader(Draws(), batch_size=2, shuffle=True, num_workers=2),
    "workers, seeded": lambda: DataLoader(Draws(), batch_size=2, shuffle=True, num_workers=2, seed_per_batch=True),
    "persistent": lambda: DataLoader(Draws(), batch_size=2, shuffle=True, num_workers=2, persistent_workers=True),
    "stream": lambda: DataLoader(Stream(), batch_size=2),
    "stream, workers": lambda: DataLoader(Stream(), batch_size=1, num_workers=2),
    "stream, persistent": lambda: DataLoader(Stream(), batch_size=1, num_workers=2, persistent_workers=True),
}


def plain(value):
    if isinstance(value, rushlight.Tensor):
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def epochs(loader, stop=None):
    """Batches of three epochs with draws of the caller's in between, or those up to `stop` batches and then the state
    of everything."""
    seen = []
    for _ in range(3):
        for batch in loader:
            seen.append(plain([batch, rushlight.rand(1)]))
            if len(seen) == stop:
                return seen, through_a_file(loader.state_dict()), random_state()
        seen.append("end")
        if len(seen) == stop:
            return seen, through_a_file(loader.state_dict()), random_state()
    return seen


def rest_of_epochs(loader, done):
    """What `epochs` would still have given after what is done."""
    seen = []
    for _ in range(3 - done.count("end")):
        for batch in loader:
            seen.append(plain([batch, rushlight.rand(1)]))
        seen.append("end")
    return seen


def through_a_file(state):
    """The state, which must consist of tensors and what JSON has."""
    tensors = []

    def named(value):
        if isinstance(value, rushlight.Tensor):
            tensors.append(value.clone())
            return {"tensor": len(tensors) - 1}
        return value

    def found(value):
        return tensors[value["tensor"]] if "tensor" in value else value

    def walk(value):
        if isinstance(value, dict):
            return {k: walk(v) for k, v in value.items()}
        return [walk(v) for v in value] if isinstance(value, list) else named(value)

    return json.loads(json.dumps(walk(state)), object_hook=found)


def start():
    seed_all(5, 0)


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stop", [2, 5, 6, 9])
def test_the_rest_is_what_it_would_have_been(name, stop):
    start()
    whole = epochs(LOADERS[name]())
    start()
    seen, state, numbers = epochs(LOADERS[name](), stop)
    assert seen == whole[:stop]
    seed_all(99, 0)
    loader = LOADERS[name]()
    loader.load_state_dict(state)
    set_random_state(numbers)
    assert whole[stop:] == rest_of_epochs(loader, seen)


def test_a_state_that_was_loaded_can_be_saved_again():
    loader = LOADERS["in memory"]()
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    rest = plain(list(batches))
    loader.load_state_dict(state)
    again = LOADERS["in memory"]()
    again.load_state_dict(loader.state_dict())
    assert plain(list(again)) == rest and len(rest) == 4


def test_numbered_samples_go_on_with_another_number_of_workers():
    def loader(workers):
        return DataLoader(range(10), batch_size=2, shuffle=True, num_workers=workers)

    for before, after in ((2, 0), (0, 2), (1, 2)):
        first = loader(before)
        batches = iter(first)
        next(batches)
        state = first.state_dict()
        rest = plain(list(batches))
        second = loader(after)
        second.load_state_dict(state)
        assert plain(list(second)) == rest


def test_streams_need_the_same_number():
    loader = LOADERS["stream"]()
    next(iter(batches := iter(loader)))
    state = loader.state_dict()
    del batches
    with pytest.raises(ValueError, match="this loader has 2"):
        LOADERS["stream, workers"]().load_state_dict(state)


def test_batches_without_an_order_have_no_state():
    loader = DataLoader(range(5), num_workers=1, in_order=False)
    batches = iter(loader)
    next(batches)
    with pytest.raises(NotImplementedError, match="in_order=True"):
        loader.state_dict()


def test_random_states_are_set_whole():
    seed_all(1, 2)
    random.gauss(0, 1)  # leaves a second one for later
    np.random.randn()
    state = through_a_file(random_state())
    expected = [random.gauss(0, 1), np.random.randn(), rushlight.randn(1).item(), random.random()]
    set_random_state(state)
    assert [random.gauss(0, 1), np.random.randn(), rushlight.randn(1).item(), random.random()] == expected
