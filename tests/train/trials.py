"""Trials of checkpoints: trainings killed at random moments must end as those that were not, and a fault at any
moment of saving must leave a whole checkpoint.

    python tests/train/trials.py --resume 100 --faults 100

The tests run a few of them; each trial runs in processes of its own, which are killed by SIGKILL.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import rushlight
import rushlight.nn.functional as F
from rushlight import nn, optim, train
from rushlight.train import checkpoint, tree
from rushlight.train.callbacks import EMA, Accumulate, Checkpoint, ClipGradients, EarlyStopping, Schedule
from rushlight.utils.data import DataLoader, Dataset, TensorDataset

context = multiprocessing.get_context("fork")


# ------------------------------------------------------------------------------------------- killed and taken up


class Noisy(Dataset):
    """Images with noise from three sources of random numbers."""

    def __len__(self):
        return 24

    def __getitem__(self, index):
        noise = rushlight.rand(1, 8, 8) + random.random() + np.random.rand()
        return noise + index % 3, index % 3


def dense():
    """Data in memory, Adam, a rate that changes each step, an average of the weights."""
    x = rushlight.randn(64, 6)
    loader = DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), batch_size=8, shuffle=True)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    schedule = Schedule(optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=80), "step")
    return model, loader, F.cross_entropy, optimizer, [schedule, EMA(0.9)]


def convolutional():
    """Two worker processes, batch norm, dropout, SGD with momentum, clipping."""
    loader = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=2, persistent_workers=True)
    layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.1), nn.Flatten(), nn.Linear(144, 3)
    model = nn.Sequential(*layers)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    plateau = Schedule(optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0), monitor="loss")
    return model, loader, F.cross_entropy, optimizer, [plateau, ClipGradients(1.0)]


class LastState(nn.Module):
    """A recurrent network that answers with its last output."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 8, num_layers=2, dropout=0.1, batch_first=True), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Sequences:
    """Batches that Python's random numbers choose, without a state of their own."""

    def __init__(self):
        self.x = rushlight.randn(30, 5, 3)

    def __len__(self):
        return 9

    def __iter__(self):
        for _ in range(9):
            rows = [random.randrange(30) for _ in range(4)]
            yield self.x[rows], self.x[rows].sum((1, 2)).reshape(-1, 1)


def recurrent():
    """Batches from a plain iterable, gradients over two of them, AdamW, early stopping."""
    model = LastState()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    decay = Schedule(optim.lr_scheduler.MultiStepLR(optimizer, [2, 4]))
    return model, Sequences(), F.mse_loss, optimizer, [decay, Accumulate(2), EarlyStopping("loss", patience=3)]


FITTED = {"dense": dense, "convolutional": convolutional, "recurrent": recurrent}


def digest(content) -> str:
    """SHA-256 of a nest of containers and Tensors."""
    plain, tensors = tree.split(content)
    return hashlib.sha256((repr(plain) + checkpoint._digest("", tensors)).encode()).hexdigest()


def fitted(setup: str, folder: Path) -> list:
    """A training by `fit`, and what it ends with."""
    model, data, loss, optimizer, callbacks = FITTED[setup]()
    callbacks.append(Checkpoint(folder, every_steps=1, resume=True))
    history = train.fit(model, data, loss, optimizer, epochs=6, callbacks=callbacks, progress=False)
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history.epochs]
    states = [callback.state_dict() for callback in callbacks]
    return [model.state_dict(), optimizer.state_dict(), states, history.losses, history.rates, rows, history.stopped]


def looped(folder: Path) -> list:
    """A loop written by hand, and what it ends with."""
    model, loader, loss, optimizer, _ = dense()
    average = optim.swa_utils.AveragedModel(model)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    parts = {"model": model, "optimizer": optimizer, "scheduler": schedule, "loader": loader, "average": average}
    found = train.resume(folder / "last.safetensors", **parts) or {"epoch": 0, "losses": []}
    losses = found["losses"]
    for epoch in range(found["epoch"], 5):
        for x, y in loader:
            optimizer.zero_grad()
            losses.append(loss(model(x), y))
            losses[-1].backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            train.save(folder / "last.safetensors", **parts, epoch=epoch, losses=losses)
    return [model.state_dict(), average.state_dict(), optimizer.state_dict(), schedule.state_dict(), losses]


SETUPS = [*FITTED, "loop"]


def training(setup: str, folder: Path) -> None:
    """The program that is killed: it goes on where its folder says, and writes what it ends with."""
    warnings.simplefilter("ignore")
    rushlight.set_num_threads(1)
    rushlight.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    end = looped(folder) if setup == "loop" else fitted(setup, folder)
    end += [rushlight.rand(3), random.random(), np.random.rand()]
    (folder / "end.new").write_text(digest(end))
    os.replace(folder / "end.new", folder / "end")


def killed_after(seconds: float, target, *args) -> None:
    """Runs a function in a new process, killed after so many seconds if it still runs."""
    process = context.Process(target=target, args=args)
    process.start()
    process.join(seconds)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def resume_trial(setup: str, expected: str, duration: float, source: random.Random) -> tuple[bool, int]:
    """Whether a training that is killed again and again ends as expected, and how often it was killed: at least once,
    or else it begins anew and is killed earlier."""
    with tempfile.TemporaryDirectory() as name:
        folder, kills = Path(name) / "run", 0
        while not (folder / "end").exists():
            if kills == 6:
                return False, kills
            patience = source.uniform(0, duration) if kills < 5 else 120
            killed_after(patience, training, setup, folder)
            ended = (folder / "end").exists()
            kills += not ended
            if ended and kills == 0:
                shutil.rmtree(folder)
                duration /= 2
        return (folder / "end").read_text() == expected, kills


def undisturbed(setup: str) -> tuple[str, float]:
    """How a training ends, and how long it takes."""
    with tempfile.TemporaryDirectory() as name:
        start = time.monotonic()
        killed_after(120, training, setup, Path(name))
        return (Path(name) / "end").read_text(), time.monotonic() - start


def resume_trials(count: int, source: random.Random) -> int:
    """Runs trials over all setups in turn; returns how many failed."""
    references = {setup: undisturbed(setup) for setup in SETUPS[:count]}
    failed = kills = 0
    for number in range(count):
        setup = SETUPS[number % len(SETUPS)]
        same, times = resume_trial(setup, *references[setup], source)
        failed, kills = failed + (not same), kills + times
        if not same:
            print(f"resume trial {number} ({setup}): ends otherwise")
    print(f"{count} trainings killed {kills} times in all: {count - failed} ended bit for bit as undisturbed ones")
    return failed


# ---------------------------------------------------------------------------------------------- faults while saving


def numbered(number: int):
    """A state that can be told from any other, of some 200 kB."""
    return {"number": number, "arrays": {str(i): rushlight.full((5000,), float(number + i)) for i in range(10)}}


def number_of(content) -> int:
    """Its number, if it is whole."""
    number = content["number"]
    assert all((array == number + int(i)).all() for i, array in content["arrays"].items()), "parts of different states"
    return number


def fail_at(call: int, code: int) -> None:
    """Lets the so-manieth call of the system that writes fail, as a full or broken disk does; and all after it."""
    calls = iter(range(10**9))

    def failing(name: str):
        plain = getattr(os, name)

        def function(*args, **kwargs):
            if next(calls) >= call:
                raise OSError(code, os.strerror(code))
            return plain(*args, **kwargs)

        return function

    for name in ("fsync", "replace", "link", "chmod"):
        setattr(os, name, failing(name))


def saving(path: Path, limit: int | None, fault: tuple[int, int] | None, told) -> None:
    """The program that a fault meets: it saves state after state, and tells the number of each that is saved."""
    if limit is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if fault is not None:
        fail_at(*fault)
    for number in range(1, 400):
        if limit is not None and number == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # files cannot grow beyond it: as a full disk
        try:
            checkpoint.write_keeping(path, numbered(number))
        except OSError:
            return
        told.send(number)


def saved_numbers(told) -> int:
    """The last number that was told."""
    last = 0
    while told.poll():
        try:
            last = told.recv()
        except (EOFError, OSError):
            break
    return last


def damage(path: Path, source: random.Random) -> None:
    """Cuts the file short, or changes a byte of it."""
    content = bytearray(path.read_bytes())
    place = source.randrange(len(content))
    if source.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 1 << source.randrange(8)
    path.write_bytes(bytes(content))


def fault_trial(kind: str, source: random.Random) -> bool:
    """Whether a whole checkpoint is left: the last one that was saved, or the one that was being saved."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "last.safetensors"
        told, tell = context.Pipe(duplex=False)
        limit = source.randrange(1, 200_000) if kind == "file limit" else None
        codes = {"disk full": errno.ENOSPC, "I/O error": errno.EIO}
        fault = (source.randrange(10, 60), codes[kind]) if kind in codes else None
        killed_after(source.uniform(0.05, 0.4) if kind in ("kill", "damage") else 60, saving, path, limit, fault, tell)
        last = saved_numbers(told)
        if kind == "damage" and last > 1:
            damage(path, source)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            content = checkpoint.read_newest(path)
        if content is None:
            return last == 0
        found = number_of(content)
        if kind == "damage" and last > 1:
            return found in (last - 1, last) and any("Using the one before" in str(w.message) for w in caught)
        return found in (last, last + 1) and not caught


KINDS = ("kill", "disk full", "I/O error", "file limit", "damage")


def fault_trials(count: int, source: random.Random) -> int:
    """Runs trials of all kinds in turn; returns how many failed."""
    failed = 0
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        if not fault_trial(kind, source):
            failed += 1
            print(f"fault trial {number} ({kind}): no checkpoint, or a wrong one")
    print(f"{count} faults while saving: {count - failed} left a whole checkpoint, the last one saved")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resume", type=int, default=100, help="trainings to kill (default: 100)")
    parser.add_argument("--faults", type=int, default=100, help="faults while saving (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    source = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    return int(resume_trials(options.resume, source) + fault_trials(options.faults, source) > 0)


if __name__ == "__main__":
    sys.exit(main())
