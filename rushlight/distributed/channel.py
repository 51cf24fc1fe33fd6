"""MPI, through mpi4py: a communicator whose operations end within a timeout, and say who was missing if they do not."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .failures import DistBackendError

Array = Any

GRACE = 2.0  # seconds that ranks which wait in vain give each other to say so
PIECE = 1 << 20  # bytes: how much is summed by one request, so that it stays in the caches of the ranks of one machine
SPINS = 2000  # polls before the waiting process begins to leave its core to others


@cache
def mpi() -> Any:
    """The module `mpi4py.MPI`; importing it starts MPI.

    Raises:
        NotImplementedError: mpi4py or an MPI library is not installed.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise UnsupportedError(
            "distributed: computing in several processes needs MPI; install it with pip install rushlight[mpi] "
            f"({error})"
        ) from None
    return MPI


class Sum:
    """An array under way to its sum over the ranks, one piece after another."""

    def __init__(self, channel: Channel, requests: Iterator[Any]) -> None:
        self.channel, self.requests = channel, requests  # a piece's request begins when it is taken
        self.current: Any = None
        self.done = False

    def advance(self) -> bool:
        """Goes on to the next piece, if this one is done; whether there is none."""
        while not self.done and (self.current is None or self.current.Test()):
            self.current = next(self.requests, None)
            self.done = self.current is None
        return self.done

    def Test(self, status: Any = None) -> bool:
        """Whether it is done."""
        self.channel.progress()
        return self.done


class Channel:
    """A communicator of MPI's.

    Every collective is preceded by a vote, in which each rank says by a number what it is about to do; if the numbers
    differ, all ranks raise and say what each wanted. Operations are started without blocking and polled, so that none
    lasts longer than the timeout.
    """

    def __init__(self, comm: Any, timeout: float) -> None:
        self.comm = comm
        self.notes = comm.Dup()  # for the ranks that wait in vain
        self.sums = comm.Dup()  # for the pieces of sums, which begin whenever the one before is done
        self.summing: deque[Sum] = deque()  # in the same order on all ranks
        self.timeout = timeout

    def agree(self, what: str, detail: str) -> None:
        """Makes sure that all ranks do the same. `what` is the operation's name, `detail` what must be equal.

        Raises:
            RuntimeError: they do not, or not all came within the timeout.
        """
        said = zlib.crc32(f"{what} {detail}".encode())
        mine = np.array([said, -said], np.int64)
        votes = np.empty_like(mine)
        self.wait(self.comm.Iallreduce(mine, votes, op=mpi().MAX), what)
        if votes[0] != -votes[1]:
            wishes = self.comm.allgather(f"{what} {detail}")
            raise DistBackendError(
                f"{what}: the ranks disagree: " + "; ".join(f"rank {r}: {wish}" for r, wish in enumerate(wishes))
            )

    def all_reduce(self, values: Array, op: Any, scale: float = 1) -> Sum:
        """Begins to sum (or what `op` says) `scale` times the contiguous `values` (n,) over the ranks, in place.

        It goes in pieces, one after another: between two ranks on one machine, 45 MB at once take three times as long.
        """
        step = max(1, PIECE // values.itemsize)
        pieces = (values[start : start + step] for start in range(0, max(1, values.size), step))
        mine = Sum(self, (self._sum(piece, op, scale) for piece in pieces))
        self.summing.append(mine)
        self.progress()
        return mine

    def _sum(self, piece: Array, op: Any, scale: float) -> Any:
        if scale != 1:
            np.multiply(piece, piece.dtype.type(scale), out=piece)
        return self.sums.Iallreduce(mpi().IN_PLACE, piece, op=op)

    def progress(self) -> None:
        """Starts pieces of sums while there are any and the ones before are done."""
        while self.summing and self.summing[0].advance():
            self.summing.popleft()

    def wait(self, request: Any, what: str, timeout: float | None = None) -> Any:
        """Waits for a request of MPI's, at most for the timeout; its status.

        Raises:
            RuntimeError: it did not come to its end in time, or MPI refused it.
        """
        status = mpi().Status()
        limit = self.timeout if timeout is None else timeout
        end = time.monotonic() + limit
        try:
            for _ in range(SPINS):
                if request.Test(status):
                    return status
            while not request.Test(status):
                if time.monotonic() > end:
                    self._report(what, limit)
                time.sleep(5e-5)
        except mpi().Exception as error:
            raise DistBackendError(f"{what}: rank {self.comm.rank}: {error}") from None
        return status

    def _report(self, what: str, waited: float) -> None:
        """Finds out who else waits, and raises."""
        others = [r for r in range(self.comm.size) if r != self.comm.rank]
        sent = [self.notes.isend(what, r) for r in others]
        heard: dict[int, str] = {self.comm.rank: what}
        end = time.monotonic() + GRACE
        while time.monotonic() < end and len(heard) <= len(others):
            status = mpi().Status()
            if self.notes.iprobe(status=status):
                heard[status.source] = self.notes.recv(source=status.source)
            time.sleep(1e-3)
        del sent
        missing = [r for r in others if r not in heard]
        waiting = ", ".join(f"rank {r} in {heard[r]}" for r in sorted(heard))
        raise DistBackendError(
            f"{what}: rank {self.comm.rank} waited {waited:g} s in vain: waiting are {waiting}; "
            f"{f'missing are ranks {missing}' if missing else 'none is missing'}"
        )


class Work:
    """An operation under way: wait for it with `wait()`.

    Args:
        request: MPI's.
        finish: called once when it is done; returns the result.
    """

    def __init__(self, channel: Channel, request: Any, what: str, finish: Callable[[], Any] = lambda: None) -> None:
        self._channel, self._request, self._what, self._finish = channel, request, what, finish
        self._done = False
        self._result: Any = None

    def is_completed(self) -> bool:
        """Whether it is done; never waits."""
        if not self._done and self._request.Test():
            self._complete()
        return self._done

    def wait(self, timeout: Any = None) -> bool:
        """Waits until it is done.

        Args:
            timeout: a `datetime.timedelta`; the group's own by default.

        Raises:
            RuntimeError: it was not done in time.
        """
        if not self._done:
            seconds = timeout.total_seconds() if timeout is not None and timeout.total_seconds() > 0 else None
            self._channel.wait(self._request, self._what, seconds)
            self._complete()
        return True

    def _complete(self) -> None:
        self._done = True
        self._result = self._finish()

    def is_success(self) -> bool:
        """Whether it is done, without an error."""
        return self._done

    def result(self) -> Any:
        """The tensors it wrote."""
        self.wait()
        return self._result

    def get_future(self) -> Any:
        """A `futures.Future` of the result; it waits for the operation."""
        from ..futures import Future

        future: Future[Any] = Future()
        future.set_result(self.result())
        return future
