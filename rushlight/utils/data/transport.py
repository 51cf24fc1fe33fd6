"""Messages between processes, with their arrays in shared memory.

A message is a pickle. A small one goes through the connection. The arrays of a large one are written once into a
memory file without a name, whose descriptor goes along; the receiver maps it and copies nothing. The memory lives as
long as an array that lies in it, and the system frees it if a process dies, however that happens.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import tempfile
from collections.abc import Sequence
from multiprocessing import reduction
from typing import Any

INLINE = 8192  # bytes up to which a message goes through the connection: a file would cost more than it saves
ALIGNMENT = 64

Spans = list[tuple[int, int]]  # begin and length of each buffer in a memory file


def _pickled(message: Any) -> tuple[bytes, list[memoryview]]:
    """The pickle, and the memory of the arrays that it refers to."""
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    reduction.ForkingPickler(file, 5, True, buffers.append).dump(message)
    return file.getvalue(), [buffer.raw() for buffer in buffers]


def memory_file() -> int:
    """A descriptor of a new file that is in memory (where the system has such) and has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("rushlight", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(buffers: Sequence[Any]) -> tuple[int, Spans]:
    """A memory file with these buffers, and where each lies."""
    spans, end = [], 0
    for buffer in buffers:
        begin = -(-end // ALIGNMENT) * ALIGNMENT
        end = begin + len(buffer)
        spans.append((begin, len(buffer)))
    descriptor = memory_file()
    try:
        os.truncate(descriptor, max(end, 1))  # nothing cannot be mapped
        for (begin, _), buffer in zip(spans, buffers):
            _write_all(descriptor, memoryview(buffer), begin)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, spans


def _write_all(descriptor: int, rest: memoryview, begin: int) -> None:
    """All of it: one call of the system writes at most 2 GB."""
    while len(rest):
        written = os.pwrite(descriptor, rest, begin)
        begin, rest = begin + written, rest[written:]


def _mapped(descriptor: int, spans: Spans, access: int) -> list[memoryview]:
    """The buffers of a memory file, which is closed: the mapping keeps the memory."""
    try:
        memory = memoryview(mmap.mmap(descriptor, 0, access=access))
    finally:
        os.close(descriptor)
    return [memory[begin : begin + length] for begin, length in spans]


class Channel:
    """Sends and receives messages over one end of a two-way connection; `fileno` says when there is one to receive."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def fileno(self) -> int:
        return int(self.connection.fileno())

    def send(self, message: Any) -> None:
        """Sends a message of any size.

        Raises:
            OSError: nobody is there to receive it. What pickle raises: it cannot be pickled; nothing was sent then.
        """
        stream, buffers = _pickled(message)
        if len(stream) + sum(map(len, buffers)) <= INLINE:
            self.connection.send((None, stream, [bytes(buffer) for buffer in buffers]))
            return
        descriptor, spans = _write([stream, *buffers])
        try:
            self.connection.send((spans, b"", []))
            reduction.send_handle(self.connection, descriptor, 0)
        finally:
            os.close(descriptor)

    def receive(self) -> Any:
        """The next message; waits for it.

        Raises:
            EOFError, OSError: the other side is gone.
        """
        spans, stream, buffers = self.connection.recv()
        if spans is not None:
            stream, *buffers = _mapped(reduction.recv_handle(self.connection), spans, mmap.ACCESS_WRITE)
        else:
            buffers = [bytearray(buffer) for buffer in buffers]  # arrays that can be written to
        return pickle.loads(stream, buffers=buffers)

    def close(self) -> None:
        self.connection.close()


class Shared:
    """An argument for new processes: inherited by fork; otherwise pickled, with all its arrays in one memory file that
    the processes share. A process that writes to such an array gets its own copy of the page."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._descriptor = -1
        self._spans: Spans = []

    def __reduce__(self) -> tuple[Any, ...]:
        stream, buffers = _pickled(self.value)  # anew for each process: locks and pipes are handed to one at a time
        if self._descriptor < 0 or [length for _, length in self._spans] != [len(buffer) for buffer in buffers]:
            self.close()
            self._descriptor, self._spans = _write(buffers)
        return _unshared, (stream, self._spans, reduction.DupFd(self._descriptor))

    def close(self) -> None:
        """Frees the memory file once all processes have started."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def _unshared(stream: bytes, spans: Spans, descriptor: Any) -> Shared:
    return Shared(pickle.loads(stream, buffers=_mapped(descriptor.detach(), spans, mmap.ACCESS_COPY)))
