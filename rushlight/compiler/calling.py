"""Calls as the evaluator makes them: functions whose code can be read are entered, modules without hooks are their
forward, known operations are recorded, the methods of optimizers and schedulers will be called again by a replay. All
else is called as it is, and makes the recorder refuse."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from contextlib import nullcontext
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from .. import mistakes, optim
from ..autograd import grad_mode
from ..autograd.tape import TensorBase, wrap
from ..errors import RushlightError
from ..nn import hooks
from ..nn.container import ModuleList, Sequential
from ..nn.module import Module, locate
from ..nn.utils import clip_grad
from ..ops import attention, embedding, normalization
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from ..tensor import Tensor
from . import source
from .evaluate import Frame, unreadable
from .guarding import Apply, Guarding, class_attribute
from .known import CONTEXTS, CREATIONS, LOOKS, NUMBERS, OPERATIONS, PURE
from .recording import Recorder
from .values import PLAIN, bare, deferred, tensors_in

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_CLIPS = (clip_grad.clip_grad_norm_, clip_grad.clip_grad_value_)
_STEPS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_SWITCHES = (
    grad_mode.no_grad,
    grad_mode.enable_grad,
    grad_mode.set_grad_enabled,
    grad_mode.inference_mode,
    nullcontext,
)
_OURS = (
    "rushlight.nn.",
    "rushlight.ops.attention",
    "rushlight.ops.recurrent",
    "rushlight.vision.models",
    "rushlight.autograd.grad_mode",
    "rushlight.compiler.",
)
_STEPPERS = {c for c in (*vars(optim).values(), *vars(optim.lr_scheduler).values()) if isinstance(c, type)}
DEPTH = 30  # of calls: each takes a dozen of Python's own


class Caller:
    """Makes the calls of one recording."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.guarding = Guarding(recorder)
        self.depth = 0

    # ------------------------------------------------------------------------------------------------- what is what

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`function(*args, **kwargs)`."""
        function = getattr(function, "_torchdynamo_orig_callable", function)
        if getattr(function, "_torchdynamo_disable", False):
            return self._as_it_is(function, args, kwargs, f"{getattr(function, '__qualname__', function)} is disabled")
        if isinstance(function, Module):
            return self._module(function, args, kwargs)
        bound = function.__func__ if isinstance(function, MethodType) else function
        owner = function.__self__ if isinstance(function, MethodType) else None
        if isinstance(owner, TensorBase):
            return self._tensor_method(bound, owner, args, kwargs)
        if isinstance(owner, (Optimizer, LRScheduler)):
            return self._step(function, owner, args, kwargs)
        if isinstance(owner, Module) and bound in (Module.zero_grad, Module.parameters):
            return self._of_module(function, owner, args, kwargs)
        if function is np.zeros_like or function is np.ones_like:
            return self.recorder.new_array(function, args, kwargs)
        if function is wrap:
            result = wrap(*args)
            self.recorder.array_slot(result)
            return result
        if getattr(function, "_wrapped_by_lr_sched", False):
            return self._step(function, _stepped_by(function), args, kwargs)
        if isinstance(function, Apply):
            return self.recorder.operation(function, args, kwargs)
        if function is attention.scaled_dot_product_attention:
            return self._attention(args, kwargs)
        if id(function) in OPERATIONS:
            return self._operation(function, args, kwargs)
        if id(function) in CREATIONS:
            return self._creation(function, args, kwargs)
        if function is normalization.batch_norm:
            return self._batch_norm(args, kwargs)
        if function is embedding.embedding:
            return self._embedding(args, kwargs)
        if function in _CLIPS:
            if any(not self.recorder.is_existing(t) for t in tensors_in(args)):
                return self._as_it_is(function, args, kwargs)
            return self._effect(function, args, kwargs)
        if isinstance(bound, FunctionType):
            return self._enter(bound, args if owner is None else (owner, *args), kwargs, function)
        return self._builtin(function, args, kwargs)

    def _as_it_is(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], why: str = "") -> Any:
        """Calls what cannot be recorded."""
        name = getattr(function, "__qualname__", None) or type(function).__name__
        self.recorder.refuse(why or f"{getattr(function, '__module__', None) or ''}.{name} is called".lstrip("."))
        return function(*map(bare, args), **{k: bare(v) for k, v in kwargs.items()})

    def _enter(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any], whole: Any) -> Any:
        """Runs a function by its tree."""
        module = str(function.__module__)
        if module == mistakes.__name__:
            return whole(*args, **kwargs)  # tells of mistakes at most
        if module.partition(".")[0] == "rushlight" and not module.startswith(_OURS):
            return self._as_it_is(whole, self._without_owner(args, whole), kwargs)
        try:
            tree = source.tree_of(function)
            why = unreadable(tree)
        except source.UnreadableError as error:
            why = str(error)
        flags = function.__code__.co_flags
        if why is None and flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            why = "it is a generator"
        if why is None and self.depth >= DEPTH:
            why = "calls are nested too deeply"
        if why is not None:
            text = f"{function.__qualname__} is not read: {why}"
            return self._as_it_is(whole, self._without_owner(args, whole), kwargs, text)
        self.guarding.code(function)
        frame = Frame(self, function, self._bound(function, args, kwargs))
        self.depth += 1
        try:
            return frame.run(tree)
        finally:
            self.depth -= 1

    @staticmethod
    def _without_owner(args: tuple[Any, ...], whole: Any) -> tuple[Any, ...]:
        return args[1:] if isinstance(whole, MethodType) else args

    def _bound(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The parameters of a function by name."""
        found = inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)
        given = set(found.arguments)
        found.apply_defaults()
        for name, value in found.arguments.items():
            kind = found.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                self.guarding.made(value)
            elif name not in given:
                self.guarding.read(value)
        return dict(found.arguments)

    # ------------------------------------------------------------------------------------------------------ modules

    def _module(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Module.__call__: the forward, if there are no hooks."""
        cls = type(module)
        call = class_attribute(cls, "__call__")
        self.guarding.add(1, cls, "__call__", call)
        if call is not Module.__call__:
            return self._enter(call, (module, *args), kwargs, MethodType(call, module))
        if any(len(self.guarding.entry(vars(module), name)) for name in _HOOKS) or hooks.any_global:
            return self._as_it_is(module, args, kwargs, f"{cls.__name__} has hooks")
        for name in _HOOKS:
            self.guarding.length(vars(module)[name])
        self.recorder.modules.append(module)
        try:
            return self.call(Frame.attribute(self._reader(), module, "forward"), args, kwargs)
        except RushlightError as error:
            locate(error, module)
            raise
        finally:
            self.recorder.modules.pop()

    def _reader(self) -> Any:
        """What reads attributes outside of any function."""
        return Frame(self, _nothing, {})

    def _of_module(self, function: Any, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`zero_grad()` is called again by a replay; `parameters()` gives a list that only such calls may use."""
        if function.__func__ is Module.zero_grad:
            return self._effect(function, args, kwargs)
        found = list(function(*args, **kwargs))
        self.recorder.call(_listed, (function, *args), kwargs, found, whole=True)
        return found

    # ------------------------------------------------------------------------------------------- what is called again

    def _effect(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with self.recorder.free_to_read():
            result = function(*map(bare, args), **{k: bare(v) for k, v in kwargs.items()})
        self.recorder.call(function, args, kwargs, result)
        return result

    def _step(self, function: Any, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method of an optimizer of ours or of a scheduler."""
        name, cls = function.__name__, type(owner)
        wanted = ("step", "zero_grad") if isinstance(owner, Optimizer) else ("step",)
        if cls not in _STEPPERS or name not in wanted:
            return self._as_it_is(function, args, kwargs)
        if isinstance(owner, Optimizer):
            if name == "step" and (args or kwargs):
                return self._as_it_is(function, args, kwargs, "an optimizer is stepped with a closure")
            self.recorder.later |= owner._first_steps is not None
            for each in _STEPS:
                if self.guarding.length(vars(owner)[each]):
                    self.recorder.refuse("an optimizer has hooks")
        self.guarding.moved |= isinstance(owner, LRScheduler)
        return self._effect(function, args, kwargs)

    # -------------------------------------------------------------------------------------------------------- tensors

    def _tensor_method(self, method: Any, tensor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = str(method.__name__)
        ours: bool = getattr(Tensor, name, None) is method
        if ours:
            if name in LOOKS:
                return method(tensor, *args, **kwargs)
            if name in NUMBERS:
                return self.recorder.number(method, tensor)
            if name == "backward":
                return self._backward(tensor, args, kwargs)
        if id(method) in OPERATIONS:
            return self._operation(method, (tensor, *args), kwargs)
        if id(method) in CREATIONS:
            return self._creation(method, (tensor, *args), kwargs)
        return self._as_it_is(MethodType(method, tensor), args, kwargs, f"Tensor.{name} is called")

    def _backward(self, tensor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if args or set(kwargs) - {"retain_graph"} or tensor._edge is None or tensor._array.size != 1:
            self._as_it_is(MethodType(Tensor.backward, tensor), args, kwargs, "backward is called with arguments")
        else:
            self.recorder.backward(tensor, bool(kwargs.get("retain_graph")))

    def _operation(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.guarding.deep((args, tuple(kwargs.values())))
        if any(kwargs.get(name) is not None for name in ("out", "generator", "rounding_mode")) or deferred(
            args, kwargs
        ):
            return self._as_it_is(function, args, kwargs)
        if not tensors_in(args, kwargs):
            return self._as_it_is(function, args, kwargs, f"{OPERATIONS[id(function)]} is called without tensors")
        if OPERATIONS[id(function)] == "masked_fill" and len(tensors_in(args, kwargs)) > 2:
            return self._as_it_is(function, args, kwargs, "masked_fill reads its value from a tensor")
        if "getitem" in function.__name__ and tensors_in(args[1:]):
            return self._as_it_is(function, args, kwargs, "a tensor picks elements: how depends on its own")
        return self.recorder.operation(function, args, kwargs)

    def _creation(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.guarding.deep((args, tuple(kwargs.values())))
        bad = kwargs.get("out") is not None or kwargs.get("generator") is not None or kwargs.get("requires_grad")
        like = OPERATION_LIKE in CREATIONS[id(function)] or CREATIONS[id(function)].startswith("new_")
        if bad or deferred(args, kwargs) or (tensors_in(args, kwargs) and not like):
            return self._as_it_is(function, args, kwargs)
        result = function(*args, **kwargs)
        self.recorder.call(function, args, kwargs, result)
        return result

    def _batch_norm(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The running statistics are moved in a step of their own."""
        function, recorder = normalization.batch_norm, self.recorder
        given = self._bound(function, args, kwargs)  # type: ignore[arg-type]
        if not given["training"]:
            return recorder.operation(function, args, kwargs)
        result, x = function(*args, **kwargs), given["input"]._array
        if not recorder.collectors:
            recorder.refuse("batch norm of nothing")
            return result
        count = x.size // max(x.shape[1], 1)
        moved = (given["running_mean"], given["running_var"], recorder.collectors.pop(), count, given["momentum"])
        recorder.call(normalization._collect, moved, {}, None)
        return result

    def _attention(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The fused operator; what masks need besides depends on the scores."""
        begun = len(self.recorder.steps)
        result = self.recorder.operation(attention.scaled_dot_product_attention, args, kwargs)
        if not any(step.object is attention.Attention.forward for step in self.recorder.steps[begun:]):
            self.recorder.refuse("attention has a mask or dropout")
        return result

    def _embedding(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Indices are checked in a step of its own."""
        given = self._bound(embedding.embedding, args, kwargs)  # type: ignore[arg-type]
        if given["max_norm"] is not None or given["scale_grad_by_freq"] or given["sparse"]:
            return self._as_it_is(embedding.embedding, args, kwargs, "embedding is called with options")
        _check_indices(given["input"], given["weight"])
        self.recorder.call(_check_indices, (given["input"], given["weight"]), {}, None)
        return self.recorder.operation(embedding.embedding, args, kwargs)

    # ----------------------------------------------------------------------------------------------- plain Python

    def _builtin(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(function, BuiltinFunctionType) and isinstance(function.__self__, (list, dict)):
            return self._method_of_container(function, args, kwargs)
        if isinstance(function, type) and issubclass(function, BaseException):
            return function(*map(bare, args), **kwargs)
        if function in _SWITCHES:
            return function(*args, **kwargs)
        if function is getattr or function is hasattr:
            return self._getattr(function, args)
        plain_method = isinstance(function, BuiltinFunctionType) and isinstance(function.__self__, (*PLAIN, tuple))
        if not (plain_method or _is_pure(function)):
            return self._as_it_is(function, args, kwargs)
        if (function is float or function is int) and args and isinstance(args[0], TensorBase):
            return self.recorder.number(function, args[0])
        if deferred(args, kwargs):
            return self._as_it_is(function, args, kwargs, "a number read from a tensor is used in Python")
        return self._pure(function, args, kwargs)

    def _pure(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function in (any, all) and len(args) == 1:
            return self._any_or_all(function, args[0])
        if function in (isinstance, issubclass, callable, type):
            return function(*args, **kwargs)
        if function is len:
            return self._length(args[0])
        if function in (max, min, sorted, any, all, set, frozenset, bool, str, repr, round, abs, format, pow, divmod):
            args = tuple(list(self.iterate(a)) if self._is_iterator(a) else a for a in args)
            for each in args:
                self.guarding.deep(each)
            if tensors_in(args) or kwargs.get("key") is not None or deferred(args):
                return self._as_it_is(function, args, kwargs, f"{function.__name__} looks at the elements of tensors")
        taken = [self._taken(each) for each in args]
        result = function(*taken, **kwargs)
        return self.guarding.made(result) if not isinstance(result, (*PLAIN, tuple)) else result

    def _is_iterator(self, value: Any) -> bool:
        return self.guarding.is_fresh(value) and not isinstance(value, (list, tuple, dict, set, frozenset))

    def _any_or_all(self, function: Any, values: Any) -> bool:
        """Looks at no more values than Python does."""
        reader = self._reader()
        for each in self.iterate(values):
            if reader.truth(each) is (function is any):
                return function is any
        return function is all

    def _taken(self, value: Any) -> Any:
        """An argument of a pure function: what it will iterate over is read under guard first."""
        if isinstance(value, (TensorBase, Module)) or (
            isinstance(value, (list, dict)) and not self.guarding.is_fresh(value)
        ):
            return list(self.iterate(value))
        if not isinstance(value, (*PLAIN, tuple, list, dict)) and not self.guarding.is_fresh(value):
            self.recorder.refuse(f"a {type(value).__name__} is given to a function of Python's")
        return value

    def _length(self, value: Any) -> int:
        if isinstance(value, Module):
            return int(self.call(Frame.attribute(self._reader(), value, "__len__"), (), {}))
        if isinstance(value, (list, dict, set)) and not self.guarding.is_fresh(value):
            return self.guarding.length(value)
        if not isinstance(value, (*PLAIN, TensorBase, tuple, list, dict)) and not self.guarding.is_fresh(value):
            self.recorder.refuse(f"the length of a {type(value).__name__} is asked")
        return len(value)

    def _getattr(self, function: Any, args: tuple[Any, ...]) -> Any:
        obj, name, *default = args
        there = hasattr(obj, name)
        if not there:
            if (
                isinstance(obj, (TensorBase, *PLAIN))
                or not hasattr(obj, "__dict__")
                or hasattr(type(obj), "__getattr__")
            ):
                self.recorder.refuse(f"{type(obj).__name__}.{name} is missing")
            else:
                self.guarding.entry(vars(obj), name)
            return False if function is hasattr else getattr(obj, name, *default)
        value = Frame.attribute(self._reader(), obj, name)
        return True if function is hasattr else value

    def _method_of_container(self, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        container, name = method.__self__, method.__name__
        if self.guarding.is_own(container):
            if deferred(args, kwargs) and name not in ("append", "insert"):
                return self._as_it_is(method, args, kwargs)
            result = method(*args, **kwargs)
            return self.guarding.made(result) if not isinstance(result, (*PLAIN, TensorBase, tuple)) else result
        if name in ("items", "keys", "values", "get", "index", "copy", "count"):
            if not self.guarding.is_fresh(container):
                self.guarding.items(container)
            result = method(*args, **kwargs)
            return (
                self.guarding.made(list(result)) if name in ("items", "keys", "values") else self.guarding.read(result)
            )
        return self._as_it_is(method, args, kwargs, f"a {type(container).__name__} is changed: {name}")

    # ------------------------------------------------------------------------------------------- items and iteration

    def item(self, container: Any, index: Any) -> Any:
        """`container[index]`."""
        if isinstance(container, TensorBase):
            return self._operation(Tensor.__getitem__, (container, index), {})
        if isinstance(container, (ModuleList, Sequential)) and isinstance(index, slice):
            self.guarding.items(vars(container)["_modules"])
            return container[index]
        if isinstance(container, Module):
            return self.call(Frame.attribute(self._reader(), container, "__getitem__"), (index,), {})
        index = bare(index)
        if isinstance(container, (list, dict)) and not self.guarding.is_fresh(container):
            self.guarding.items(container)
            if hasattr(type(container), "__missing__"):
                self.recorder.refuse("an entry of a dict with defaults is read")
        elif not isinstance(container, (str, bytes, tuple, list, dict, range)):
            self.recorder.refuse(f"an item of a {type(container).__name__} is read")
        if id(container) in self.recorder.objects:
            self.recorder.refuse("the parameters of a module are looked at")
        result = container[index]
        return self.guarding.made(result) if isinstance(index, slice) and isinstance(result, list) else result

    def iterate(self, value: Any) -> Iterable[Any]:
        """The values that a loop over `value` sees."""
        if isinstance(value, TensorBase):
            return self._operation(Tensor.unbind, (value, 0), {})
        if isinstance(value, Module):
            return self.iterate(self.call(Frame.attribute(self._reader(), value, "__iter__"), (), {}))
        if id(value) in self.recorder.objects:
            self.recorder.refuse("the parameters of a module are looked at")
        elif isinstance(value, (list, dict)) and not self.guarding.is_fresh(value):
            self.guarding.items(value)
            return list(value)
        elif not isinstance(value, (tuple, str, range)) and not self.guarding.is_fresh(value):
            self.recorder.refuse(f"a {type(value).__name__} is iterated over")
        return value

    def check_context(self, context: Any) -> None:
        """A `with` block: only of what switches gradients on and off."""
        if not isinstance(context, (*CONTEXTS, nullcontext)):
            self.recorder.refuse(f"a block of {type(context).__name__} is entered")
        if getattr(context, "before", None):
            self.recorder.refuse("a block is entered that was entered before")


OPERATION_LIKE = "_like"


def _stepped_by(function: Any) -> Any:
    """The optimizer behind a `step` that a scheduler has wrapped."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__))
    return cells["optimizer_ref"].cell_contents()


def _nothing() -> None: ...


def _is_pure(function: Any) -> bool:
    try:
        return function in PURE
    except TypeError:
        return False


def _listed(function: Any, *args: Any, **kwargs: Any) -> list[Any]:
    return list(function(*args, **kwargs))


def _check_indices(input: Any, weight: Any) -> None:
    embedding._checked_indices("embedding", input, weight)


__all__ = ["Caller"]
