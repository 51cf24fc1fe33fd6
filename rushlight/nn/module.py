"""Module: what owns parameters, buffers and other modules, and is called like a function.

Parameters, buffers and submodules are found by assignment and kept twice: in the dicts `_parameters`, `_buffers` and
`_modules`, which give their order, and as plain attributes of the module, which makes reading them cost nothing extra
(see members.py). Calling with hooks is in hooks.py, saving and loading in state.py.
"""

from __future__ import annotations

import traceback
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .. import dtypes, ops
from ..autograd.grad_mode import no_grad
from ..autograd.tape import TensorBase
from ..errors import DTypeError, RushlightError
from ..hooks import RemovableHandle, register
from ..mistakes import look_at_switch
from ..ops.conversion import parse_to
from ..tensor import Tensor
from . import hooks, state
from .hooks import any_global
from .hooks import register_module_backward_hook as register_module_backward_hook
from .hooks import register_module_buffer_registration_hook as register_module_buffer_registration_hook
from .hooks import register_module_forward_hook as register_module_forward_hook
from .hooks import register_module_forward_pre_hook as register_module_forward_pre_hook
from .hooks import register_module_full_backward_hook as register_module_full_backward_hook
from .hooks import register_module_full_backward_pre_hook as register_module_full_backward_pre_hook
from .hooks import register_module_module_registration_hook as register_module_module_registration_hook
from .hooks import register_module_parameter_registration_hook as register_module_parameter_registration_hook
from .members import Members
from .parameter import is_lazy
from .registry import MEMBERS, Registry

T = TypeVar("T", bound="Module")
Self = Any  # the module that a method was called on, so that calls chain

_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def indent(text: str, spaces: int = 2) -> str:
    """All lines but the first moved to the right."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


def _asks_for_getattr(cls: type) -> bool:
    """Whether a class defines `__getattr__`, or has a method that calls it by name."""
    codes = (getattr(each, "__code__", None) for each in vars(cls).values())
    return "__getattr__" in vars(cls) or any("__getattr__" in code.co_names for code in codes if code is not None)


class Module(Registry):
    """Base of all layers and networks: subclass it, assign layers in `__init__`, compute in `forward`.

    Attributes:
        training: whether dropout, batch norm and their like behave as in training; set by `train()` and `eval()`.

    Example:
        >>> class Net(Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = rushlight.nn.Parameter(rushlight.ones(3))
        ...     def forward(self, x):
        ...         return x * self.scale
        >>> Net()(rushlight.ones(3))
        tensor([1., 1., 1.], grad_fn=<MulBackward0>)
    """

    dump_patches: bool = False
    _version: int = 1  # of the layout of this class's state dict
    call_super_init: bool = False
    _compiled_call_impl: Callable[..., Any] | None = None

    training: bool
    _is_full_backward_hook: bool | None
    _backward_pre_hooks: OrderedDict[int, hooks.Hook]
    _backward_hooks: OrderedDict[int, hooks.Hook]
    _forward_hooks: OrderedDict[int, hooks.Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, hooks.Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _state_dict_hooks: OrderedDict[int, hooks.Hook]
    _state_dict_pre_hooks: OrderedDict[int, hooks.Hook]
    _load_state_dict_pre_hooks: OrderedDict[int, hooks.Hook]
    _load_state_dict_post_hooks: OrderedDict[int, hooks.Hook]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        vars(self).update(training=True, _is_full_backward_hook=None, _non_persistent_buffers_set=set())
        vars(self).update((name, OrderedDict()) for name in _HOOKS)
        vars(self).update((name, Members(self)) for name in MEMBERS)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """`Module.__getattr__` is only put in place once a subclass defines its own, which may call it by `super()`, or
        calls it by name: a class that has one reads every attribute several times slower."""
        super().__init_subclass__(**kwargs)
        if not hasattr(Module, "__getattr__") and _asks_for_getattr(cls):
            Module.__getattr__ = _getattr  # type: ignore[attr-defined]

    # ----------------------------------------------------------------------------------------------------- calling

    def forward(self, *input: Any) -> Any:
        """What the module computes; to be defined by every subclass."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`forward`, with the hooks around it."""
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or any_global
        ):
            return self._guarded_call(args, kwargs)
        try:
            if len(args) == 1 and not kwargs:  # the usual call, without the cost of unpacking both
                return self.forward(args[0])
            return self.forward(*args, **kwargs)
        except RushlightError as error:
            locate(error, self)
            raise
        except AttributeError as error:
            raise_if_no_tensor(error, self)
            raise

    def _guarded_call(self, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return hooks.call(self, args, kwargs)
        except RushlightError as error:
            locate(error, self)
            raise
        except AttributeError as error:
            raise_if_no_tensor(error, self)
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return Module.__call__(self, *args, **kwargs)

    _wrapped_call_impl = _call_impl

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Replays this module's forward where it would do what it did before; see `rushlight.compile`, whose options it
        takes."""
        from ..compiler.api import compile_in_place  # stands above: it records modules

        self._compiled_call_impl = compile_in_place(self, *args, **kwargs)
        if self._compiled_call_impl is not None:
            vars(self)["forward"] = self._compiled_call_impl  # found before the class's

    # --------------------------------------------------------------------------------------------- changing the whole

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Calls `fn` on every submodule and then on this module, for instance to initialise weights."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replaces the memory of every parameter, its gradient, and every buffer by `fn` of it."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for param in self._parameters.values():
            if param is not None:
                with no_grad():
                    param.data = fn(param)
                    if param._grad is not None:
                        param._grad.data = fn(param._grad)  # type: ignore[attr-defined]
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves parameters and buffers to another dtype or device: `to(dtype)`, `to(device)`, `to(tensor)`,
        `to(memory_format=…)`.

        Raises:
            TypeError: an integer dtype (parameters of floating point and complex dtype only change to such).
        """
        where, kind, _, memory_format = parse_to(args, kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")

        def convert(t: Tensor) -> Tensor:
            t = t if where is None else t.to(where)
            if kind is not None and (t.is_floating_point() or t.is_complex()):
                t = t.to(kind)
            if memory_format is not None and not is_lazy(t) and t.dim() in (4, 5):
                t = t.to(memory_format=memory_format)
            return t

        return self._apply(convert)

    def _cast_floats(self, name: str) -> Self:
        kind = dtypes.find(name)
        return self._apply(lambda t: t.to(kind) if t.dtype.is_floating_point else t)

    def float(self) -> Self:
        """Floating point parameters and buffers in float32."""
        return self._cast_floats("float32")

    def double(self) -> Self:
        """Floating point parameters and buffers in float64."""
        return self._cast_floats("float64")

    def half(self) -> Self:
        """Floating point parameters and buffers in float16."""
        return self._cast_floats("float16")

    def bfloat16(self) -> Self:
        """Floating point parameters and buffers in bfloat16."""
        return self._cast_floats("bfloat16")

    def type(self, dst_type: Any) -> Self:
        """All parameters and buffers in `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self) -> Self:
        """Parameters and buffers on the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Parameters and buffers on a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Parameters and buffers in new memory with arbitrary values."""
        return self._apply(lambda t: t.to(device).clone(), recurse=recurse)

    def share_memory(self) -> Self:
        """Parameters and buffers in memory that other processes can use; see `Tensor.share_memory_`."""
        return self._apply(lambda t: t.share_memory_())

    def train(self, mode: bool = True) -> Self:
        """Training behaviour (or, with False, that of evaluation) for this module and all below it.

        Raises:
            ValueError: mode is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        look_at_switch(mode, whole=bool(self._modules))
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Evaluation behaviour: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether the parameters collect gradients; False freezes them."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the parameters' gradients: to None, or to zeros in place."""
        for param in self.parameters():
            if set_to_none:
                param._grad = None
            elif param._grad is not None:
                param._grad._edge = None
                param._grad.zero_()  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------------------------------------- hooks

    def register_forward_pre_hook(
        self, hook: hooks.Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args)` before forward; what it returns (if not None) replaces args.

        Args:
            prepend: call it before the hooks that are there.
            with_kwargs: call `hook(module, args, kwargs)`, which returns None or (args, kwargs).
        """
        flags = (self._forward_pre_hooks_with_kwargs,)
        return register(self._forward_pre_hooks, hook, flags if with_kwargs else (), prepend)

    def register_forward_hook(
        self, hook: hooks.Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args, output)` after forward; what it returns (if not None) replaces the output.

        Args:
            prepend: call it before the hooks that are there.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: call it also when forward raised, with output None.
        """
        flags = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            flags.append(self._forward_hooks_always_called)
        return register(self._forward_hooks, hook, tuple(flags), prepend)

    def register_full_backward_pre_hook(self, hook: hooks.Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_output)` before backward; what it returns (if not None) replaces grad_output."""
        return register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: hooks.Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` when the inputs' gradients are complete; it may return other
        ones."""
        self._set_full_backward(True)
        return register(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """The older kind: `hook(module, grad_input, grad_output)` of the module's last operator only."""
        self._set_full_backward(False)
        return register(self._backward_hooks, hook)

    def _set_full_backward(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = full

    # ----------------------------------------------------------------------------------------------- saving, loading

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Dotted names and tensors of all parameters and persistent buffers, sharing the module's memory.

        Args:
            destination: a dict to add to.
            prefix: put in front of every name.
            keep_vars: the Parameters themselves instead of detached tensors.

        Example:
            >>> list(nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "state_dict: positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        return state.save(self, destination, prefix, keep_vars)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copies tensors by name into parameters and buffers. If it raises, no tensor was changed.

        Args:
            state_dict: what `state_dict()` gave.
            strict: names missing from it, and names unknown here, are an error.
            assign: take the given tensors themselves instead of copying their values.

        Returns:
            A pair (missing_keys, unexpected_keys).

        Raises:
            RuntimeError: names or shapes do not match; the message lists all that do not.
            TypeError: not a mapping.
        """
        return state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Adds this module's own tensors (not its submodules') to `destination`; a subclass may extend it."""
        state.save_own(self, destination, prefix, keep_vars, Module.get_extra_state)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Takes this module's own tensors (not its submodules') from `state_dict`; a subclass may extend it."""
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        problems = missing_keys, unexpected_keys, error_msgs
        state.load_own(self, state_dict, prefix, local_metadata, strict, problems, Module.set_extra_state)

    def get_extra_state(self) -> Any:
        """Further state for the state dict; a subclass that has some overrides this and `set_extra_state`."""
        raise RuntimeError("Module.get_extra_state: override it together with set_extra_state to use it")

    def set_extra_state(self, state: Any) -> None:
        """Takes back what `get_extra_state` gave."""
        raise RuntimeError("Module.set_extra_state: override it together with get_extra_state to use it")

    def register_state_dict_pre_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """Calls `hook(module, prefix, keep_vars)` before `state_dict()` collects."""
        return register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata)` after `state_dict()` collected; it changes the
        dict in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """As `register_state_dict_post_hook`, but the hook may return another dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` first."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: hooks.Hook, with_module: bool = False) -> RemovableHandle:
        return register(self._load_state_dict_pre_hooks, hooks.BoundHook(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: hooks.Hook) -> RemovableHandle:
        """Calls `hook(module, incompatible_keys)` after loading; it may change the two lists in place."""
        return register(self._load_state_dict_post_hooks, hook)

    def __getstate__(self) -> dict[str, Any]:
        """PyTorch's layout: plain dicts of members, which are not repeated as attributes."""
        members = {name: dict(vars(self)[name]) for name in MEMBERS if name in vars(self)}
        names = {name for each in members.values() for name in each}
        if self._compiled_call_impl is not None:  # torch: copies are not compiled
            names |= {"_compiled_call_impl", "forward"}
        rest = {k: v for k, v in vars(self).items() if k not in names}
        return {**rest, **members}

    def __setstate__(self, state: dict[str, Any]) -> None:
        fresh: dict[str, Any] = {
            "_is_full_backward_hook": None,
            "_non_persistent_buffers_set": set(),
            **{k: OrderedDict() for k in _HOOKS},
        }
        vars(self).update({**fresh, **state})
        for name in MEMBERS:
            vars(self)[name] = Members(self, state.get(name, {}))

    # ---------------------------------------------------------------------------------------------------- as text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses; for subclasses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra})"
        lines = extra_lines + child_lines
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"

    def __dir__(self) -> list[str]:
        return sorted({k for k in (*dir(type(self)), *vars(self)) if not k[0].isdigit()})


def _getattr(self: Module, name: str) -> Any:
    """`Module.__getattr__`: nothing is found by it, as members are ordinary attributes, unless it is called by name."""
    if name in vars(self):
        return vars(self)[name]
    raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


# -------------------------------------------------------------------------------------------- where an error happened


def locate(error: RushlightError, module: Module) -> None:
    """Completes an error's message by the path of the module in which it happened, seen from `module`.

    Every module that the error leaves prepends the name under which it holds the one before.
    """
    trail: dict[str, Any] = vars(error).setdefault("_trail", {})
    if not trail:
        trail.update(text=str(error), path="", kind=type(module).__name__)
    elif trail["module"] is not module:
        name = next(
            (path for path, each in module.named_modules() if each is trail["module"]), type(trail["module"]).__name__
        )
        trail["path"] = f"{name}.{trail['path']}" if trail["path"] else name
    trail["module"] = module
    place = f"{trail['path']} ({trail['kind']})" if trail["path"] else trail["kind"]
    error.args = (f"{trail['text']} in {place}", *error.args[1:])


def raise_if_no_tensor(error: AttributeError, module: Module) -> None:
    """Says what an operator was given in a Tensor's place, if that is why it found no attribute: operators take it for
    granted, since asking each time would cost the calls that are right.

    Raises:
        TypeError: with the operator's name, the argument's, and the type.
    """
    if error.name not in ("_array", "_edge") or isinstance(error.obj, TensorBase) or error.__traceback__ is None:
        return
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    operator = next((frame for frame in frames if frame.f_globals["__name__"].startswith(ops.__name__)), None)
    called = type(module).__name__ if operator is None else operator.f_code.co_name
    given = next((name for name, value in (operator or frames[-1]).f_locals.items() if value is error.obj), "input")
    text = f"{called}(): argument '{given}' must be Tensor, not {type(error.obj).__name__}"
    wrong = DTypeError(f"{text}; torch.tensor makes one" if error.obj is not None else text)
    locate(wrong, module)
    raise wrong from None
