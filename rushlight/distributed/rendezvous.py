"""Ranks that started by themselves meet: at an address that all know, in a process manager that rank 0 starts there.

`torch.multiprocessing.spawn`, `multiprocessing.Process` and launchers that only set RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT start processes that MPI knows nothing of. Before MPI starts in such a process, `join` connects it to the
manager (manager.py), which tells MPI about the others and tells this process if one of them fails. `mpiexec` is not
needed; the MPI library must be MPICH or one derived from it.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing import util
from typing import NoReturn
from urllib.parse import urlsplit

from ..errors import ArgumentError, UnsupportedError
from . import manager
from .channel import mpi
from .environment import share_cores
from .failures import DistNetworkError

LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}  # what only this host can reach
GRACE = 1.0  # seconds between the failure of another rank and the end of this one, in which whoever waits may see why


def join(init_method: str | None, world_size: int, rank: int, timeout: timedelta) -> Member:
    """Makes this process one of `world_size` for MPI; returns when all have come.

    Args:
        init_method: "env://" or "tcp://host:port"; None is "env://".
        world_size, rank: those in the environment if negative.

    Raises:
        ValueError: something is not given. RuntimeError: the processes disagree, or did not all come in time.
    """
    global _member
    size, rank = _number("WORLD_SIZE", world_size, init_method), _number("RANK", rank, init_method)
    if not 0 <= rank < size:
        raise ArgumentError(f"init_process_group: rank {rank} is outside 0 to {size - 1} of world_size {size}")
    if _member is not None and (_member.rank, _member.size) == (rank, size):
        return _member
    host, port = _address(init_method)
    if "mpi4py.MPI" in sys.modules:
        raise DistNetworkError(
            "init_process_group: MPI was started in this process before, alone; call init_process_group before "
            "anything that imports mpi4py.MPI, or start the processes with mpiexec"
        )
    if rank == 0:
        _start_manager(host, port, size)
    _member = Member(rank, size, (host, port), timeout.total_seconds())
    _member.start_mpi()
    return _member


_member: Member | None = None  # stays one when its groups are destroyed


def _number(name: str, given: int, method: str | None) -> int:
    if given >= 0:
        return given
    if name not in os.environ or (method or "env://") != "env://":
        raise ArgumentError(
            f"Error initializing torch.distributed using {method or 'env://'} rendezvous: {name.lower()} parameter "
            f"missing, and environment variable {name} expected, but not set"
        )
    return int(os.environ[name])


def _address(method: str | None) -> tuple[str, int]:
    parts = urlsplit(method or "env://")
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        return parts.hostname, parts.port
    if parts.scheme != "env":
        raise UnsupportedError(f"init_process_group: init_method {method!r} is not env:// or tcp://host:port")
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in os.environ:
            raise ArgumentError(
                "Error initializing torch.distributed using env:// rendezvous: environment variable "
                f"{name} expected, but not set"
            )
    return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])


def _listen(address: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens at an address; at all of this host if it is empty."""
    both = not address and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=backlog, dualstack_ipv6=both)


def _start_manager(host: str, port: int, size: int) -> None:
    """In a process of its own: this one's MPI may hold the interpreter while it asks."""
    try:
        listener = _listen(LOOPBACK.get(host, ""), port, size * 2)
    except OSError as error:
        raise DistNetworkError(f"init_process_group: rank 0 cannot listen on {host}:{port}: {error}") from None
    with listener:
        command = [sys.executable, "-I", "-S", manager.__file__, str(listener.fileno()), str(size)]
        process = subprocess.Popen(
            command, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    process.returncode = 0  # it ends by itself, after this process: nobody waits for it


class Member:
    """This process among the others: its line to the manager, and the end of one of them."""

    def __init__(self, rank: int, size: int, address: tuple[str, int], patience: float) -> None:
        self.rank, self.size, self.address, self.process = rank, size, address, os.getpid()
        self.deadline = time.monotonic() + patience
        self.line = manager.Connection(self._connect())
        self.line.say(f"cmd=join rank={rank} size={size} host={socket.gethostname()}")
        answer = self._hear()
        if answer.get("cmd") != "start":
            raise DistNetworkError(
                f"init_process_group: rank {rank} at {address[0]}:{address[1]}: "
                + answer.get("why", f"not all of {size} ranks came within {patience:g} s")
            )
        self.line.sock.settimeout(None)
        share_cores(int(answer["local_size"]))

    def _connect(self) -> socket.socket:
        """Rank 0 may start last: tries until the deadline."""
        while True:
            try:
                sock = socket.create_connection(self.address, max(0.1, self.deadline - time.monotonic()))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            except OSError as error:
                if time.monotonic() > self.deadline:
                    where = f"{self.address[0]}:{self.address[1]}"
                    text = f"init_process_group: rank {self.rank} cannot reach rank 0 at {where}: {error}"
                    raise DistNetworkError(text) from None
            time.sleep(0.05)

    def _hear(self) -> dict[str, str]:
        """The manager's next line; nothing if none comes before the deadline."""
        self.line.sock.settimeout(max(0.1, self.deadline - time.monotonic()))
        with suppress(TimeoutError):
            while True:
                for line in self.line.lines():
                    return manager.words(line)
        return {}

    def start_mpi(self) -> None:
        """Starts MPI, which reads from these variables that the manager is at the other end of a socket."""
        sock = self._connect()
        sock.settimeout(None)
        manager.Connection(sock).say(f"cmd=serve rank={self.rank}")
        place = {"PMI_FD": str(sock.detach()), "PMI_RANK": str(self.rank), "PMI_SIZE": str(self.size)}
        os.environ.update(place)
        try:
            with self._ended_by_signal():
                mpi()
            library = mpi().Get_library_version().splitlines()[0]
        finally:
            for name in place:
                del os.environ[name]  # processes that this one starts are none of the ranks
        if mpi().COMM_WORLD.size != self.size:
            raise DistNetworkError(
                f"init_process_group: this MPI library ({library}) joins only processes that its own mpiexec started; "
                "start them so, or install MPICH (pip install mpich)"
            )
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()
        atexit.register(self.leave)
        util.Finalize(None, self.leave, exitpriority=0)  # processes of multiprocessing end without atexit

    @contextmanager
    def _ended_by_signal(self) -> Iterator[None]:
        """A block in which the manager's word, which can only be that all must end, ends this process by the system's
        means (with a traceback): MPI holds the interpreter while it starts, and would wait for a rank that is gone."""
        if not hasattr(signal, "SIGIO") or signal.getsignal(signal.SIGIO) is not signal.SIG_DFL:
            yield
            return
        import fcntl  # which not every system has

        descriptor = self.line.sock.fileno()
        before = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        faulthandler.register(signal.SIGIO, all_threads=False, chain=True)
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETFL, before | os.O_ASYNC)
        try:
            yield
        finally:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, before)
            faulthandler.unregister(signal.SIGIO)

    def _watch(self) -> None:
        """Ends this process when another failed."""
        said: dict[str, str] = {}
        while said.get("cmd") not in ("end", "gone"):
            for line in self.line.lines():
                said = manager.words(line)
        if said["cmd"] == "end":
            time.sleep(0 if said["culprit"] == str(self.rank) else GRACE)
            sys.stderr.write(f"{said['why']}; ending rank {self.rank}\n")
            sys.stderr.flush()
            os._exit(1)

    def leave(self) -> None:
        """At the end of this process: with the others, or at once, telling them, if it ends by an exception."""
        if os.getpid() != self.process or mpi().Is_finalized():
            return
        error = sys.exc_info()[1]
        if error is None or (isinstance(error, SystemExit) and not error.code):
            mpi().Finalize()  # waits for the others
            self.line.say("cmd=leave")
        else:
            if not isinstance(error, SystemExit):  # of which whoever exits has told
                traceback.print_exception(error)
            self.fail(error)

    def fail(self, error: BaseException) -> NoReturn:
        """Ends this process, and with it all others."""
        self.line.say(f"cmd=failed why=failed with {type(error).__name__}")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.code if isinstance(error, SystemExit) and type(error.code) is int else 1)
