"""Recording: while a call runs, everything it does to tensors is written down as the steps of a program.

Operators are seen as they are applied; their forward will run again on other arrays, with the same constants. What else
makes tensors (`zeros`, a comparison, a random draw) is written down as the call that it is. A value gets a slot. The
steps say by number from where they read and to where they write; `native.Program` runs them.

Nothing here judges Python code: that is the evaluator's (evaluate.py). A recorder refuses when it meets a tensor that
it does not know, since then something happened that it did not see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import random
from ..autograd.grad_mode import mode
from ..autograd.intercept import intercepting
from ..autograd.tape import Operator, Pick, TensorBase, steps, touch, version
from ..detour import detour, straighten
from ..mistakes import look_at_mode
from ..nn.parameter import Buffer, Parameter
from ..ops import promotion
from ..tensor import Tensor
from .backward import WalkBack
from .direct import direct
from .steps import BEGIN, CALL, END, FORWARD, UNPACK, WRAP, Node, Step
from .values import PLAIN, Deferred, tensors_in

Array = Any


_READERS = "__array__ __bool__ __complex__ __contains__ __float__ __index__ __int__ item numpy tolist"
READERS = tuple(vars(Tensor)[name] for name in _READERS.split(" "))  # what a tensor's elements are read by


def copy_into(target: Array, result: Array) -> None:
    """The write of an in-place operator."""
    np.copyto(target, result)
    touch(target)


def draw_mask(shape: tuple[int, ...], p: float, axes: Any) -> Array:
    """The mask of a dropout, drawn as the operator draws it."""
    look_at_mode("dropout", True, mode.enabled)
    return random.dropout_mask(None, shape, p, axes)


def follow(base: Array, path: Any) -> Array:
    """The array of a view, from that of its base."""
    for kind, args in steps(path):
        base = kind.forward(kind(), base, *args)
    return base


def pack(*items: Any) -> tuple[Any, ...]:
    """The arguments as a tuple."""
    return items


class Recorder:
    """What a call did so far.

    Attributes:
        refusals: why the call cannot be replayed; empty if it can.
        later: it may be possible once a few more calls are over.
    """

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.later = False
        self.modules: list[Any] = []  # those being called, the outermost first
        self.steps: list[Step] = []
        self.constants: list[Any] = []  # by slot; Ellipsis where a step writes
        self.nodes: dict[int, Node] = {}  # by id of entry
        self.arguments: list[Any] = []
        self.tensors: list[TensorBase] = []  # that were there before the call, beside the arguments
        self.slots: dict[int, int] = {}  # id of array -> slot
        self.known: dict[int, tuple[Any, Array]] = {}  # id of tensor -> it, and its array when it was met
        self.edges: dict[int, int] = {}  # id of edge -> slot
        self.objects: dict[int, int] = {}  # id of another object that a step made -> slot
        self.kept: list[Any] = []  # what ids were taken of
        self.starts: list[tuple[int, int]] = []  # slots of array and edge of each argument, then of each tensor
        self.reading = False
        self.kept_graph = False  # by a backward that may be followed by another
        self.delivered: list[Any] = []  # tensors whose gradient came
        self.laid_out = 0  # tensors that became row-major
        self.collectors: list[Any] = []  # empty lists that operators were given, to add results to

    def refuse(self, why: str) -> None:
        if why not in self.refusals:
            self.refusals.append(why)

    # ------------------------------------------------------------------------------------------------------- slots

    def slot(self, constant: Any = ...) -> int:
        """A new slot."""
        self.constants.append(constant)
        return len(self.constants) - 1

    def step(self, action: int, object_: Any, reads: list[int], writes: list[int], node: Node | None = None) -> Step:
        made = Step(action, object_, reads, writes, node)
        made.modules = tuple(self.modules)
        self.steps.append(made)
        return made

    def meet(self, tensor: Any, slot: int) -> None:
        """Notes that the array of `tensor` is in this slot."""
        self.known[id(tensor)] = (tensor, tensor._array)
        self.slots[id(tensor._array)] = slot
        self.kept.append((tensor, tensor._array))

    def _start_from(self, value: Any) -> None:
        """An argument, or a tensor that was there before."""
        array, edge = self.slot(), -1
        if isinstance(value, TensorBase):
            self.meet(value, array)
            if value._edge is not None:
                edge = self.edges.setdefault(id(value._edge), self.slot())
                self.kept.append(value._edge)
        self.starts.append((array, edge))

    def _check(self, tensor: Any) -> None:
        if type(tensor._array) is not np.ndarray or type(tensor) not in (Tensor, Parameter, Buffer):
            self.refuse(f"a {type(tensor).__name__} over a {type(tensor._array).__name__} is read")

    def argument(self, value: Any) -> None:
        self.arguments.append(value)
        if isinstance(value, TensorBase):
            self._check(value)
        if isinstance(value, TensorBase) and id(value) in self.known:
            self.starts.append((-1, -1))  # given twice
        else:
            self._start_from(value)

    def existing(self, tensor: TensorBase) -> None:
        """A tensor that a guarded place holds."""
        if id(tensor) not in self.known:
            self._check(tensor)
            self.tensors.append(tensor)
            self._start_from(tensor)

    def array_slot(self, tensor: Any) -> int:
        """The slot of a tensor's array."""
        found = self.known.get(id(tensor))
        if found is None:
            slot = self.slots.get(id(tensor._array))  # another tensor over an array that is known
            if slot is None:
                self.refuse("a tensor comes from where the recording cannot see")
                return self.slot()
            self.meet(tensor, slot)
            return slot
        if tensor._array is not found[1]:
            return self._laid_out_anew(tensor, found[1])
        return self.slots[id(tensor._array)]

    def _laid_out_anew(self, tensor: Any, before: Array) -> int:
        """A result became row-major in memory because its strides were asked for."""
        slot = self.slot()
        self.laid_out += 1
        if tensor._base is not None:  # its base did, and it followed
            self.step(CALL, follow, [self.array_slot(tensor._base), self.slot(tensor._path)], [slot])
        else:
            if before.flags.c_contiguous or not tensor._array.flags.c_contiguous or self.is_existing(tensor):
                self.refuse("a tensor got another array")
            self.step(CALL, np.ascontiguousarray, [self.slots[id(before)]], [slot])
        self.meet(tensor, slot)
        return slot

    def value_slot(self, value: Any) -> int:
        """The slot of an operator's argument: a tensor's array, an array, a constant, or a tuple of such."""
        if isinstance(value, TensorBase):
            return self.array_slot(value)
        if isinstance(value, np.ndarray):
            if id(value) not in self.slots:
                self.refuse("an array comes from where the recording cannot see")
            return self.slots.get(id(value), 0)
        if isinstance(value, Deferred):
            return value.slot
        if id(value) in self.objects:
            return self.objects[id(value)]
        if type(value) is list and not value:
            return self._collector(value)
        if isinstance(value, (tuple, list)) and any(self._is_made(each) for each in value):
            slot = self.slot()
            self.step(CALL, pack if type(value) is tuple else _pack_list, [self.value_slot(v) for v in value], [slot])
            return slot
        if not self._is_constant(value):
            self.refuse(f"an operator is given a {type(value).__name__}")
        return self.slot(value)

    def _collector(self, empty: list[Any]) -> int:
        slot = self.objects[id(empty)] = self.slot()
        self.step(CALL, list, [], [slot])
        self.collectors.append(empty)
        self.kept.append(empty)
        return slot

    def is_existing(self, tensor: Any) -> bool:
        """Whether a tensor was there before the call, in a guarded place."""
        return any(each is tensor for each in self.tensors)

    def _is_made(self, value: Any) -> bool:
        if isinstance(value, (tuple, list)):
            return any(self._is_made(each) for each in value)
        return isinstance(value, (TensorBase, np.ndarray, Deferred)) or id(value) in self.objects

    def _is_constant(self, value: Any) -> bool:
        if isinstance(value, tuple):
            return all(map(self._is_constant, value))
        if isinstance(value, (*PLAIN, np.dtype, np.generic)):
            return True
        return callable(value) and not hasattr(value, "__self__")

    # --------------------------------------------------------------------------------------------------- operators

    def operator(self, cls: Any, args: tuple[Any, ...], proceed: Callable[..., Any]) -> Any:
        """Runs an operator, as `intercepting` asks, and writes it down."""
        reads = [self.value_slot(each) for each in args]
        edges = [getattr(each, "_edge", None) if isinstance(each, TensorBase) else None for each in args]
        out = proceed(*args)
        outs = out if type(out) is tuple else (out,)
        entry: Any = next((o._edge for o in outs if o._edge is not None), None)
        entry = entry.edges[0] if type(entry) is Pick else entry
        if cls.differentiate is not Operator.differentiate:
            self.refuse(f"{cls.__name__} has a backward of its own kind")
        ctx = self.slot()
        node = None
        if entry is not None:
            arrays = tuple([each._array if isinstance(each, TensorBase) else each for each in args])
            node = self.nodes[id(entry)] = Node(entry, ctx, direct(cls, arrays, entry.needs), reads)
            self.kept.append(entry)
            self.edges[id(entry)] = ctx
        known = [-1 if e is None else self.edges.get(id(e), -2) for e in (edges if node else [])]
        if -2 in known:
            self.refuse("a tensor is part of a graph that was not recorded")
        self.step(BEGIN, cls, known, [ctx], node)
        writes = [self.slot() for _ in outs]
        self.step(FORWARD, cls.forward, [ctx, *reads], writes, node)
        for each, slot in zip(outs, writes):
            self.meet(each, slot)
        if node is not None:
            more = node.direct.outs - len(writes) if node.direct else 0
            node.writes = [*writes, *(self.slot() for _ in range(more))]
            self._end(node, cls, reads, outs)
        return out

    def _end(self, node: Node, cls: Any, reads: list[int], outs: tuple[Any, ...]) -> None:
        self.step(END, len(outs), [node.slot, *(reads if cls.saves is None else [])], [], node)
        for each in outs:
            if type(each._edge) is Pick:
                slot = self.edges[id(each._edge)] = self.slot()
                self.kept.append(each._edge)
                self.step(CALL, Pick, [node.slot, self.slot(each._edge.index)], [slot], node)

    def operation(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a function of tensors that is known to depend on nothing else, and writes down what it did: the
        operators it applied, or if they are not all that made its results, the call itself."""
        begun, laid_out = len(self.steps), self.laid_out
        before = [(t, t._array, version(t._array)) for t in tensors_in(args, kwargs)]
        result = function(*args, **kwargs)
        written = [t for t, array, v in before if version(array) != v]
        if written:
            self._written_in_place(written, result, begun)
            return result
        results = tensors_in(result)
        if not results:
            self.refuse(f"{getattr(function, '__name__', function)} gives no tensor")
            return result
        if any(id(t) not in self.known and id(t._array) not in self.slots for t in results):
            del self.steps[begun:]
            if self.laid_out != laid_out:
                self.refuse("a tensor got another array")
            self._as_call(function, args, kwargs, result)
        for each in results:
            self.array_slot(each)
        return result

    def _written_in_place(self, written: list[Any], result: Any, begun: int) -> None:
        """An in-place operator: the last operator's result was copied to its target."""
        target = written[0]
        made = next((s for s in reversed(self.steps[begun:]) if s.action == FORWARD), None)
        graph = target._edge is not None
        if result is not target or made is None or len(written) > 1 or (graph and target._base is not None):
            self.refuse("a tensor is written to in place in a way that is not recorded")
            return
        if graph and id(target._edge) not in self.nodes:
            self.refuse("a tensor is written to in place that is part of an older graph")
        self.step(CALL, copy_into, [self.array_slot(target), made.writes[0]], [])

    def _as_call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Writes down a call of `function` on tensors."""
        if any(t._edge is not None for t in tensors_in(result)):
            self.refuse(f"{getattr(function, '__name__', function)} is differentiated in a way that is not recorded")
        self.call(function, args, kwargs, result)

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, whole: bool = False
    ) -> None:
        """Writes down a call that gave this result: tensors (in a tuple or list, unless that is wanted as a
        `whole`), or an object that steps may hand on."""
        reads = [self.handed_slot(each) for each in args]
        if kwargs:
            names = tuple(kwargs)
            reads = [self.slot(function), self.slot(names), *reads, *(self.handed_slot(v) for v in kwargs.values())]
            function = _call_by_name
        if isinstance(result, (tuple, list)) and tensors_in(result) and not whole:
            all_ = self.slot()
            self.step(CALL, function, reads, [all_])
            slots = [self.slot() for _ in result]
            self.step(UNPACK, tuple, [all_], slots)
            for each, slot in zip(result, slots):
                self._made_by_call(each, slot)
        else:
            slot = self.slot()
            self.step(CALL, function, reads, [slot])
            self._made_by_call(result, slot)

    def _made_by_call(self, value: Any, slot: int) -> None:
        if isinstance(value, PLAIN):
            return
        if not isinstance(value, TensorBase):
            self.objects[id(value)] = slot
            self.kept.append(value)
            return
        array = self.slot()
        self.step(CALL, _array_of, [slot], [array])
        self.meet(value, array)

    def handed_slot(self, value: Any) -> int:
        """The slot of an argument of a call: tensors are handed on as tensors."""
        if id(value) in self.objects:
            return self.objects[id(value)]
        if isinstance(value, TensorBase) and self.is_existing(value):
            return self.slot(value)
        if isinstance(value, TensorBase):
            slot = self.slot()
            self.step(WRAP, None, [self.array_slot(value), -1], [slot])
            return slot
        if isinstance(value, (tuple, list)) and any(self._is_made(each) for each in value):
            slot = self.slot()
            self.step(CALL, pack if type(value) is tuple else _pack_list, [self.handed_slot(v) for v in value], [slot])
            return slot
        return self.value_slot(value) if self._is_made(value) or self._is_constant(value) else self.slot(value)

    def new_array(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Array:
        """A new array like a known one, as our own code makes it."""
        made = function(*args, **kwargs)
        reads = [self.slot(function), self.slot(tuple(kwargs)), *map(self.value_slot, (*args, *kwargs.values()))]
        slot = self.slots[id(made)] = self.slot()
        self.kept.append(made)
        self.step(CALL, _call_by_name, reads, [slot])
        return made

    def number(self, function: Any, tensor: Any) -> Any:
        """A number that `function` reads from a tensor."""
        with self.free_to_read():
            value = function(tensor)
        if self.refusals:
            return value
        slot = self.slot()
        self.step(CALL, function, [self.handed_slot(tensor)], [slot])
        return Deferred(value, slot)

    # ---------------------------------------------------------------------------------------------------- listening

    def listen(self, function: Callable[[], Any]) -> Any:
        """Runs `function`, seeing what this thread does meanwhile."""
        here = threading.get_ident()

        def mask(go_on: Any, generator: Any, shape: Any, p: float = 0.5, axes: Any = None) -> Any:
            drawn = go_on(generator, shape, p, axes)
            if threading.get_ident() == here:
                slot = self.slots[id(drawn)] = self.slot()
                self.kept.append(drawn)
                self.step(CALL, draw_mask, [self.slot(tuple(shape)), self.slot(p), self.slot(axes)], [slot])
                if generator is not None:
                    self.refuse("a generator of its own draws a mask")
            return drawn

        def number(go_on: Any, *args: Any) -> Any:
            made = go_on(*args)
            if threading.get_ident() == here:
                self.slots[id(made)] = self.slot(made)
                self.kept.append(made)
            return made

        def read(go_on: Any, *args: Any, **options: Any) -> Any:
            if threading.get_ident() == here and not self.reading:
                self.refuse("a function reads the elements of a tensor")
            return go_on(*args, **options)

        ways = [(random.dropout_mask, mask), (promotion.number_like, number), *((reader, read) for reader in READERS)]
        for known, around in ways:
            detour(known, around)
        try:
            with intercepting(self.operator):
                return function()
        finally:
            for known, around in ways:
                straighten(known, around)

    @contextmanager
    def free_to_read(self) -> Iterator[None]:
        """A block in which the elements of tensors may be read, since a replay reads them again."""
        before, self.reading = self.reading, True
        try:
            yield
        finally:
            self.reading = before

    # ----------------------------------------------------------------------------------------------------- backward

    def backward(self, tensor: Any, retain_graph: bool = False) -> None:
        """`tensor.backward()`: does it, and writes it down."""
        edge = tensor._edge
        if id(edge) not in self.nodes and not (type(edge) is Pick and id(edge.edges[0]) in self.nodes):
            self.refuse("backward goes through a graph that was not recorded")
            tensor.backward(retain_graph=retain_graph)
            return
        self.kept_graph |= retain_graph
        array = np.array(1, tensor._array.dtype) if not tensor._array.ndim else np.ones_like(tensor._array)
        seed = self.slot()
        self.step(CALL, _seed, [self.slot(array.dtype), self.slot(array.shape)], [seed])
        before, mode.enabled = mode.enabled, False
        try:
            WalkBack(self, retain_graph).run(edge, array, seed)
        finally:
            mode.enabled = before


def _pack_list(*items: Any) -> list[Any]:
    return list(items)


def _array_of(tensor: Any) -> Array:
    return tensor._array


def _seed(kind: Any, shape: tuple[int, ...]) -> Array:
    """The gradient of a loss with respect to itself."""
    return np.ones(shape, kind)


def _call_by_name(function: Any, names: tuple[str, ...], *args: Any) -> Any:
    """`function` with the last arguments given by name."""
    place = len(args) - len(names)
    return function(*args[:place], **dict(zip(names, args[place:])))
