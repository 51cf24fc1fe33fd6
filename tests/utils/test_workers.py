"""Loading in worker processes: PyTorch's batches, order and random numbers; failures that are told and never hang."""

from __future__ import annotations

import gc
import inspect
import mmap
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rushlight
from rushlight.utils.data.worker import ExceptionWrapper

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these tests hand data sets to workers by fork")
DataLoader = rushlight.utils.data.DataLoader


@pytest.fixture(autouse=True)
def no_child_is_left():
    yield
    if multiprocessing.active_children():
        gc.collect()
    assert not [p for p in multiprocessing.active_children() if p.name.startswith("Fork")]


def draws(library, count=10):
    """Samples that depend on every source of random numbers."""

    class Draws(library.utils.data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, index):
            return index, library.rand(1), library.randn(2), random.random(), np.random.rand()

    return Draws()


def streams(library, sizes):
    """An iterable data set that each worker has another part of."""

    class Streams(library.utils.data.IterableDataset):
        def __iter__(self):
            info = library.utils.data.get_worker_info()
            for i in range(sizes[info.id if info else 0]):
                yield 100 * (info.id if info else 0) + i, library.rand(1)

    return Streams()


def epochs(library, data, count=2, **options):
    library.manual_seed(7)
    loader = library.utils.data.DataLoader(data, multiprocessing_context="fork", **options)
    seen = []
    for _ in range(count):
        for batch in loader:
            seen += [batch, library.rand(1)]
    return [*seen, library.rand(1)]


OPTIONS = {
    "one": {"num_workers": 1, "batch_size": 3, "shuffle": True},
    "two": {"num_workers": 2, "batch_size": 3, "shuffle": True},
    "persistent": {"num_workers": 2, "batch_size": 2, "shuffle": True, "persistent_workers": True},
    "prefetch": {"num_workers": 2, "prefetch_factor": 5, "drop_last": True, "batch_size": 4},
    "single": {"num_workers": 2, "batch_size": None},
}


@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_order_and_random_numbers_equal_pytorchs(options, plain):
    ours, theirs = (epochs(library, draws(library), **options) for library in (rushlight, torch))
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ((5, 5), {"num_workers": 2, "batch_size": 2}),
        ((2, 7), {"num_workers": 2, "batch_size": 2, "drop_last": True, "persistent_workers": True}),
        ((1, 4), {"num_workers": 2, "batch_size": None}),
    ],
    ids=str,
)
def test_streams_equal_pytorchs(sizes, options, plain):
    ours, theirs = (epochs(library, streams(library, sizes), **options) for library in (rushlight, torch))
    assert plain(ours) == plain(theirs)


def test_a_seed_per_batch_gives_the_same_with_any_number_of_workers(plain):
    seen = []
    for workers in (0, 1, 2):
        rushlight.manual_seed(3)
        random.seed(3)
        options = {"batch_size": 3, "shuffle": True, "seed_per_batch": True, "num_workers": workers}
        seen.append([*DataLoader(draws(rushlight), **options), rushlight.rand(1), random.random()])
    assert plain(seen[0]) == plain(seen[1]) == plain(seen[2])
    assert len({sample.item() for batch in seen[0][:4] for sample in batch[3]}) == 10  # no batch repeats another's


def test_samples_in_no_order_are_all_there():
    class Slow(rushlight.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            time.sleep(0.2 if index == 0 else 0)
            return index

    seen = [batch.item() for batch in DataLoader(Slow(), num_workers=2, in_order=False)]
    assert sorted(seen) == list(range(8)) and seen[0] != 0


class Told:
    """What a worker knows of itself."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = rushlight.utils.data.get_worker_info()
        return info.id, info.num_workers, info.seed, info.dataset.mark, os.getpid(), rushlight.get_num_threads()


def mark(worker):
    rushlight.utils.data.get_worker_info().dataset.mark = 10 + worker


def test_what_a_worker_knows():
    generator = rushlight.Generator().manual_seed(1)
    loader = DataLoader(
        Told(), batch_size=None, collate_fn=tuple, num_workers=2, worker_init_fn=mark, generator=generator
    )
    (a, b, *_) = list(loader)
    assert a[:2] == (0, 2) and b[:2] == (1, 2) and b[2] == a[2] + 1 and (a[3], b[3]) == (10, 11)
    assert a[4] != b[4] != os.getpid() and a[5] == b[5] == 1
    assert rushlight.utils.data.get_worker_info() is None


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


ERRORS = [ValueError("bad"), KeyError("k"), IndexError(), OddError(1, 2)]


@pytest.mark.parametrize("where", ["sample", "collate_fn", "worker_init_fn"])
def test_errors_come_back_with_their_traceback(where):
    error = ValueError("bad")

    def fails(argument):
        raise error

    data = type("D", (), {"__len__": lambda self: 4, "__getitem__": lambda self, i: fails(i)})()
    options = {} if where == "sample" else {where: fails}
    with pytest.raises(ValueError) as caught:
        list(DataLoader(data if where == "sample" else range(4), num_workers=1, **options))
    text = str(caught.value)
    assert text.startswith("Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most")
    assert "in fails\n    raise error" in text


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_are_wrapped_as_pytorch_wraps_them(error):
    try:
        raise error
    except Exception:
        theirs, ours = torch._utils.ExceptionWrapper(where="here"), ExceptionWrapper(error, "here")
    seen = []
    for wrapper in (theirs, ours):
        with pytest.raises((type(error), RuntimeError)) as caught:
            wrapper.reraise()
        seen.append((caught.type, str(caught.value)))
    assert seen[0] == seen[1]


def test_after_an_error_the_next_batch_comes(library):
    data = type("D", (), {"__len__": lambda self: 4, "__getitem__": lambda self, i: 1 // (i - 1)})()
    batches = iter(library.utils.data.DataLoader(data, num_workers=2))
    assert next(batches).item() == -1
    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 1"):
        next(batches)
    assert [b.item() for b in batches] == [1, 0]


def test_an_exception_of_a_class_that_cannot_be_sent():
    class Local(Exception):
        pass

    def collate(batch):
        raise Local("here")

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0"):
        list(DataLoader(range(3), num_workers=1, collate_fn=collate))


def test_a_batch_that_cannot_be_sent_is_told():
    with pytest.raises((TypeError, AttributeError, RuntimeError), match="in DataLoader worker process 0"):
        list(DataLoader(range(3), num_workers=1, collate_fn=lambda batch: lambda: batch))


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_worker_that_is_gone_is_told_at_once(how):
    class Deadly(rushlight.utils.data.Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            if index == 5:
                os.kill(os.getpid(), signal.SIGKILL) if how == "kill" else os._exit(3)
            return index

    start, seen = time.monotonic(), []
    reason = "killed by signal SIGKILL" if how == "kill" else "exit code 3"
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: {reason}"):
        for batch in DataLoader(Deadly(), num_workers=2):
            seen.append(batch.item())
    assert seen[:3] == [0, 1, 2] and time.monotonic() - start < 4


def test_an_idle_worker_that_is_killed_is_told_when_it_is_needed():
    batches = iter(DataLoader(range(100), num_workers=2))
    assert next(batches).item() == 0
    victim = batches.pool.workers[1].process
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(5)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)


def test_a_worker_that_hangs_is_told_after_the_timeout():
    class Hanging(rushlight.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            time.sleep(1000)

    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.3 seconds"):
        list(DataLoader(Hanging(), num_workers=2, timeout=0.3))
    assert time.monotonic() - start < 4


def test_leaving_early_ends_the_workers():
    batches = iter(DataLoader(range(100), num_workers=2))
    next(batches)
    processes = [worker.process for worker in batches.pool.workers]
    del batches
    assert all(process.exitcode == 0 for process in processes)


def test_persistent_workers_are_the_same_processes():
    loader = DataLoader(
        Told(), batch_size=None, num_workers=2, worker_init_fn=mark, persistent_workers=True, collate_fn=tuple
    )
    first = iter(loader)
    next(first)  # and leave the rest: it must not turn up in the next epoch
    pids = [[row[4] for row in loader] for _ in range(2)]
    assert pids[0] == pids[1] and len(set(pids[0])) == 2 and len(pids[0]) == 4
    with pytest.raises(RuntimeError, match="another epoch"):
        next(first)


def test_large_messages_both_ways():
    """Larger than what a connection holds, while the other side does not read."""
    loader = DataLoader(range(100_000), batch_size=50_000, num_workers=1, prefetch_factor=8, collate_fn=list)
    for _ in range(2):
        assert [len(batch) for batch in loader] == [50_000, 50_000]
    texts = DataLoader(range(40), num_workers=1, prefetch_factor=30, collate_fn=lambda b: str(b[0]) * 20_000)
    batches = iter(texts)
    time.sleep(0.2)
    assert [len(text) for text in batches] == [20_000] * 10 + [40_000] * 30


def owner(array):
    """The object that an array's memory belongs to."""
    while isinstance(array, (np.ndarray, memoryview)):
        array = array.base if isinstance(array, np.ndarray) else array.obj
    return array


def test_batches_lie_in_shared_memory_and_can_be_written_to():
    class Rows(rushlight.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.full(10_000, index, np.float32), np.float64(index), rushlight.ones(3).bfloat16()

    batches = list(DataLoader(Rows(), num_workers=1))
    for i, (large, small, half) in enumerate(batches):
        assert (
            large.shape == (1, 10_000) and (large == i).all() and small.item() == i and half.dtype == rushlight.bfloat16
        )
        assert isinstance(owner(large.numpy()), mmap.mmap)
        large += 1
        small += 1
    assert (batches[0][0] == 1).all() and (batches[1][0] == 2).all()


def megabytes(kind):
    """Memory of this process of one kind."""
    with open("/proc/self/smaps_rollup") as file:
        return int(re.search(rf"{kind}: +(\d+) kB", file.read())[1]) / 1024


class Heavy(rushlight.utils.data.Dataset):
    """Many rows; a sample tells how much memory its process has for itself after reading them all."""

    def __init__(self, kind):
        self.kind = kind
        self.rows = np.ones((64, 1 << 18), np.float32)  # 64 MB
        self.tensor = rushlight.ones(64, 1 << 18)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        assert self.rows.sum() + self.tensor.sum().item() == 2 * 64 << 18
        return megabytes(self.kind)


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="memory as Linux tells it")
def test_reading_does_not_copy_what_was_inherited():
    assert max(DataLoader(Heavy("Private_Dirty"), num_workers=2, batch_size=None)) < 60


SCRIPT = """
import rushlight
from rushlight.utils.data import DataLoader
from heavy import Heavy, Squares, start

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        rushlight.manual_seed(0)
        squares = DataLoader(
            Squares(), batch_size=3, num_workers=2, multiprocessing_context=method, worker_init_fn=start
        )
        print([batch.tolist() for batch in squares])
    print(max(DataLoader(Heavy("Anonymous"), num_workers=2, batch_size=None, multiprocessing_context="spawn")) < 100)
    try:
        list(DataLoader(Squares(), num_workers=1, multiprocessing_context="spawn", collate_fn=lambda b: b))
    except Exception as error:
        print("lambda" in str(error))
"""


def test_spawn_and_forkserver(tmp_path):
    heavy = "\n".join(["import re", "import numpy as np", "import rushlight", inspect.getsource(megabytes)])
    heavy += "\n" + inspect.getsource(Heavy)
    heavy += """
class Squares(rushlight.utils.data.Dataset):
    offset = 0
    def __len__(self):
        return 6
    def __getitem__(self, index):
        return index * index + self.offset

def start(worker):
    rushlight.utils.data.get_worker_info().dataset.offset = 100
"""
    (tmp_path / "heavy.py").write_text(heavy)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, str(tmp_path / "script.py")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
    squares = "[[100, 101, 104], [109, 116, 125]]"
    assert result.stdout.split("\n") == [squares, squares, "True", "True", ""], result.stderr
    assert "multiprocessing_context='fork'" in result.stderr and "script.py:15: UserWarning" in result.stderr
    assert "Exception ignored" not in result.stderr


def test_workers_end_with_a_main_process_that_is_killed(tmp_path):
    code = """
import os, signal, time, rushlight
loader = rushlight.utils.data.DataLoader(range(1000), num_workers=2, multiprocessing_context="fork")
batches = iter(loader)
next(batches)
print(*(worker.process.pid for worker in batches.pool.workers), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    deadline = time.monotonic() + 10
    for pid in map(int, result.stdout.split()):
        while os.path.exists(f"/proc/{pid}") and "zombie" not in open(f"/proc/{pid}/status").read():
            assert time.monotonic() < deadline, "a worker outlived the main process"
            time.sleep(0.05)


def test_more_workers_than_processors_warn():
    with pytest.warns(UserWarning, match="will create 1000 worker processes in total"):
        DataLoader(range(3), num_workers=1000)


def test_no_tasks_ahead_are_refused(library):
    with pytest.raises(AssertionError):
        iter(library.utils.data.DataLoader(range(3), num_workers=1, prefetch_factor=0))


def test_data_in_memory_starts_no_processes_unless_they_are_to_be_prepared():
    data = rushlight.utils.data.TensorDataset(rushlight.arange(4))
    assert not hasattr(iter(DataLoader(data, num_workers=1)), "pool")
    batches = iter(DataLoader(data, num_workers=1, worker_init_fn=lambda worker: None))
    assert len(batches.pool.workers) == 1 and [b[0].item() for b in batches] == [0, 1, 2, 3]
