"""Queues of work for a GPU and points in them, over CuPy's."""

from __future__ import annotations

from typing import Any

from .. import gpu
from ..device import device as Device
from ..errors import UnsupportedError
from .devices import device as on_device
from .devices import number_of


class Stream:
    """A queue of work: what is put into one is done in order, and beside what is in others.

    Args:
        device: the GPU, by default the current one.
        priority: lower numbers go first.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError): there is no GPU.
    """

    def __init__(self, device: Any = None, priority: int = 0, *, _stream: Any = None) -> None:
        index = number_of(device)
        self.device = Device("cuda", index)
        with on_device(index):
            streams = gpu.cupy().cuda.Stream
            self._stream = streams(non_blocking=True, priority=priority) if _stream is None else _stream

    def synchronize(self) -> None:
        """Waits until all of its work is done."""
        self._stream.synchronize()

    def query(self) -> bool:
        """Whether all of its work is done."""
        return bool(self._stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        """An event (a new one for None) at the end of its work so far."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Has what comes later in this stream wait for the event."""
        self._stream.wait_event(event._event)

    def wait_stream(self, stream: Stream) -> None:
        """Has what comes later in this stream wait for all work so far of another."""
        self.wait_event(stream.record_event())

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle."""
        return int(self._stream.ptr)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.cuda_stream == other.cuda_stream

    def __hash__(self) -> int:
        return hash(self.cuda_stream)


class Event:
    """A point in a stream's work.

    Args:
        enable_timing: lets `elapsed_time` be asked for.
        blocking: `synchronize` sleeps instead of spinning.

    Raises:
        NotImplementedError (also a RuntimeError and an AssertionError): there is no GPU.
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        number_of(None)
        self._event = gpu.cupy().cuda.Event(blocking, not enable_timing, interprocess)

    def record(self, stream: Stream | None = None) -> None:
        """Puts it at the end of the work of a stream, by default the current one."""
        self._event.record((current_stream() if stream is None else stream)._stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Has what comes later in a stream wait for it."""
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self) -> bool:
        """Whether the work before it is done."""
        return bool(self._event.done)

    def synchronize(self) -> None:
        """Waits until the work before it is done."""
        self._event.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to another."""
        return float(gpu.cupy().cuda.get_elapsed_time(self._event, end_event._event))


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    index = number_of(device)
    return Stream(index, _stream=gpu.cupy().cuda.get_current_stream(index))


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to if no other is chosen."""
    return Stream(device, _stream=gpu.cupy().cuda.Stream.null)


def set_stream(stream: Stream) -> None:
    """Has work go to a stream from now on; None does nothing."""
    if stream is not None:
        stream._stream.use()


class stream:
    """A block in which work goes to a stream; `stream(None)` does nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.before = current_stream(self.stream.device)
            set_stream(self.stream)

    def __exit__(self, *failure: object) -> None:
        if self.stream is not None:
            set_stream(self.before)


def is_current_stream_capturing() -> bool:
    """Whether the GPU's work is being recorded: recording is not supported."""
    return False


class CUDAGraph:
    """A recording of a GPU's work: not supported.

    Raises:
        NotImplementedError (also a RuntimeError): always; what it says depends on whether there is a GPU.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        number_of(None)
        raise UnsupportedError("cuda.CUDAGraph: recording a GPU's work is not supported; call the model as it is")
