"""Operators that users write: `Function`, with a forward and a backward over Tensors.

Each call makes a tape entry (`FunctionNode`) and a context, the `ctx` that forward and backward get. They are two
objects so that no name that a user gives to an attribute of `ctx` can clash with the tape's own.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, OperatorError
from .grad_mode import mode, no_grad
from .graph import recorded, restored
from .in_place import check_writable, rebind
from .tape import Leaf, Operator, Pick, TensorBase, tick, touch, wrap


class FunctionCtx:
    """What a Function's forward hands to its backward; any further attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument of forward, whether its gradient may be wanted.
        saved_tensors: in backward, what forward gave to `save_for_backward`.
    """

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    to_save: tuple[Any, ...] = ()
    non_differentiable: tuple[Any, ...] = ()
    dirty_tensors: tuple[Any, ...] = ()
    saved_for_forward: tuple[Any, ...] | None = None
    _node: weakref.ref[FunctionNode] | None = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps arguments, results or other tensors (or None) for backward, which finds them in `saved_tensors`.

        Backward raises if one of them was written to in place in the meantime.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps arguments or results (or None) for `jvp`, which finds them in `saved_tensors`."""
        if not all(t is None or isinstance(t, TensorBase) for t in tensors):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on "
                "ctx."
            )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Says that forward wrote to these arguments in place; it must return them."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Says that these results have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for a result that had no influence."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self.saved_for_forward is not None:
            return self.saved_for_forward
        node = None if self._node is None else self._node()
        return self.to_save if node is None else node.unpack()

    saved_variables = saved_tensors  # torch: the name of old


class FunctionNode(Operator):
    """The tape entry of one call of a Function."""

    function: type[Function]
    ctx: FunctionCtx
    inputs: tuple[tuple[Any, Any] | None, ...]  # shape and dtype of each argument that has a gradient
    results: list[tuple[Any, Any] | None]  # shape and dtype of each result that has one
    is_tensor: list[bool]  # of each argument
    picks: list[Any]  # a weak reference to the entry behind each result of several
    sources: list[Any]  # the tape entry behind each saved tensor; for a result its number

    @staticmethod
    def backward(node: Any, *grads: Any) -> Any:
        ctx, function = node.ctx, node.function
        given = [_incoming(grad, kind, ctx.materialize_grads) for grad, kind in zip(grads, node.results)]
        found = function._backward_function()(ctx, *given)
        return _checked_gradients(node, found if isinstance(found, tuple) else (found,))

    def _replay(self) -> Operator:
        """Backward is written over Tensors, so it is recorded as it is."""
        return self

    def unpack(self) -> tuple[Any, ...]:
        """The saved tensors, at their place in the graph."""
        if self.saved is None:
            raise GraphError(
                f"{self.name()}: Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the graph are freed when "
                "you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
                "the graph a second time or if you need to access saved tensors after calling backward."
            )
        return tuple(self._unpack_one(array, source) for array, source in zip(restored(self.saved), self.sources))

    def _unpack_one(self, array: Any, source: Any) -> Any:
        if array is None:
            return None
        if isinstance(source, int):
            source = self._result_edge(source)
        if type(source) is Leaf and (leaf := source.tensor()) is not None and leaf._array is array:
            return leaf
        return wrap(array, source)

    def _result_edge(self, index: int) -> Any:
        """The entry behind a result. The tape entry must not hold its own results, or it would never be freed."""
        edge = self.picks[index]
        return self if edge is None else edge() or Pick(self, index)

    def name(self) -> str:  # type: ignore[override]
        return f"{self.function.__name__}Backward"

    def __getattr__(self, name: str) -> Any:
        """What backward could read from `ctx` can be read from `grad_fn` too."""
        if name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)


def _incoming(grad: Any, kind: tuple[Any, Any] | None, materialize: bool) -> Any:
    """A result's gradient as backward sees it."""
    if grad is not None:
        return grad if isinstance(grad, TensorBase) else wrap(grad)
    return wrap(np.zeros(*kind)) if materialize and kind is not None else None


def _checked_gradients(node: FunctionNode, found: tuple[Any, ...]) -> tuple[Any, ...]:
    """What backward returned, if there is one gradient per argument, each of the argument's shape."""
    expected = len(node.inputs)
    if len(found) < expected or any(extra is not None for extra in found[expected:]):
        raise OperatorError(
            f"function {node.name()} returned an incorrect number of gradients (expected {expected}, got {len(found)})"
        )
    return tuple(_outgoing(node, i, grad, kind) for i, (grad, kind) in enumerate(zip(found, node.inputs)))


def _outgoing(node: FunctionNode, i: int, grad: Any, kind: tuple[Any, Any] | None) -> Any:
    if grad is None or kind is None:
        if grad is not None and node.edges[i] is None and not node.is_tensor[i]:
            raise OperatorError(
                f"function {node.name()} returned a gradient different than None at position {i + 1}, but the "
                "corresponding forward input was not a Variable"
            )
        return None
    if not isinstance(grad, TensorBase):
        raise OperatorError(
            f"expected Variable or None (got {type(grad).__name__}) from {node.name()} at position {i + 1}"
        )
    shape, dtype = kind
    if grad._array.shape != shape:
        grad = _reduced_to(node, i, grad, shape)
    if grad._array.dtype != dtype:
        grad = grad.astype(dtype)
    return grad if mode.enabled else grad._array


def _reduced_to(node: FunctionNode, i: int, grad: Any, shape: tuple[int, ...]) -> Any:
    """A gradient of the shape that broadcasting gave to an argument, summed to the argument's own."""
    array_shape = grad._array.shape
    lead = len(array_shape) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, array_shape[lead:])):
        raise OperatorError(
            f"Function {node.name()} returned an invalid gradient at index {i} - got {list(array_shape)} but "
            f"expected shape compatible with {list(shape)}"
        )
    axes = tuple(k for k in range(len(array_shape)) if k < lead or shape[k - lead] != array_shape[k])
    return grad.sum(axis=axes, keepdims=True).reshape(shape)


# Set while a `vmap` runs: how it maps this Function with these arguments, None if that asks for nothing special.
mapping: Callable[[Any, tuple[Any, ...]], Callable[[], Any] | None] | None = None

# Set once forward mode was used: what becomes of the results of a Function with a `jvp`, given its ctx and arguments.
forward_rule: Callable[[Any, Any, tuple[Any, ...], Any], Any] | None = None


class Function(FunctionCtx):
    """Base of user-defined operators: override `forward` and `backward`, call by `apply`.

    Example:
        >>> class Exp(Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         y = x.exp()
        ...         ctx.save_for_backward(y)
        ...         return y
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (y,) = ctx.saved_tensors
        ...         return grad * y
        >>> x = rushlight.zeros(2, requires_grad=True)
        >>> Exp.apply(x).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """`forward(ctx, *args)`, or `forward(*args)` where `setup_context` is overridden: computes the results."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves on `ctx` what backward needs; to be overridden if `forward` takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each argument of forward (None where there is none) from those of its results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results from those of the arguments. Without it, forward mode differentiates
        `backward`."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """How `vmap` maps this function; without it, the function is called once per entry of the batch."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise OperatorError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @classmethod
    def _backward_function(cls) -> Callable[..., Any]:
        if cls.backward is not Function.backward and cls.vjp is not Function.vjp:
            raise OperatorError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement one of them."
            )
        return cls.backward if cls.vjp is Function.vjp else cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward, unrecorded, and records the call as a whole if an argument requires grad."""
        if mapping is not None and (rule := mapping(cls, args)) is not None:
            return rule()
        ctx = _context_class(cls)()
        ctx.needs_input_grad = tuple([isinstance(a, TensorBase) and a._edge is not None for a in args])
        recording = mode.enabled
        mode.enabled = False
        try:
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args, **kwargs)
            else:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
        finally:
            mode.enabled = recording
        for i, saved in enumerate(ctx.to_save):
            if saved is not None and not isinstance(saved, TensorBase):
                raise DTypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(saved).__name__}"
                )
        touch(*[t._array for t in ctx.dirty_tensors])
        if recording and any(ctx.needs_input_grad):
            output = _record(cls, ctx, args, output)
            if forward_rule is not None and cls.jvp is not Function.jvp:
                output = forward_rule(cls, ctx, args, output)
        ctx.saved_for_forward = None
        return output


_context_classes: weakref.WeakKeyDictionary[type[Function], type[FunctionCtx]] = weakref.WeakKeyDictionary()


def _context_class(cls: type[Function]) -> type[FunctionCtx]:
    """The class of this Function's `ctx`, which has the Function's name, as in PyTorch."""
    if cls not in _context_classes:
        _context_classes[cls] = type(f"{cls.__name__}Backward", (FunctionCtx,), {})
    return _context_classes[cls]


def _kind(x: Any) -> tuple[Any, Any] | None:
    return (x._array.shape, x._array.dtype) if isinstance(x, TensorBase) else None


def _record(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], output: Any) -> Any:
    """Puts the call on the tape and makes its results part of the graph."""
    node = FunctionNode()
    node.function, node.ctx = cls, ctx
    node.edges = tuple([a._edge if isinstance(a, TensorBase) else None for a in args])
    node.is_tensor = [isinstance(a, TensorBase) for a in args]
    node.inputs = tuple([_kind(a) if edge is not None else None for a, edge in zip(args, node.edges)])
    node.seq = tick()
    outputs = list(output) if isinstance(output, tuple) else [output]
    node.results = [_kind(o) for o in outputs]
    node.outputs = len(outputs)
    saved_outputs = {id(t): i for i, t in enumerate(outputs) if isinstance(t, TensorBase)}
    dirty = {id(t) for t in ctx.dirty_tensors}
    inputs = {id(a) for a in args if isinstance(a, TensorBase)}
    _check_dirty(ctx, args, saved_outputs)
    node.sources = [
        saved_outputs[id(t)]
        if id(t) in saved_outputs and (id(t) not in inputs or id(t) in dirty)
        else getattr(t, "_edge", None)
        for t in ctx.to_save
    ]
    node.saved = tuple([t if t is None else t._array for t in ctx.to_save])
    skip = {id(t) for t in ctx.non_differentiable}
    single = not isinstance(output, tuple)
    node.picks = []
    results = []
    for i, out in enumerate(outputs):
        node.picks.append(None)
        if isinstance(out, TensorBase) and id(out) not in skip and out._array.dtype.kind not in "iub":
            edge = node if single else Pick(node, i)
            node.picks[i] = None if single else weakref.ref(edge)
            out = _attach(out, edge, id(out) in inputs, id(out) in dirty)
        results.append(out)
    ctx.to_save = ctx.dirty_tensors = (
        ctx.non_differentiable
    ) = ()  # or they would keep the results, and so the node, alive
    ctx._node = weakref.ref(node)
    recorded(node)
    return results[0] if single else tuple(results)


def _check_dirty(ctx: FunctionCtx, args: tuple[Any, ...], outputs: dict[int, int]) -> None:
    for tensor in ctx.dirty_tensors:
        if id(tensor) not in outputs:
            raise OperatorError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs "
                "that are modified inplace must all be outputs of the Function."
            )
        _with_recording(check_writable, tensor)


def _with_recording(function: Callable[[Any], Any], tensor: Any) -> None:
    before, mode.enabled = mode.enabled, True
    try:
        function(tensor)
    finally:
        mode.enabled = before


def _attach(out: Any, edge: Any, is_input: bool, is_dirty: bool) -> Any:
    """A result at its place in the graph. torch: an argument that is returned as it is comes back as a view of
    itself."""
    if is_dirty:
        rebind(out, edge)
        return out
    if is_input or out._edge is not None or out._base is not None:
        return wrap(out._array, edge)
    out._edge = edge
    return out


# ------------------------------------------------------------------------------------------------ once_differentiable


class _TwiceDifferentiated(Operator):
    """What stands behind the gradients of a backward that may not be differentiated itself."""

    @staticmethod
    def backward(node: Any, *grads: Any) -> Any:
        raise GraphError("trying to differentiate twice a function that was marked with @once_differentiable")


def _undifferentiable(found: Any, edges: tuple[Any, ...]) -> Any:
    if isinstance(found, tuple):
        return tuple([_undifferentiable(each, edges) for each in found])
    if not isinstance(found, TensorBase):
        return found
    node = _TwiceDifferentiated()
    node._enter(edges)
    return wrap(found._array, node)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a Function's backward that is no differentiable computation itself: a second derivative then raises."""

    @functools.wraps(fn)
    def backward(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = fn(ctx, *grads)
        if not mode.enabled or not any(isinstance(g, TensorBase) and g._edge is not None for g in grads):
            return found
        edges = tuple([g._edge for g in grads if isinstance(g, TensorBase)])
        return _undifferentiable(found, edges)

    return backward


class InplaceFunction(Function):
    """PyTorch's older base of Functions with an `inplace` option."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace
