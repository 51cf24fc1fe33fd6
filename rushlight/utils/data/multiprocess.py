"""One pass over a DataLoader whose batches are made by worker processes.

Tasks are dealt out to the workers in turn, a few ahead of need. Replies wait until it is their turn. A worker whose
stream has ended is left out of the round. (Apart from epoch.py, since what it imports takes time and most programs need
none.)
"""

from __future__ import annotations

from typing import Any

from ...errors import OperatorError, UnsupportedError
from .epoch import END, Epoch, State
from .pool import Pool
from .sampler import draw_seed
from .worker import ExceptionWrapper, Job, Reply, Start, StreamEnded


class WithWorkers(Epoch):
    """Batches made by worker processes, a few ahead of need, and given in the order of the sampler."""

    pool: Pool

    def _begin(self, saved: State | None) -> None:
        loader = self.loader
        self._anew = saved["anew"] if saved else loader._pool is None and loader._saved_workers is None
        if self._anew:  # torch: persistent workers keep their seed
            self.base_seed = draw_seed(loader.generator)
        if loader._pool is None:
            self.pool = self._started(saved)
        else:
            self.pool = loader._pool
            self.pool.begin_epoch()
        loader._pool = self.pool if loader.persistent_workers else None
        self.base_seed, self._epoch = self.pool.job.base_seed, self.pool.epoch
        self._pass_over(self._indices)
        self._turn = self._turn_of_next = saved["turn"] if saved else 0
        self._sent = self.done
        self._tasks: dict[int, int] = {}  # number -> worker, of all that were given out, in order
        self._arrived: dict[int, Reply] = {}
        self._active = [True] * loader.num_workers
        for _ in range(self._ahead):
            self._give_out()

    @property
    def _ahead(self) -> int:
        return int(self.loader.prefetch_factor * self.loader.num_workers)  # type: ignore[operator]

    def _started(self, saved: State | None) -> Pool:
        """New workers, which take up what saved ones did."""
        loader = self.loader
        workers = saved["workers"] if saved else loader._saved_workers
        loader._saved_workers = None
        seed = workers["base_seed"] if workers else self.base_seed
        starts = workers["starts"] if workers else [{}] * loader.num_workers
        job = Job(self.recipe, 0, loader.num_workers, seed, loader.seed_per_batch, loader.worker_init_fn)
        return Pool(job, [Start(**start) for start in starts], loader.multiprocessing_context)

    def _next(self) -> Any:
        if self.pool.epoch != self._epoch:
            raise OperatorError("DataLoader: its persistent workers have begun another epoch; finish one first")
        while self._tasks:
            number = next(iter(self._tasks))
            if number in self._arrived:
                return self._given(number)
            reply = self.pool.receive(self.loader.timeout)
            self._arrived[reply.number] = reply
            if isinstance(reply.payload, StreamEnded):
                self._retire(reply.worker)
            elif not self.loader.in_order:
                return self._given(reply.number)
        if not self.loader.persistent_workers:
            self.pool.stop()
        raise StopIteration

    def _given(self, number: int) -> Any:
        """The batch of a reply; another task takes its place."""
        reply, worker = self._arrived.pop(number), self._tasks.pop(number)
        self.pool.workers[worker].note(reply)
        self._turn_of_next = (worker + 1) % len(self._active)
        self._give_out()
        if isinstance(reply.payload, ExceptionWrapper):
            reply.payload.reraise()
        return reply.payload

    def _retire(self, worker: int) -> None:
        """A worker's stream has ended: what else it was asked for will not come."""
        self._active[worker] = False
        for number in [n for n, whose in self._tasks.items() if whose == worker]:
            reply = self._arrived.get(number)
            if reply is None or isinstance(reply.payload, StreamEnded):
                self._arrived.pop(number, None)
                del self._tasks[number]
        self._give_out()

    def _give_out(self) -> None:
        """Sends the next numbers to the next worker, if there are any of both."""
        indices = next(self._indices, END)
        worker = self._whose_turn()
        if indices is END or worker is None:
            return
        self.pool.send(worker, self._sent, indices)
        self._tasks[self._sent] = worker
        self._sent += 1

    def _whose_turn(self) -> int | None:
        """The next worker in the round that has work to do (and, where the order is free, room for more of it)."""
        count = len(self._active)
        held = list(self._tasks.values())
        for step in range(count):
            worker = (self._turn + step) % count
            room = self.loader.in_order or held.count(worker) < self._ahead // max(sum(self._active), 1)
            if self._active[worker] and room:
                self._turn = (worker + 1) % count
                return worker
        return None

    def state(self) -> State:
        if not self.loader.in_order:
            raise UnsupportedError("DataLoader.state_dict: needs in_order=True, or else no batch has a number")
        return {**super().state(), "anew": self._anew, "turn": self._turn_of_next, "workers": self.pool.state()}
