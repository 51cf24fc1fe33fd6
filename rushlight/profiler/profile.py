"""The profiler: which operators and modules the time goes to. PyTorch's names: profile, record_function, schedule."""

from __future__ import annotations

import enum
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ContextDecorator, ExitStack
from pathlib import Path
from typing import Any

from .. import nn
from ..autograd.watch import watching
from ..errors import AssertError, OperatorError, UnsupportedError
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from .events import Averages, Event, averages, flat, write_chrome_trace
from .flops import flops


class ProfilerActivity(enum.Enum):
    """What is measured: there is the CPU."""

    CPU = 0
    CUDA = 1


def kineto_available() -> bool:
    """Whether PyTorch's own recorder is there: no; `profile` records all the same."""
    return False


def supported_activities() -> set[ProfilerActivity]:
    """What `profile` can record: the CPU."""
    return {ProfilerActivity.CPU}


class ProfilerAction(enum.Enum):
    """What a profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps to record: after `skip_first` steps, rounds of `wait` and `warmup` steps that are not, and `active`
    ones that are.

    Args:
        repeat: so many rounds; 0 for no end.
        skip_first_wait: not 0 to begin the first round without its `wait`.

    Raises:
        AssertionError: a number below 0, or active below 1.

    Example:
        >>> [schedule(wait=1, warmup=1, active=2, repeat=1)(step).name for step in range(5)]
        ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise AssertError(
            "Invalid profiler schedule arguments: expected numbers of at least 0, and active of at least 1"
        )
    period = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertError("schedule: step numbers begin at 0")
        step += wait * bool(skip_first_wait) - skip_first
        if step < 0 or (repeat and step >= repeat * period):
            return ProfilerAction.NONE
        place = step % period
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == period - 1 else ProfilerAction.RECORD

    return action


class _Recorder:
    """Collects events while it is entered: per thread, what is under way and what is finished."""

    def __init__(self, shapes: bool, counts_flops: bool) -> None:
        self.shapes, self.counts_flops = shapes, counts_flops
        self.roots: list[Event] = []
        self.zero = time.perf_counter()
        self.local = threading.local()
        self.lock = threading.Lock()
        self.numbers: dict[Any, str] = {}  # module -> its name in the record

    @property
    def stack(self) -> list[Event]:
        if not hasattr(self.local, "stack"):
            self.local.stack = []
        return self.local.stack

    def begin(self, name: str, kind: str) -> Event:
        event = Event(name, kind, self.now(), threading.get_ident())
        self.stack.append(event)
        return event

    def now(self) -> float:
        return (time.perf_counter() - self.zero) * 1e6

    def end(self, event: Event) -> None:
        """Ends an event, and what an exception left open within it."""
        stack, now = self.stack, self.now()
        while event in stack:
            last = stack.pop()
            last.end = now
            if stack:
                stack[-1].children.append(last)
            else:
                with self.lock:
                    self.roots.append(last)

    def around(self, entry: Any, kind: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """An operator."""
        name = type(entry).__name__ if kind == "forward" else type(entry).name()
        event = self.begin(name, "operator")
        if self.shapes:
            event.input_shapes = [list(getattr(a, "shape", ())) for a in args]
        try:
            out = function(entry, *args)
            if self.counts_flops and kind == "forward":
                event.flops = flops(name, args, out)
            return out
        finally:
            self.end(event)

    def enter_module(self, module: nn.Module, args: Any) -> None:
        kind = type(module).__name__
        if module not in self.numbers:
            number = sum(name.startswith(f"nn.Module: {kind}_") for name in self.numbers.values())
            self.numbers[module] = f"nn.Module: {kind}_{number}"
        self.begin(self.numbers[module], "module")

    def leave_module(self, module: nn.Module, args: Any, output: Any) -> None:
        name = self.numbers.get(module)
        event = next((event for event in reversed(self.stack) if event.name == name), None)
        if event is not None:
            self.end(event)

    def enter_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.begin(f"Optimizer.step#{type(optimizer).__name__}.step", "block")

    def leave_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self.stack and self.stack[-1].name.startswith("Optimizer.step#"):
            self.end(self.stack[-1])

    def listening(self) -> ExitStack:
        """A block in which all of this is called."""
        stack = ExitStack()
        stack.enter_context(watching(self.around))
        stack.enter_context(register_module_forward_pre_hook(self.enter_module))
        stack.enter_context(register_module_forward_hook(self.leave_module, always_call=True))
        stack.enter_context(register_optimizer_step_pre_hook(self.enter_step))
        stack.enter_context(register_optimizer_step_post_hook(self.leave_step))
        return stack


_recorder: _Recorder | None = None  # of the profiler that records now


class record_function(ContextDecorator):
    """A block (or, as a decorator, a function) with a name in the profiler's record.

    Example:
        >>> with profile() as prof, record_function("mine"):
        ...     _ = rushlight.ones(2).exp()
        >>> [average.key for average in prof.key_averages()]
        ['mine', 'Exp']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: list[tuple[_Recorder, Event]] = []

    def __enter__(self) -> record_function:
        if _recorder is not None:
            self._open.append((_recorder, _recorder.begin(self.name, "block")))
        return self

    def __exit__(self, *failure: object) -> None:
        if self._open:
            recorder, event = self._open.pop()
            recorder.end(event)

    def _recreate_cm(self) -> record_function:
        return type(self)(self.name, self.args)


class profile:
    """Records what happens in a block: each operator forward and backward, each module, each optimizer's step, and
    blocks named by `record_function`.

    Args:
        activities: of ProfilerActivity; only CPU.
        schedule: function of the step number, see `schedule`; None records all.
        on_trace_ready: called with the profiler when a round of the schedule, or the block, is complete.
        record_shapes: keep the shapes of operators' arguments.
        with_flops: count the FLOPs of operators that multiply matrices.
        with_modules: accepted; modules are always recorded.
        profile_memory, with_stack: refused.
        acc_events: keep the events of all rounds, not only the last.

    Raises:
        NotImplementedError: what is not supported. RuntimeError: another profiler is recording.

    Example:
        >>> model = nn.Linear(4, 2)
        >>> with profile(record_shapes=True) as prof:
        ...     model(rushlight.ones(3, 4)).sum().backward()
        >>> print(prof.key_averages().table(sort_by="cpu_time_total", row_limit=5))
        ---...Name...Self CPU...Self CPU time total...

    Source: the behaviour of torch.profiler.profile; operators have the names that Rushlight gives them.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
    ) -> None:
        if profile_memory or with_stack:
            raise UnsupportedError(
                "profile: profile_memory and with_stack are not supported; use tracemalloc or py-spy"
            )
        if ProfilerActivity.CUDA in (activities or ()):
            raise UnsupportedError("profile: only ProfilerActivity.CPU can be measured")
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.record_shapes, self.with_flops, self.acc_events = record_shapes, with_flops, acc_events
        self.step_num = 0
        self._events: list[Event] = []
        self._recorder: _Recorder | None = None
        self._listening: ExitStack | None = None
        self._step: record_function | None = None

    # ------------------------------------------------------------------------------------------------ beginning, ending

    @property
    def current_action(self) -> ProfilerAction:
        return self.schedule(self.step_num) if self.schedule else ProfilerAction.RECORD

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins; records if the schedule has it so."""
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._record()

    def stop(self) -> None:
        """Ends; tells `on_trace_ready` if something was recorded."""
        if self._recorder is not None:
            self._finish()

    def step(self) -> None:
        """Says that a step of the program ends, for the schedule."""
        before = self.current_action
        self.step_num += 1
        now = self.current_action
        recording = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._recorder is not None and (before is ProfilerAction.RECORD_AND_SAVE or now not in recording):
            self._finish()
        if self._recorder is None and now in recording:
            self._record()
        elif self._recorder is not None:
            self._mark_step()

    def _record(self) -> None:
        global _recorder
        if _recorder is not None:
            raise OperatorError("profile: another profiler is recording")
        _recorder = self._recorder = _Recorder(self.record_shapes, self.with_flops)
        self._listening = self._recorder.listening()
        self._mark_step()

    def _mark_step(self) -> None:
        """Ends the block of the last step and begins that of this one."""
        if self._step is not None:
            self._step.__exit__()
        self._step = record_function(f"ProfilerStep#{self.step_num}") if self.schedule else None
        if self._step is not None:
            self._step.__enter__()

    def _finish(self) -> None:
        global _recorder
        if self._step is not None:
            self._step.__exit__()
        self._step = None
        assert self._listening is not None and self._recorder is not None
        self._listening.close()
        self._events = (self._events if self.acc_events else []) + self._recorder.roots
        self._recorder = self._listening = _recorder = None
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    # ---------------------------------------------------------------------------------------------------- what was seen

    def events(self) -> list[Event]:
        """All events, in the order of their beginnings."""
        return flat(self._events)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> Averages:
        """Events of one name, added up.

        Args:
            group_by_input_shape: those of other shapes apart; needs record_shapes.
            group_by_stack_n: refused above 0.

        Raises:
            NotImplementedError: group_by_stack_n above 0.
        """
        if group_by_stack_n:
            raise UnsupportedError("key_averages: group_by_stack_n is not supported; leave it 0")
        return averages(self._events, group_by_input_shape)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes a trace for chrome://tracing or ui.perfetto.dev."""
        write_chrome_trace(path, self._events)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each trace into a folder under a name of its own.

    Raises:
        NotImplementedError: use_gzip.
    """
    if use_gzip:
        raise UnsupportedError("tensorboard_trace_handler: use_gzip is not supported; compress the files afterwards")
    worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def handler(prof: profile) -> None:
        Path(dir_name).mkdir(parents=True, exist_ok=True)
        prof.export_chrome_trace(Path(dir_name) / f"{worker}.{time.time_ns()}.pt.trace.json")

    return handler
