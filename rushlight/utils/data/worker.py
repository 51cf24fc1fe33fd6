"""What runs in a worker process of a DataLoader: it is given numbers of samples and answers with batches.

The main process sends `Task`s and, for persistent workers, `Again` at the start of a further epoch; `None` ends the
worker, and so does the end of the main process. Every task is answered by one `Reply`, but for those after the end of a
stream.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import select
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ... import threads
from . import random_state, worker_info
from .fetcher import Recipe
from .transport import Channel, Shared


class _Text(str):
    """A text that is its own repr, for KeyError, which shows the repr of what it is given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception on its way to another process, with its traceback as text."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.kind: Any = type(error) if _can_be_pickled(type(error)) else RuntimeError
        self.text = f"Caught {type(error).__name__} {where}.\nOriginal " + "".join(
            traceback.format_exception(type(error), error, error.__traceback__)
        )

    def reraise(self) -> None:
        """Raises an exception of the same class, whose text holds the original traceback."""
        if getattr(self.kind, "message", None):
            raise self.kind(message=self.text)
        raise self._remade()  # held by no variable here, or else its traceback would hold itself and all of the epoch

    def _remade(self) -> Any:
        try:
            return self.kind(_Text(self.text) if self.kind is KeyError else self.text)
        except Exception:  # it is made from other arguments than a text
            return RuntimeError(self.text)


def _can_be_pickled(kind: type) -> bool:
    try:
        return pickle.loads(pickle.dumps(kind)) is kind
    except Exception:  # whatever pickle raises
        return False


@dataclass(frozen=True)
class Task:
    """A batch to make: the epoch, its number in it, what the sampler gave for it."""

    epoch: int
    number: int
    indices: Any


@dataclass(frozen=True)
class Again:
    """A new epoch of a persistent worker begins."""


@dataclass(frozen=True)
class Reply:
    """The answer to a task: its batch, or what was raised."""

    worker: int
    epoch: int
    number: int
    payload: Any  # the batch, an ExceptionWrapper, or StreamEnded
    random: Any = None  # the worker's random state after it, if it drew


@dataclass(frozen=True)
class StreamEnded:
    """In place of a batch: the worker's iterable data set has no more."""


@dataclass(frozen=True)
class Start:
    """Where a worker takes up an epoch that was interrupted; by default, at its beginning."""

    skip: int = 0  # batches that were made
    before: Any = None  # random state when the epoch began; None: as seeded
    after: Any = None  # random state after those batches; None: as it was before


@dataclass(frozen=True)
class Job:
    """What a worker is to do, and where it begins."""

    recipe: Recipe
    id: int
    num_workers: int
    base_seed: int
    seed_per_batch: bool
    init: Callable[[int], None] | None
    start: Start = Start()


@dataclass
class _Desk:
    """The worker's end of the channel. It never waits to be read from without reading itself, so that the main process
    is never stuck in sending while the worker is."""

    channel: Channel
    inbox: deque[Any] = field(default_factory=deque)

    def __post_init__(self) -> None:
        parent = multiprocessing.parent_process()
        self._parent = -1 if parent is None else int(parent.sentinel)
        self._poll = select.poll()
        if self._parent >= 0:
            self._poll.register(self._parent, select.POLLIN)

    def _wait(self, events: int) -> int:
        """Which of the events is there."""
        self._poll.register(self.channel.fileno(), events)
        ready = dict(self._poll.poll())
        if self._parent in ready:
            raise EOFError("the main process is gone")
        return ready[self.channel.fileno()]

    def take(self) -> Any:
        """The next message."""
        if not self.inbox:
            self._wait(select.POLLIN)
            return self.channel.receive()
        return self.inbox.popleft()

    def put(self, reply: Reply) -> None:
        while not self._wait(select.POLLIN | select.POLLOUT) & select.POLLOUT:
            message = self.channel.receive()
            if message is None:
                raise EOFError("not wanted any more")
            self.inbox.append(message)
        self.channel.send(reply)


def _go_on_from(state: Any) -> None:
    if state is not None:
        random_state.set_random_state(state)


class _Worker:
    """The loop of a worker."""

    def __init__(self, job: Job, desk: _Desk) -> None:
        self.job = job
        self.desk = desk
        self.ended = False
        self.where = f"in DataLoader worker process {job.id}"
        self.failure: ExceptionWrapper | None = None
        start = job.start
        try:
            if job.init is not None:
                job.init(job.id)
            _go_on_from(start.before)
            self.fetcher = job.recipe.fetcher()
            self.fetcher.skip(start.skip)
        except Exception as error:
            self.failure = ExceptionWrapper(error, self.where)
        _go_on_from(start.after)
        self.drawn = random_state.raw_state()

    def run(self) -> None:
        while (message := self.desk.take()) is not None:
            if isinstance(message, Again):
                self.fetcher, self.ended = self.job.recipe.fetcher(), False
            elif not self.ended:
                self.answer(message)

    def answer(self, task: Task) -> None:
        payload = self.failure or self.made(task)
        self.ended = isinstance(payload, StreamEnded)
        reply = self.job.id, task.epoch, task.number
        try:
            self.desk.put(Reply(*reply, payload, self.random_if_drawn()))
        except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
            self.desk.put(Reply(*reply, ExceptionWrapper(error, self.where)))

    def made(self, task: Task) -> Any:
        try:
            if self.job.seed_per_batch:
                random_state.seed_all(self.job.base_seed, task.number)
            return self.fetcher.fetch(task.indices)
        except Exception as error:
            if isinstance(error, StopIteration) and self.job.recipe.iterable:
                return StreamEnded()
            return ExceptionWrapper(error, self.where)

    def random_if_drawn(self) -> Any:
        state = random_state.raw_state()
        if self.job.seed_per_batch or random_state.same(state, self.drawn):
            return None
        self.drawn = state
        return random_state.as_state(*state)


def work(connection: Any, shared: Shared) -> None:
    """The whole life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends its workers
    gc.freeze()  # a collection would write to every object inherited by fork, and so copy the pages that it lies in
    threads.set_num_threads(1)
    job: Job = shared.value
    seed = random_state.seed_all(job.base_seed, job.id)
    worker_info.current = worker_info.WorkerInfo(job.id, job.num_workers, seed, job.recipe.dataset)
    try:
        _Worker(job, _Desk(Channel(connection))).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(0)
