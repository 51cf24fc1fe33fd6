"""The Optimizer: parameter groups with options, per-parameter state, hooks, and state dicts laid out as PyTorch's.

A subclass gives `step`, which reads `p.grad` of the parameters in `param_groups` and writes to them. Anything written
for PyTorch's Optimizer works here unchanged; our own rules build on `Rule` (rule.py): one kernel call per group.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from ..autograd.tape import touch
from ..errors import ArgumentError, DTypeError, OperatorError
from ..hooks import RemovableHandle
from ..mistakes import look_at_step, looks
from ..tensor import Tensor
from .first_steps import FirstSteps

ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Group = dict[str, Any]
StateDict = dict[str, Any]
Hooks = OrderedDict[int, Callable[..., Any]]

HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)
_global_pre_hooks: Hooks = OrderedDict()
_global_post_hooks: Hooks = OrderedDict()


class _Required:
    """In `defaults`: the option has no default, each group must give it."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _register(hooks: Hooks, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` before every optimizer's step; it may return new (args, kwargs)."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., None]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` after every optimizer's step."""
    return _register(_global_post_hooks, hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` with the step hooks around it. A step that a subclass's step calls runs bare: hooks see one step."""

    @functools.wraps(step)
    def call(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._first_steps is not None or looks.seen:
            self._look()
        if not (
            self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _global_pre_hooks or _global_post_hooks
        ):
            return step(self, *args, **kwargs)
        if type(self).step is not call:
            return step(self, *args, **kwargs)
        return _step_with_hooks(step, self, args, kwargs)

    call.hooked = True  # type: ignore[attr-defined]
    return call


def _step_with_hooks(
    step: Callable[..., Any], optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    args = (optimizer, *args)  # torch: hooks see the optimizer among the arguments
    for hook in (*_global_pre_hooks.values(), *optimizer._optimizer_step_pre_hooks.values()):
        changed = hook(optimizer, args, kwargs)
        if changed is not None:
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise OperatorError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
            args, kwargs = changed
    result = step(*args, **kwargs)
    for hook in (*optimizer._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
        hook(optimizer, args, kwargs)
    return result


class Optimizer:
    """Base of all optimizers.

    Args:
        params: Tensors; or (name, Tensor) pairs such as `model.named_parameters()`; or dicts, one per group, with a key
            "params" and options that differ from the defaults. The order must be the same in every run.
        defaults: the options of groups that do not give them.

    Raises:
        TypeError: `params` is a Tensor, or holds something that is neither Tensor nor dict.
        ValueError: no parameters, a parameter that is not a leaf, or one in two groups.

    Example:
        >>> class Descent(rushlight.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, dict(lr=lr))
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 p.data -= group["lr"] * p.grad
        >>> w = rushlight.ones(2, requires_grad=True)
        >>> w.sum().backward()
        >>> Descent([w], lr=0.5).step()
        >>> w.detach()
        tensor([0.5000, 0.5000])

    Source: the behaviour of torch.optim.Optimizer.
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    param_groups: list[Group]
    _first_steps: FirstSteps | None = None
    _trained = False  # dropout or batch norm was in training mode before a step
    _optimizer_step_pre_hooks: Hooks
    _optimizer_step_post_hooks: Hooks
    _optimizer_state_dict_pre_hooks: Hooks
    _optimizer_state_dict_post_hooks: Hooks
    _optimizer_load_state_dict_pre_hooks: Hooks
    _optimizer_load_state_dict_post_hooks: Hooks

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._prepare()
        if isinstance(params, Tensor):
            raise DTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.Tensor"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ArgumentError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)  # type: ignore[arg-type]

    def _prepare(self) -> None:
        """What a new or unpickled optimizer needs besides its data: places for hooks, and a step that calls them."""
        for name in HOOKS:
            if name not in vars(self):
                setattr(self, name, OrderedDict())
        self._first_steps = FirstSteps()
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def _look(self) -> None:
        """Notices mistakes, in the first steps above all."""
        if looks.seen:
            self._trained = look_at_step(self._trained)
        if self._first_steps is not None and not self._first_steps.look(self):
            self._first_steps.finish()
            self._first_steps = None

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            lines = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            text += f"\nParameter Group {i}\n{''.join(lines)}"
        return text + ")"

    # ---------------------------------------------------------------------------------------------------- the work

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once. Given by subclasses.

        Args:
            closure: computes the loss anew and returns it; the step then returns that loss.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters.

        Args:
            set_to_none: set `.grad` to None; otherwise fill it with zeros, and parameters without a new gradient will
                still be stepped.
        """
        for group in self.param_groups:
            if set_to_none:
                for p in group["params"]:
                    p._grad = None
            else:
                _fill_with_zeros([p._grad for p in group["params"] if p._grad is not None])

    # ------------------------------------------------------------------------------------------------------ groups

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group of parameters, as when frozen layers are made trainable.

        Args:
            param_group: "params" and any options that differ from the defaults.

        Raises:
            TypeError: not a dict; a set of parameters; a parameter that is no Tensor.
            ValueError: a parameter that is no leaf or already has a group; a required option is missing.
        """
        if not isinstance(param_group, dict):
            raise DTypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = {**param_group, **_named(param_group["params"])}
        for p in group["params"]:
            self._check_param(p)
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ArgumentError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        self._check_against_groups(group)
        param_group.update(group)  # torch: the caller's dict becomes the group
        self.param_groups.append(param_group)

    def _check_param(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            raise DTypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
        if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
            raise ArgumentError("can't optimize a non-leaf Tensor")

    def _check_against_groups(self, group: Group) -> None:
        params = set(group["params"])
        if len(params) != len(group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                text = "with names" if "param_names" in group else "without names"
                raise ArgumentError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {text} to the optimizer"
                )
            if not params.isdisjoint(other["params"]):
                raise ArgumentError("some parameters appear in more than one parameter group")

    # ------------------------------------------------------------------------------------------------------- state

    def state_dict(self) -> StateDict:
        """The state and the groups' options, with parameters replaced by their numbers:

            {"state": {0: {"exp_avg": tensor, ...}, ...}, "param_groups": [{"lr": 0.01, ..., "params": [0, 1]}]}

        Tensors in it are the optimizer's own, not copies.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers = self._numbers()
        groups = [
            {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result: StateDict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def _numbers(self) -> dict[int, int]:
        """Each parameter's place in the groups, counted through."""
        numbers: dict[int, int] = {}
        for place, p in enumerate(chain.from_iterable(group["params"] for group in self.param_groups)):
            numbers.setdefault(id(p), place)
        return numbers

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Goes on from a `state_dict`. Tensors are copied, and floating point ones cast to their parameter's dtype.

        Args:
            state_dict: of an optimizer with the same number of groups and parameters; PyTorch's have this layout.

        Raises:
            ValueError: the number of groups, or of a group's parameters, is another. Nothing is changed then.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = copy.deepcopy(state_dict["param_groups"])
        self._check_saved_groups(saved)
        params = dict(zip(chain.from_iterable(g["params"] for g in saved), self._params()))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _fitted(value, params[key])
            else:
                state[key] = value
        groups = [_with_params_of(old, new) for old, new in zip(self.param_groups, saved)]
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _params(self) -> Iterable[Tensor]:
        return chain.from_iterable(group["params"] for group in self.param_groups)

    def _check_saved_groups(self, saved: list[Group]) -> None:
        if len(saved) != len(self.param_groups):
            raise ArgumentError(
                "loaded state dict has a different number of parameter groups "
                f"({len(saved)}, the optimizer has {len(self.param_groups)})"
            )
        for i, (new, old) in enumerate(zip(saved, self.param_groups)):
            if len(new["params"]) != len(old["params"]):
                raise ArgumentError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group "
                    f"(group {i}: {len(new['params'])} parameters, the optimizer has {len(old['params'])})"
                )

    # ------------------------------------------------------------------------------------------------------- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` before `state_dict()` is made; with `prepend` before the other hooks."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)`, which may change the dict or return another."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before loading; it may change its copy of the dict or return another."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` after loading."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _fill_with_zeros(grads: list[Any]) -> None:
    for grad in grads:
        grad._edge = None  # torch: a gradient that was recorded (create_graph) is cut off
        grad._array[...] = 0
        touch(grad._array)


def _named(params: Any) -> Group:
    """A group's "params" as a list of Tensors, and "param_names" if (name, Tensor) pairs were given."""
    if isinstance(params, Tensor):
        return {"params": [params]}
    if isinstance(params, set):
        raise DTypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    found = list(params)
    names = [p[0] for p in found if isinstance(p, tuple)]
    if not names:
        return {"params": found}
    if len(names) != len(found):
        raise ArgumentError("all optimizer params should be with/without names. Some param names are missing")
    return {"params": [p[1] for p in found], "param_names": names}


def _fitted(value: Any, p: Tensor, key: Any = None) -> Any:
    """A copy of a loaded piece of state, Tensors on the device and in the dtype of their parameter.

    torch: "step" stays where it was, and keeps its dtype, since float16 could not count.
    """
    if isinstance(value, Tensor):
        there = value if key == "step" else value.to(p.device, p.dtype if p.is_floating_point() else value.dtype)
        return there.detach().clone()
    if isinstance(value, dict):
        return {k: _fitted(v, p, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_fitted(v, p) for v in value)
    return value


def _with_params_of(old: Group, new: Group) -> Group:
    """A loaded group with the Tensors of the group it replaces, and its names unless it brings its own."""
    names = {"param_names": old["param_names"]} if "param_names" in old and "param_names" not in new else {}
    return {**new, "params": old["params"], **names}
