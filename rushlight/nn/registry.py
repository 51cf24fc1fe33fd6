"""The tree that a Module is: parameters, buffers and submodules, registered under their names by assignment and found
again by their paths. `module.py` adds what a module does: calls, conversions, hooks, saving."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from ..autograd.tape import TensorBase
from ..tensor import Tensor
from . import hooks
from .members import Members
from .parameter import Buffer, Parameter

if TYPE_CHECKING:
    from .module import Module

MEMBERS = ("_parameters", "_buffers", "_modules")


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


def _check_name(module: Registry, kind: str, name: Any, word: str) -> None:
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


def _replaced(registered: hooks.Hooks, module: Registry, name: str, value: Any) -> Any:
    """`value`, or what the registration hooks put in its place."""
    for hook in registered.values():
        changed = hook(module, name, value)
        value = value if changed is None else changed
    return value


def _replace_members(module: Registry, name: str, entries: Any) -> None:
    """`module._modules = {...}`: the old members stop being attributes, the new ones become attributes."""
    for old in vars(module).get(name, ()):
        vars(module).pop(old, None)
    vars(module)[name] = Members(module, entries)


class Registry:
    """What holds parameters, buffers and submodules by name."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]  # Module | None; libraries ask for the types, and that one is made later
    _non_persistent_buffers_set: set[str]

    if TYPE_CHECKING:

        def _get_name(self) -> str: ...

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
        if not isinstance(module, Registry) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        _check_name(self, "_modules", name, "module")
        self._modules[name] = _replaced(hooks.module_registration_hooks, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of `add_module`."""
        self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        have = vars(self)
        if isinstance(value, Parameter) or (isinstance(value, Registry) and name not in have.get("_parameters", ())):
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
        elif name in MEMBERS:
            _replace_members(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def _register_assigned(self, name: str, value: Any) -> None:
        """Registers a Parameter or Module, whatever the name meant before."""
        kind, word = ("_parameters", "parameters") if isinstance(value, Parameter) else ("_modules", "module")
        if kind not in vars(self):
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        for other in MEMBERS:
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
        overridden = type(self).register_buffer is not Registry.register_buffer
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
            if not isinstance(module, Registry):
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
        if not isinstance(module, Registry):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Registry):
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
        get_members_fn: Callable[[Registry], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        alone: list[tuple[str, Any]] = [(prefix, self)]
        for path, module in self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else alone:
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
        memo, this = set() if memo is None else memo, cast("Module", self)
        if this in memo:
            return
        if remove_duplicate:
            memo.add(this)
        yield prefix, this
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module
