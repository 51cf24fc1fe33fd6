"""Capture: a function or module that is replayed where a recording fits, recorded where that may help, and otherwise
called as it is.

A recording has guards and a program, both native. The guards hold everything that the recorded call read; as long as
they hold, the program's steps are what the call would do.
"""

from __future__ import annotations

import copy
import logging
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import detour, dtypes
from ..autograd import intercept, watch
from ..autograd.grad_mode import mode
from ..autograd.tape import Pick, TensorBase
from ..errors import RushlightError
from ..kernels import native
from ..mistakes import Notice
from ..nn import hooks
from ..nn.module import locate
from .assembly import assembled, dead
from .calling import Caller
from .guarding import BARE, ENTRY, LENGTH
from .recording import Recorder
from .settings import settings
from .steps import CALL, WRAP
from .values import Deferred, bare

log = logging.getLogger("rushlight.compiler")
_recording = threading.Lock()
PATIENCE = 3  # refusals, after which a call is never recorded again
PAUSE = 10  # calls until one that came too early is recorded again


# ------------------------------------------------------------------------------------------------ nests of arguments


def flattened(value: Any, leaves: list[Any]) -> Any:
    """Adds what is in nests of tuples, lists and dicts to `leaves`, and gives their form."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind, tuple([flattened(each, leaves) for each in value])
    if kind is dict:
        return kind, tuple(value), tuple([flattened(each, leaves) for each in value.values()])
    leaves.append(value)
    return None


def _containers(value: Any) -> Iterator[Any]:
    if type(value) in (tuple, list, dict):
        yield value
        for each in value.values() if type(value) is dict else value:
            yield from _containers(each)


# --------------------------------------------------------------------------------------------------------- recordings


class Recording:
    """What one call did, ready to be done again."""

    def __init__(self, form: Any, guards: Any, program: Any, places: list[Any], rebuild: Callable[..., Any]) -> None:
        self.form = form  # of the arguments; None for tensors and constants given by position
        self.guards, self.program = guards, program
        self.places = places  # for each step the modules that were being called
        self.rebuild = rebuild

    def replay(self, values: Any, arguments: tuple[Any, ...]) -> Any:
        """Runs the program; errors say in which module they happened, as those of eager calls do."""
        try:
            return self.rebuild(self.program(values), arguments)
        except RushlightError as error:
            for module in reversed(self.places[self.program.failed]):
                locate(error, module)
            raise


def _result_slot(recorder: Recorder, tensor: Any) -> int:
    """A step that makes a tensor of the result: with its place in the graph, or behind one that is used up."""
    array, edge = recorder.array_slot(tensor), -1
    base = tensor._base
    if vars(tensor):
        recorder.refuse("a result has attributes of its own")
    if base is not None and (recorder.is_existing(base) or any(base is each for each in recorder.arguments)):
        recorder.refuse("a view of an argument or of a tensor from outside is returned")
    if tensor._edge is not None:
        entry = tensor._edge.edges[0] if type(tensor._edge) is Pick else tensor._edge
        node = recorder.nodes.get(id(entry))
        if node is None:
            recorder.refuse("a result is part of a graph that was not recorded")
        elif node.walked:
            if recorder.kept_graph:
                recorder.refuse("a result is part of a graph that was kept")
            edge = recorder.slot()
            recorder.step(CALL, dead, [recorder.slot(type(entry))], [edge])
        else:
            edge = recorder.edges[id(tensor._edge)]
    slot = recorder.slot()
    recorder.step(WRAP, None, [array, edge], [slot])
    return slot


class _Results:
    """Which slots make the result, and how it is put together from them."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.slots: list[int] = []
        self.tensors: list[Any] = []
        self.found: dict[int, int] = {}

    def plan(self, value: Any) -> Callable[[Any, Any], Any]:
        """A function of (results of the program, arguments of the call) that makes `value`."""
        recorder = self.recorder
        if isinstance(value, TensorBase):
            return self._plan_tensor(value)
        if isinstance(value, Deferred):
            return self._plan_slot(value.slot)
        if type(value) in (tuple, list):
            parts, kind = [self.plan(each) for each in value], type(value)
            return lambda results, arguments: kind([part(results, arguments) for part in parts])
        if type(value) is dict:
            entries = [(key, self.plan(each)) for key, each in value.items()]
            return lambda results, arguments: {key: part(results, arguments) for key, part in entries}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            parts, make = [self.plan(each) for each in value], type(value)
            return lambda results, arguments: make(*[part(results, arguments) for part in parts])
        if not recorder._is_constant(value):
            recorder.refuse(f"a {type(value).__name__} is returned")
        return lambda results, arguments: value

    def _plan_slot(self, slot: int) -> Callable[[Any, Any], Any]:
        place = len(self.slots)
        self.slots.append(slot)
        return lambda results, arguments: results[place]

    def _plan_tensor(self, tensor: Any) -> Callable[[Any, Any], Any]:
        place = next((i for i, each in enumerate(self.recorder.arguments) if each is tensor), None)
        if place is not None:
            return lambda results, arguments: arguments[place]
        if self.recorder.is_existing(tensor):
            return lambda results, arguments: tensor
        if id(tensor) not in self.found:
            slot = self.found[id(tensor)] = _result_slot(self.recorder, tensor)
            base = tensor._base
            if any(_share_memory(tensor, each) and each is not base for each in self.tensors):
                self.recorder.refuse("results that share memory are returned")
            if base is not None and id(base) in self.found:
                self.recorder.step(CALL, link, [slot, self.found[id(base)], self.recorder.slot(tensor._path)], [])
            self.tensors.append(tensor)
        return self._plan_slot(self.found[id(tensor)])


def link(view: Any, base: Any, path: Any) -> None:
    """Notes that a result is a view of another."""
    view._base, view._path = base, path
    if mode.enabled:
        base._views = [*(base._views or ()), weakref.ref(view)]


def _share_memory(a: Any, b: Any) -> bool:
    return bool(np.may_share_memory(a._array, b._array))


def _first(results: Any, arguments: Any) -> Any:
    return results[0]


def outside() -> list[tuple[int, Any, Any, Any]]:
    """What every recording guards: nothing watches or changes what operators do; floats become the same dtype."""
    return [
        (ENTRY, vars(intercept), "_entered", 0),
        (ENTRY, vars(watch), "_watching", 0),
        (ENTRY, vars(dtypes), "_default", dtypes.get_default_dtype()),
        (LENGTH, detour._detoured, None, 0),
        (LENGTH, hooks.any_global, None, 0),
    ]


def _undisturbed() -> bool:
    """Whether a recording made now would fit now."""
    return not (intercept._entered or watch._watching or detour._detoured or hooks.any_global or mode.inference)


class Capture:
    """A callable that replays what `function` did, while it would do the same.

    Attributes:
        function: a function, a bound method or a module.
        recordings: at most `settings.recompile_limit`; others are called as they are.
        refusals: why calls could not be recorded.
        calls, replays: how many there were.
    """

    def __init__(self, function: Any, fullgraph: bool = False) -> None:
        self.function = self._torchdynamo_orig_callable = function
        self.fullgraph = fullgraph
        self.reset()

    def reset(self) -> None:
        """Forgets all recordings."""
        self.recordings: list[Recording] = []
        self.refusals: list[str] = []
        self.calls = self.replays = self.next_try = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if settings.disable or settings.stance == "force_eager":
            return self.function(*args, **kwargs)
        self.calls += 1
        if not kwargs:
            for recording in self.recordings:
                if recording.form is None:
                    values = recording.guards(args)
                    if values is not None:
                        self.replays += 1
                        return recording.replay(values, args)
        return self._unusual(args, kwargs)

    def _unusual(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with nests or names among its arguments, or one that no recording fits."""
        leaves: list[Any] = []
        form = flattened((args, kwargs), leaves)
        flat = tuple(leaves)
        for recording in self.recordings:
            if recording.form == form:
                values = recording.guards(flat)
                if values is not None:
                    self.replays += 1
                    return recording.replay(values, flat)
        if self._may_record() and _recording.acquire(blocking=False):
            try:
                return self._record(args, kwargs, flat, form)
            finally:
                _recording.release()
        return self.function(*args, **kwargs)

    def _may_record(self) -> bool:
        """The first call runs as it is: if it goes wrong, it goes wrong in the program's own lines."""
        enough = len(self.recordings) >= settings.recompile_limit or len(self.refusals) >= PATIENCE
        wanted = native is not None and self.calls > max(self.next_try, 1) and settings.stance == "default"
        return wanted and not enough and _undisturbed()

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any], flat: tuple[Any, ...], form: Any) -> Any:
        recorder = Recorder()
        caller = Caller(recorder)
        for each in flat:
            recorder.argument(each)
        for each in _containers((args, kwargs)):
            caller.guarding.given[id(each)] = each
        for each in flat:
            if not isinstance(each, TensorBase) and not recorder._is_constant(each):
                caller.guarding.read(each)
        enabled = mode.enabled
        result = recorder.listen(lambda: caller.call(self.function, args, kwargs))
        self._keep(recorder, caller, result, flat, form, enabled)
        return bare(result)

    def _keep(
        self, recorder: Recorder, caller: Caller, result: Any, flat: tuple[Any, ...], form: Any, enabled: bool
    ) -> None:
        """Makes a recording of what was written down, unless something speaks against it."""
        results = _Results(recorder)
        rebuild = results.plan(result)
        if recorder.later:
            self.next_try = self.calls + PAUSE
            return
        if recorder.refusals:
            self._refused("; ".join(recorder.refusals))
            return
        simple = all(kind is None for kind in form[1][0][1]) and not form[1][1][1]
        program, places = assembled(recorder, results.slots)
        assert native is not None
        rows = caller.guarding.rows + [(BARE, tensor, None, None) for tensor in recorder.delivered]
        guards = native.Guards(flat, outside() + rows, tuple(recorder.tensors), enabled)
        rebuild = _first if isinstance(result, TensorBase) and len(results.slots) == 1 else rebuild
        self.recordings.append(Recording(None if simple else form, guards, program, places, rebuild))
        log.info("%s: recorded %d steps, %d guards", self.function, len(places), len(caller.guarding.rows))

    def _refused(self, why: str) -> None:
        self.refusals.append(why)
        log.info("%s: not recorded: %s", self.function, why)
        if self.fullgraph and len(self.refusals) == 1:
            warnings.warn(f"compile: {self.function} runs as it is, unrecorded: {why}", Notice, stacklevel=4)

    def __deepcopy__(self, memo: dict[int, Any]) -> Capture:
        return Capture(copy.deepcopy(self.function, memo), self.fullgraph)

    def __reduce__(self) -> Any:
        return Capture, (self.function, self.fullgraph)
