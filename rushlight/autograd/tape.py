"""The tape: how operators are recorded for the walk back that computes gradients (walk.py).

An `Operator` object is one entry: it knows its inputs' entries (`edges`), what its backward needs (`saved`) and when it
was made (`seq`). A Tensor that requires grad points at the entry that made it, or at a `Leaf` that collects its
gradient.

The part that every call passes through exists twice: in plain Python here, and in C++ (native/python/tape.cpp) under
the same names, which takes its place if there is a native build.

Writing in place is noticed by a clock: each entry and each write takes the next number, and a write notes it under the
owner of the memory. An entry whose saved array was written to after the entry was made refuses to go backward.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ..errors import GraphError
from ..kernels import native
from .grad_mode import mode

Array = Any
Path = tuple[Any, Any, tuple[Any, ...]]  # path of what was viewed (None: a base), view operator, constants
OUT = "out"  # in `Operator.saves`: this saved array is the operator's own output


# --------------------------------------------------------------------- the hot path, of which tape.cpp is the twin


class TensorBase:
    """What the tape needs of a tensor; `rushlight.Tensor` adds everything a user sees."""

    _array: Array
    _edge: Operator | Leaf | None = None
    _base: TensorBase | None = None  # the tensor of which this one is a view
    _path: Path | None = None  # the views that lead there from the base
    _views: list[weakref.ref[TensorBase]] | None = None  # live views, to be told when their base is written to
    _views_due = 16  # how long that list may get before the dead ones are dropped
    _grad: TensorBase | None = None


_new = object.__new__
_tensor: type[TensorBase] = TensorBase
_clock = itertools.count(1)


def set_tensor_type(cls: type[TensorBase]) -> None:
    """Tells the tape which class its results have; called once by tensor.py."""
    global _tensor
    _tensor = cls


def wrap(array: Array, edge: Operator | Leaf | None = None) -> Any:
    """A Tensor around an array. NumPy's scalars, which reductions return, become 0-d arrays."""
    tensor = _new(_tensor)
    tensor._array = np.asarray(array) if isinstance(array, np.generic) else array
    tensor._edge = edge
    return tensor


class Entry:
    """The bare tape entry under `Operator`: its fields, and `apply`, which runs and records."""

    edges: tuple[Operator | Leaf | None, ...] = ()
    saved: tuple[Any, ...] = ()
    args: tuple[Any, ...] = ()  # the arguments as arrays, if backward may have to compute anew what it saved
    hooks: dict[int, Callable[[Any], Any]] | None = None
    retained: weakref.ref[TensorBase] | None = None  # the output, if its gradient is to be kept
    trace: str | None = None  # where it was recorded, in anomaly mode
    outputs = 1
    seq = 0

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs the operator on Tensors and constants, and records it if gradients are wanted."""
        ctx: Any = cls()
        arrays = tuple([a._array if isinstance(a, TensorBase) else a for a in args])
        if mode.enabled:
            edges = tuple([a._edge if isinstance(a, TensorBase) else None for a in args])
            if any(edges):
                ctx.edges = edges
                return ctx._record(ctx.forward(ctx, *arrays), arrays)
        out = ctx.forward(ctx, *arrays)
        return tuple(map(wrap, out)) if type(out) is tuple else wrap(out)

    def save(self, *arrays: Any) -> None:
        """Keeps what backward needs."""
        self.saved = arrays

    @property
    def needs(self) -> tuple[bool, ...]:
        """For each argument, whether its gradient is wanted. All False while nothing is recorded."""
        return tuple([edge is not None for edge in self.edges]) or (False,) * 16

    def _record(self: Any, out: Any, arrays: tuple[Any, ...]) -> Any:
        """The output, made a part of the graph."""
        if self.saved and self.saves is None:
            self.args = arrays
        self.seq = next(_clock)
        if _recorder is not None:
            _recorder(self)
        return self._record_several(out) if type(out) is tuple else wrap(out, self)

    def _record_several(self: Any, out: tuple[Any, ...]) -> Any:
        """Several outputs: each is picked from the whole. Integer outputs (indices) have no gradient."""
        self.outputs = len(out)
        return tuple([wrap(a, Pick(self, i) if a.dtype.kind not in "iub" else None) for i, a in enumerate(out)])


_recorder: Callable[[Any], None] | None = None


def set_recorder(function: Callable[[Any], None] | None) -> None:
    """Calls `function(entry)` for each entry that `apply` records, until it is None again: for anomaly mode."""
    global _recorder
    _recorder = function


class ViewEntry(Entry):
    """The bare entry under `View`."""

    @classmethod
    def apply(cls, *args: Any) -> Any:
        out = vars(Entry)["apply"].__get__(None, cls)(*args)  # not Operator's, which intercept.py may have replaced
        source = args[0]
        if getattr(out._array, "base", None) is not None and owner(out._array) is owner(source._array):
            link(out, source, cls, args[1:])
        return out


def link(view: TensorBase, source: TensorBase, cls: Any, args: tuple[Any, ...]) -> None:
    """Notes that `view` is `cls` of `source`: in-place writes to either must reach the other's gradients."""
    view._base = base = source if source._base is None else source._base
    view._path = (source._path, cls, args)
    if mode.enabled:
        if base._views is None or len(base._views) >= base._views_due:
            base._views = [ref for ref in base._views or () if ref() is not None]
            base._views_due = max(16, 2 * len(base._views))
        base._views.append(weakref.ref(view))


def steps(path: Path | None) -> list[tuple[Any, tuple[Any, ...]]]:
    """The view operators and their constants on the way from a base to a view, in order."""
    found = []
    while path is not None:
        path, cls, args = path
        found.append((cls, args))
    return found[::-1]


def owner(array: Array) -> Any:
    """The object whose memory `array` looks at."""
    while (base := getattr(array, "base", None)) is not None:
        array = base
    return array


class Leaf:
    """Where the walk ends: adds what arrives to the `.grad` of a tensor that the user made."""

    __slots__ = ("__weakref__", "after", "hooks", "seq", "tensor")

    def __init__(self, tensor: TensorBase) -> None:
        self.tensor = weakref.ref(tensor)
        self.seq = next(_clock)
        self.hooks: dict[int, Callable[[Any], Any]] | None = None
        self.after: dict[int, Callable[[Any], Any]] | None = None


_written: dict[int, tuple[int, int]] = {}  # id of the owner of some memory -> time of the last write to it, how many


def tick() -> int:
    """The next number of the clock."""
    return next(_clock)


def touch(*arrays: Array) -> None:
    """Notes a write to the arrays' memory. An id may be used again by a later array: entries that save that one are
    newer than the note, so it does them no harm."""
    for array in arrays:
        _written[id(owner(array))] = (next(_clock), version(array) + 1)


def version(array: Array) -> int:
    """How often the memory of `array` was written to in place."""
    return _written.get(id(owner(array)), (0, 0))[1]


def written_since(array: Array, seq: int) -> bool:
    """Whether the memory of `array` was written to in place after that time."""
    return _written.get(id(owner(array)), (0, 0))[0] > seq


if native is not None and not TYPE_CHECKING:
    TensorBase, Entry, ViewEntry, Leaf = native.TensorBase, native.Entry, native.ViewEntry, native.Leaf
    wrap, link = native.wrap, native.link
    set_tensor_type, set_recorder = native.set_tensor_type, native.set_recorder
    tick, touch, version, written_since = native.tick, native.touch, native.version, native.written_since


# ----------------------------------------------------------------------------------------------------- tape entries


class Operator(Entry):
    """One operator, and one use of it on the tape.

    A subclass gives `forward(ctx, *arrays)`, which returns an array or a tuple of arrays and calls `ctx.save`, and
    `backward(ctx, grad)`, which returns the gradient of each leading argument (`None` where there is none). Both are
    pure: they write neither to their arguments nor to what was saved.

    `saves` says what the saved arrays are, for derivatives of higher order: the number of the argument, or OUT for the
    result; arrays beyond it are constants. Without it they are computed anew from the arguments, by running `forward`
    over Tensors.

    `curved` is for operators like relu, whose slope does not change where it is defined: with `create_graph` their
    gradients are part of the graph all the same, with derivatives of zero.
    """

    saves: ClassVar[tuple[int | str, ...] | None] = None
    curved: ClassVar[bool] = False
    moves: ClassVar[bool] = False  # whether its result is on another device than its arguments
    label: ClassVar[str] = ""  # PyTorch's name of the operator, where it is not the class's
    forward: ClassVar[Callable[..., Any]]
    backward: ClassVar[Callable[..., Any]]

    @classmethod
    def derive(cls, *args: Any) -> Any:
        """Runs the operator inside another's backward: on bare arrays, or recorded if that backward is itself
        recorded (then all it works on, so also the first argument, is a Tensor)."""
        if isinstance(args[0], TensorBase):
            return cls.apply(*args)
        return cls.forward(cls(), *args)

    def _enter(self, edges: tuple[Operator | Leaf | None, ...]) -> None:
        """Puts an entry on the tape that no `apply` made."""
        self.edges = edges
        self.seq = tick()

    # -- going backward

    def differentiate(self, grad: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients of the arguments, as arrays, or as recorded Tensors with `create_graph`."""
        if self.saved is None:
            raise GraphError(
                f"{self.name()}: trying to backward through the graph a second time: what it saved was freed after the "
                "first. Specify retain_graph=True the first time if you need to go backward twice."
            )
        self._check_unwritten((*self.saved, *self.args) if create_graph else self.saved)
        ctx = self._replay() if create_graph and self.saved else self
        result = self.backward(ctx, *grad) if type(grad) is list else self.backward(ctx, grad)
        result = result if type(result) is tuple else (result,)
        return Flat.join(self.edges, result) if create_graph and self.curved else result

    def _check_unwritten(self, arrays: Sequence[Any]) -> None:
        for array in arrays:
            if hasattr(array, "strides") and written_since(array, self.seq):
                raise GraphError(
                    f"{self.name()}: one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: a tensor of shape {array.shape} that {self.name()} saved was written to "
                    "after it was used. Write to a copy (clone), or use the out-of-place operator."
                )

    def _replay(self) -> Operator:
        """This entry with Tensors for saved arrays, so that its backward is recorded in turn."""
        twin = type(self)()
        vars(twin).update(vars(self))
        twin.edges, twin.outputs = self.edges, self.outputs
        if self.saves is not None:
            sources: list[Any] = [self if s == OUT else self.edges[int(s)] for s in self.saves]
            constants = [None] * (len(self.saved) - len(sources))
            twin.saved = tuple(
                wrap(a, edge) if hasattr(a, "strides") else a for a, edge in zip(self.saved, sources + constants)
            )
        else:
            twin.forward(twin, *[wrap(a, edge) if edge is not None else a for a, edge in zip(self.args, self.edges)])
        return twin

    def free(self) -> None:
        """Lets go of what was saved; a second walk will say so."""
        if self.saved:
            self.saved = None  # type: ignore[assignment]
            self.args = ()

    @classmethod
    def name(cls) -> str:
        """PyTorch's way of naming the backward of an operator."""
        return f"{cls.label or cls.__name__}Backward0"

    # -- what PyTorch shows of `grad_fn`

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        return tuple((e.edges[0], e.index) if isinstance(e, Pick) else (shown(e), 0) for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class AccumulateGrad:
    """What PyTorch shows of the place where a tensor's gradient is added up, in `next_functions`."""

    next_functions = ()

    def __init__(self, leaf: Leaf) -> None:
        self._leaf = leaf

    @property
    def variable(self) -> Any:
        """The tensor."""
        return self._leaf.tensor()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def register_prehook(self, hook: Callable[..., Any]) -> Any:
        """Calls `hook(grad_outputs)` before the gradient is added; it may return others."""

        def call(grad: Any) -> Any:
            changed = hook((grad,))
            return changed[0] if isinstance(changed, tuple) else changed

        return self.variable.register_hook(call)

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Calls `hook((), grad_outputs)` when the gradient has been added."""
        arrived: list[Any] = []
        self.variable.register_hook(arrived.append)
        return self.variable.register_post_accumulate_grad_hook(lambda tensor: hook((), (arrived.pop(),)))

    @property
    def metadata(self) -> dict[str, Any]:
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other._leaf is self._leaf

    def __hash__(self) -> int:
        return hash(self._leaf)

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


class GradientEdge(NamedTuple):
    """A place in the graph to which gradients flow, without the tensor: may stand for it in `autograd.grad`."""

    node: Any
    output_nr: int
    ownership_token: Any = None  # here: a tensor without elements at this place, see `standing_for`


def standing_for(x: Any) -> Any:
    """The tensor itself, or for a `GradientEdge` one that has the place, the shape and the dtype."""
    if not isinstance(x, GradientEdge):
        return x
    if x.ownership_token is not None:
        return x.ownership_token
    if isinstance(x.node, AccumulateGrad):
        return x.node.variable
    raise GraphError("GradientEdge: only those that get_gradient_edge made are known here")


def shown(edge: Any) -> Any:
    """An edge of the tape as `next_functions` has it."""
    return AccumulateGrad(edge) if type(edge) is Leaf else edge


class Pick(Operator):
    """One output of an operator that has several."""

    def __init__(self, whole: Operator, index: int) -> None:
        self._enter((whole,))
        self.index = index


class Flat(Operator):
    """A gradient that does not change with the arguments it was found at.

    torch: it requires grad like others do, so that the Hessian of a network of such functions is zero instead of an
    error that says that nothing was used.
    """

    @classmethod
    def join(cls, edges: Sequence[Any], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients of an entry with these edges, each made to depend on that entry's arguments."""
        places = [(edge, g._array.shape) for edge, g in zip(edges, grads) if edge is not None and g is not None]
        return tuple(g if g is None else cls._over(g, places) for g in grads)

    @classmethod
    def _over(cls, grad: TensorBase, places: list[tuple[Any, Any]]) -> TensorBase:
        entry: Any = cls()
        entry.shapes = [shape for _, shape in places]
        entry._enter((grad._edge, *[edge for edge, _ in places]))
        return wrap(grad._array, entry)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return grad, *[np.zeros_like(grad, shape=shape) for shape in ctx.shapes]


class View(ViewEntry, Operator):
    """An operator whose result looks at its first argument's memory; the others are constants."""
