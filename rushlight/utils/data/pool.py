"""The main process's side of a DataLoader's workers: it starts them, sends tasks, waits for replies, notices when one
is gone, and ends them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import select
import signal
import time
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import reduction
from multiprocessing.connection import wait
from typing import Any

from ...errors import OperatorError, UnsupportedError
from .transport import Channel, Shared
from .worker import Again, Job, Reply, Start, Task, work

GRACE = 5.0  # seconds in which a worker may finish its batch when it is no longer needed


@dataclass
class Worker:
    """A worker process, the channel to it, and what the batches that were used of it say of its state."""

    process: Any
    channel: Channel
    served: int  # batches in this epoch
    before: Any  # random state at the beginning of the epoch, None if nothing was drawn before
    random: Any  # random state after the last batch used, None if nothing was drawn

    def note(self, reply: Reply) -> None:
        """A batch of this worker's is used."""
        self.served += 1
        self.random = self.random if reply.random is None else reply.random


def _context(method: Any) -> Any:
    return multiprocessing.get_context(method) if method is None or isinstance(method, str) else method


class Pool:
    """Worker processes.

    Args:
        job: what the worker is to do, but for what differs between them.
        starts: where each worker takes up its work.
        method: a start method of multiprocessing, or a context.

    Raises:
        RuntimeError: by `receive`, a worker is gone, or none answered within the timeout.
        What pickle raises: the data set or a function cannot be handed to a process that does not inherit them.
    """

    def __init__(self, job: Job, starts: Sequence[Start], method: Any) -> None:
        if not reduction.HAVE_SEND_HANDLE or not hasattr(select, "poll"):
            raise UnsupportedError("DataLoader: workers need a POSIX system; use num_workers=0")
        self.job = job
        self.epoch = 0
        self.workers: list[Worker] = []
        self.end = weakref.finalize(self, _end, self.workers, os.getpid())
        context, shared = _context(method), Shared(None)
        try:
            for id, start in enumerate(starts):
                shared.value = replace(job, id=id, start=start)
                self.workers.append(_started(context, shared))
        finally:
            shared.close()

    def send(self, worker: int, number: int, indices: Any) -> None:
        """Gives a task to a worker."""
        try:
            self.workers[worker].channel.send(Task(self.epoch, number, indices))
        except OSError:
            self.fail_for(self.gone())

    def begin_epoch(self) -> None:
        """Calls persistent workers to another epoch; replies to what was asked before are dropped."""
        self.epoch += 1
        for worker in self.workers:
            worker.channel.send(Again())
            worker.served, worker.before = 0, worker.random

    def state(self) -> dict[str, Any]:
        """What it takes to start workers that go on from here."""
        starts = [{"skip": w.served, "before": w.before, "after": w.random} for w in self.workers]
        return {"base_seed": self.job.base_seed, "starts": starts}

    def receive(self, timeout: float) -> Reply:
        """The next reply of any worker in this epoch; `timeout` in seconds, 0 for as long as all are alive."""
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            reply = self._receive(None if deadline is None else max(deadline - time.monotonic(), 0))
            if reply is None:
                self.stop(grace=0)
                raise OperatorError(f"DataLoader timed out after {timeout} seconds")
            if reply.epoch == self.epoch:
                return reply

    def _receive(self, seconds: float | None) -> Reply | None:
        sentinels = [worker.process.sentinel for worker in self.workers]
        ready = wait([*(worker.channel.connection for worker in self.workers), *sentinels], seconds)
        for worker in self.workers:  # what a worker sent before its end is read first
            if worker.channel.connection in ready:
                try:
                    return worker.channel.receive()
                except (EOFError, OSError):
                    self.fail_for(worker.process)
        if ready:
            self.fail_for(self.gone())
        return None

    def gone(self) -> Any:
        """A process that has ended, as its sentinel tells: it may not yet have an exit code."""
        ready = wait([worker.process.sentinel for worker in self.workers])
        return next(worker.process for worker in self.workers if worker.process.sentinel in ready)

    def fail_for(self, process: Any) -> None:
        """Raises for a worker that is gone."""
        process.join(timeout=1)
        pid, code = process.pid, process.exitcode
        self.stop(grace=0)
        raise OperatorError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly{_reason(code)}")

    def stop(self, grace: float = GRACE) -> None:
        """Ends the workers; those that do not finish within so many seconds are stopped in what they do."""
        if self.end.detach():
            _end(self.workers, os.getpid(), grace)


def _reason(code: int | None) -> str:
    if code is None:
        return ""
    if code >= 0:
        return f": exit code {code}"
    name = signal.Signals(-code).name
    return f": killed by signal {name}" + (" (is memory short?)" if name == "SIGKILL" else "")


def _started(context: Any, shared: Shared) -> Worker:
    mine, theirs = context.Pipe(duplex=True)
    process = context.Process(target=work, args=(theirs, shared), daemon=True)
    try:
        process.start()
    except (TypeError, AttributeError, pickle.PicklingError):
        mine.close()
        warnings.warn(
            "DataLoader: what a worker needs cannot be pickled, which it must be with the start methods spawn and "
            "forkserver (the default from Python 3.14 on): define data set, collate_fn and worker_init_fn at the top "
            "of a module, or use multiprocessing_context='fork'.",
            stacklevel=7,
        )
        raise
    finally:
        theirs.close()
    start = shared.value.start
    return Worker(process, Channel(mine), start.skip, start.before, start.after)


def _end(workers: list[Worker], owner: int, grace: float = GRACE) -> None:
    """Ends processes, unless this is a process that merely inherited the objects by fork."""
    if os.getpid() != owner:
        return
    for worker in workers:
        _dismiss(worker)
    deadline = time.monotonic() + grace
    for worker in workers:
        worker.process.join(max(deadline - time.monotonic(), 0))
    for ask in ("terminate", "kill"):
        for worker in workers:
            if worker.process.is_alive():
                getattr(worker.process, ask)()
        for worker in workers:
            worker.process.join(1)
    workers.clear()


def _dismiss(worker: Worker) -> None:
    """Tells a worker that it is not needed any more, if it can be told at once."""
    poll = select.poll()
    poll.register(worker.channel.fileno(), select.POLLOUT)
    try:
        if poll.poll(0):
            worker.channel.send(None)
    except OSError:
        pass  # it is gone already
    worker.channel.close()
