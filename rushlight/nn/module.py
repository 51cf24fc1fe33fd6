"""Module: what owns parameters, buffers and other modules, and is called like a function.

Parameters, buffers and submodules are found by assignment and kept twice: in the dicts `_parameters`, `_buffers` and
`_modules`, which give their order, and as plain attributes of the module, which makes reading them cost nothing extra
(see members.py). Calling with hooks is in hooks.py, saving and loading in state.py.
"""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from .. import dtypes
from ..autograd.grad_mode import no_grad
from ..autograd.tape import TensorBase
from ..errors import RushlightError
from ..hooks import RemovableHandle, register
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
from .parameter import Buffer, Parameter, is_lazy

T = TypeVar("T", bound="Module")
Self = Any  # the module that a method was called on, so that calls chain

_MEMBERS = ("_parameters", "_buffers", "_modules")
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


def typename(obj: Any) -> str:
    """The name of an object's type as PyTorch writes it: 'torch.FloatTensor', 'str', 'rushlight.nn.linear.Linear'.

    Example:
        >>> typename(rushlight.ones(2))
        'torch.FloatTensor'
    """
    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = obj if isinstance(obj, type) else type(obj)
    return (
        kind.__qualname__
        if kind.__module__ in ("builtins", "__builtin__")
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def indent(text: str, spaces: int = 2) -> str:
    """All lines but the first moved to the right."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * spaces + line if line.strip() else "" for line in rest)])


class Module:
    """Base of all layers and networks: subclass it, assign layers in `__init__`, compute in `forward`.

    Attributes:
        training: whether dropout, batch norm and their like behave as in training; set by `train()` and `eval()`.

    Example:
        >>> class Net(Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = Parameter(rushlight.ones(3))
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
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
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
        vars(self).update((name, Members(self)) for name in _MEMBERS)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """`Module.__getattr__` is only put in place once a subclass defines its own and may call it by `super()`: a
        class that has one reads every attribute several times slower."""
        super().__init_subclass__(**kwargs)
        if "__getattr__" in vars(cls) and not hasattr(Module, "__getattr__"):
            Module.__getattr__ = _missing_attribute  # type: ignore[attr-defined]

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

    def _guarded_call(self, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            return hooks.call(self, args, kwargs)
        except RushlightError as error:
            locate(error, self)
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return Module.__call__(self, *args, **kwargs)

    _wrapped_call_impl = _call_impl

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """PyTorch's request to compile the forward. Modules here already run at full speed as they are: nothing
        changes."""

    # ------------------------------------------------------------------------------------------------- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under `name`; None makes the name known without a parameter.

        Raises:
            KeyError: the name is empty, has a dot, or is another attribute. TypeError: not a Parameter.
            ValueError: the parameter is the result of a recorded operator.
        """
        _check_name(self, "_parameters", name, "parameter")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None "
                    "required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
            param = _replaced(hooks.parameter_registration_hooks, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is not trained but moves with the module and, if `persistent`, is part of its state dict.

        Raises:
            KeyError: the name is empty, has a dot, or is another attribute. TypeError: not a Tensor.
        """
        _check_name(self, "_buffers", name, "buffer")
        if tensor is not None and not isinstance(tensor, TensorBase):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = _replaced(hooks.buffer_registration_hooks, self, name, tensor)
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a submodule under `name`.

        Raises:
            KeyError: the name is empty, has a dot, or is another attribute. TypeError: not a Module.
        """
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        _check_name(self, "_modules", name, "module")
        self._modules[name] = _replaced(hooks.module_registration_hooks, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        have = vars(self)
        if isinstance(value, Parameter) or (isinstance(value, Module) and name not in have.get("_parameters", ())):
            self._register_assigned(name, value)
        elif (
            name in have
            and "_modules" in have
            and (name in have["_buffers"] or name in have["_parameters"] or name in have["_modules"])
        ):
            self._assign_to_member(name, value)
        elif isinstance(value, Buffer):
            have.pop(name, None)
            self._assign_buffer(name, value, value.persistent)
        elif name in _MEMBERS:
            _replace_members(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def _register_assigned(self, name: str, value: Any) -> None:
        """Registers a Parameter or Module, whatever the name meant before."""
        kind, word = ("_parameters", "parameters") if isinstance(value, Parameter) else ("_modules", "module")
        if kind not in vars(self):
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        for other in _MEMBERS:
            if other != kind:
                vars(self)[other].pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        if name not in vars(self)[kind]:
            vars(self).pop(name, None)
        if kind == "_parameters":
            self.register_parameter(name, value)
        else:
            self._modules[name] = _replaced(hooks.module_registration_hooks, self, name, value)

    def _assign_to_member(self, name: str, value: Any) -> None:
        """Something that is neither Parameter nor Module, assigned to the name of a parameter, module or buffer."""
        if name in self._buffers:
            if value is not None and not isinstance(value, TensorBase):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None "
                    "expected)"
                )
            self._assign_buffer(name, value, getattr(value, "persistent", name not in self._non_persistent_buffers_set))
        elif name in self._parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        else:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self._modules[name] = _replaced(hooks.module_registration_hooks, self, name, None)

    def _assign_buffer(self, name: str, value: Any, persistent: bool) -> None:
        """`register_buffer`, also where a subclass overrides it without the `persistent` argument."""
        overridden = type(self).register_buffer is not Module.register_buffer
        if not overridden or "persistent" in inspect.signature(self.register_buffer).parameters:
            self.register_buffer(name, value, persistent)
        elif persistent:
            self.register_buffer(name, value)
        else:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements register_buffer() without "
                "the persistent argument is not allowed."
            )

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    # ----------------------------------------------------------------------------------------------------- finding

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted path; '' is the module itself.

        Raises:
            AttributeError: there is none, or something on the path is no Module.
        """
        module: Any = self
        for part in target.split(".") if target else ():
            if not hasattr(module, part):
                raise AttributeError(f"{module._get_name()} has no attribute `{part}`")
            module = getattr(module, part)
            if not isinstance(module, Module):
                raise AttributeError(f"`{part}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts `module` at a dotted path.

        Args:
            strict: only replace what is there, do not add.

        Raises:
            ValueError: the path is empty, or `module` is no Module.
            AttributeError: the path leads nowhere, or to something that is no Module.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def _get_tensor(self, target: str) -> tuple[Module, str, Any]:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name, getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            AttributeError: there is none.
        """
        _, name, param = self._get_tensor(target)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path.

        Raises:
            AttributeError: there is none.
        """
        module, name, buffer = self._get_tensor(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted paths and parameters, in the order of assignment, submodules after the module's own.

        Args:
            prefix: put in front of every name.
            recurse: submodules too.
            remove_duplicate: a parameter held under two names appears once.
        """
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; see `named_parameters`."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted paths and buffers; see `named_parameters`."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Names and modules of the direct submodules, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Dotted paths and modules, this one (path '') first.

        Args:
            memo: modules to leave out; those found are added.
            prefix: put in front of every path.
            remove_duplicate: a module held under two names appears once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

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
        kind, _, memory_format = parse_to(args, kwargs)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={kind}")

        def convert(t: Tensor) -> Tensor:
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
        members = {name: dict(vars(self)[name]) for name in _MEMBERS if name in vars(self)}
        names = {name for each in members.values() for name in each}
        rest = {k: v for k, v in vars(self).items() if k not in names and k != "_compiled_call_impl"}
        return {**rest, **members}

    def __setstate__(self, state: dict[str, Any]) -> None:
        fresh: dict[str, Any] = {
            "_is_full_backward_hook": None,
            "_non_persistent_buffers_set": set(),
            **{k: OrderedDict() for k in _HOOKS},
        }
        vars(self).update({**fresh, **state})
        for name in _MEMBERS:
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


def _missing_attribute(self: Module, name: str) -> Any:
    raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


def _check_name(module: Module, kind: str, name: Any, word: str) -> None:
    """Raises unless `name` may be given to a new parameter, buffer or module."""
    if kind not in vars(module):
        raise AttributeError(f"cannot assign {word} before Module.__init__() call")
    if not isinstance(name, str):
        raise TypeError(f"{word} name should be a string. Got {typename(name)}")
    if "." in name:
        raise KeyError(f'{word} name can\'t contain "."' + (f", got: {name}" if word == "module" else ""))
    if name == "":
        raise KeyError(f'{word} name can\'t be empty string ""')
    if name not in getattr(module, kind) and hasattr(module, name):
        raise KeyError(f"attribute '{name}' already exists")


def _replaced(registered: hooks.Hooks, module: Module, name: str, value: Any) -> Any:
    """`value`, or what the registration hooks put in its place."""
    for hook in registered.values():
        changed = hook(module, name, value)
        value = value if changed is None else changed
    return value


def _replace_members(module: Module, name: str, entries: Any) -> None:
    """`module._modules = {...}`: the old members stop being attributes, the new ones become attributes."""
    for old in vars(module).get(name, ()):
        vars(module).pop(old, None)
    vars(module)[name] = Members(module, entries)


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
