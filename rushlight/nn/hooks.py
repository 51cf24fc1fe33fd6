"""Hooks of modules: those registered for all modules, and how a module with any hook is called.

Backward hooks stand on two identity operators, the gates, through which a module's inputs and outputs are passed: the
gate behind the outputs sees `grad_output` when it is complete, the gate before the inputs sees `grad_input`.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.grad_mode import mode
from ..autograd.graph import as_gradients, as_tensors, register_node_hook
from ..autograd.tape import Operator, TensorBase
from ..hooks import RemovableHandle, register

if TYPE_CHECKING:
    from .module import Module

Hook = Callable[..., Any]
Hooks = OrderedDict[int, Hook]

forward_hooks: Hooks = OrderedDict()
forward_hooks_with_kwargs: dict[int, bool] = OrderedDict()
forward_hooks_always_called: dict[int, bool] = OrderedDict()
forward_pre_hooks: Hooks = OrderedDict()
backward_hooks: Hooks = OrderedDict()
backward_pre_hooks: Hooks = OrderedDict()
buffer_registration_hooks: Hooks = OrderedDict()
module_registration_hooks: Hooks = OrderedDict()
parameter_registration_hooks: Hooks = OrderedDict()
any_global: dict[int, bool] = {}  # ids of the hooks that a call of any module has to look for
backward_hooks_are_full: bool | None = None


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, args)` before the forward of every module; what it returns (if not None) replaces args."""
    return register(forward_pre_hooks, hook, (any_global,))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls `hook(module, args, output)` after the forward of every module; what it returns (if not None) replaces
    output.

    Args:
        with_kwargs: call `hook(module, args, kwargs, output)`.
        always_call: call it also when the forward raised.
    """
    flags = [any_global]
    if with_kwargs:
        flags.append(forward_hooks_with_kwargs)
    if always_call:
        flags.append(forward_hooks_always_called)
    return register(forward_hooks, hook, tuple(flags))


def _set_full(full: bool) -> None:
    global backward_hooks_are_full
    if backward_hooks_are_full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use "
            "only one of them."
        )
    backward_hooks_are_full = full


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, grad_input, grad_output)` for every module, with the gradients of its last operator only."""
    _set_full(False)
    return register(backward_hooks, hook, (any_global,))


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, grad_input, grad_output)` when the gradients of any module's inputs are complete."""
    _set_full(True)
    return register(backward_hooks, hook, (any_global,))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, grad_output)` when the gradients of any module's outputs are complete."""
    return register(backward_pre_hooks, hook, (any_global,))


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, name, buffer)` when a buffer is registered; it may return another buffer."""
    return register(buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, name, submodule)` when a submodule is registered; it may return another module."""
    return register(module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls `hook(module, name, parameter)` when a parameter is registered; it may return another parameter."""
    return register(parameter_registration_hooks, hook)


class BoundHook:
    """A hook with its module in front of the arguments; it does not keep the module alive."""

    def __init__(self, hook: Hook, module: Module) -> None:
        self.hook = hook
        self.module = weakref.ref(module)
        functools.update_wrapper(self, hook)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "module": self.module()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook = state["hook"]
        self.module = weakref.ref(state["module"])


# ------------------------------------------------------------------------------------------- calling with hooks


def run_pre_hooks(module: Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments after the forward pre-hooks had their say."""
    for id_, hook in (*forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
        if id_ in module._forward_pre_hooks_with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                )
            args, kwargs = changed
        elif (changed := hook(module, args)) is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
    return args, kwargs


class _Forward:
    """The forward hooks of one call. Those marked always_call run once, even if the forward raises."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.hooks = {**forward_hooks, **module._forward_hooks}
        self.called: set[int] = set()

    def call(self, id_: int, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        self.called.add(id_)
        if id_ in self.module._forward_hooks_with_kwargs or id_ in forward_hooks_with_kwargs:
            changed = self.hooks[id_](self.module, args, kwargs, result)
        else:
            changed = self.hooks[id_](self.module, args, result)
        return result if changed is None else changed

    def run(self, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        for id_ in self.hooks:
            result = self.call(id_, args, kwargs, result)
        return result

    def after_failure(self, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        always = {**forward_hooks_always_called, **self.module._forward_hooks_always_called}
        for id_ in [i for i in self.hooks if i in always and i not in self.called]:
            try:
                result = self.call(id_, args, kwargs, result)
            except Exception as why:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {why}",
                    stacklevel=2,
                )


def call(module: Module, args: Any, kwargs: dict[str, Any]) -> Any:
    """`module.forward(*args, **kwargs)` with every hook around it."""
    result: Any = None
    after = _Forward(module)
    try:
        full, plain = _backward_hooks_of(module)
        pre = [*backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        args, kwargs = run_pre_hooks(module, args, kwargs)
        gates = BackwardHook(module, full, pre) if full or pre else None
        if gates is not None:
            args = gates.setup_input_hook(args)
        result = module.forward(*args, **kwargs)
        result = after.run(args, kwargs, result)
        if gates is not None:
            result = gates.setup_output_hook(result)
        if plain:
            _hook_last_operator(module, plain, result)
        return result
    except Exception:
        after.after_failure(args, kwargs, result)
        raise


def _backward_hooks_of(module: Module) -> tuple[list[Hook], list[Hook]]:
    """The backward hooks, full ones and those of the older kind."""
    kinds: tuple[list[Hook], list[Hook]] = [], []
    for full, hooks in (
        (backward_hooks_are_full, backward_hooks),
        (module._is_full_backward_hook, module._backward_hooks),
    ):
        kinds[0 if full else 1].extend(hooks.values())
    return kinds


def _hook_last_operator(module: Module, hooks: list[Hook], result: Any) -> None:
    """The older kind of backward hook: sees the gradients of the operator that made the (first) result."""
    while not isinstance(result, TensorBase):
        result = (
            next(v for v in result.values() if isinstance(v, TensorBase)) if isinstance(result, dict) else result[0]
        )
    node = result.grad_fn  # type: ignore[attr-defined]
    for hook in hooks if node is not None else ():
        register_node_hook(node, functools.partial(hook, module))


# ------------------------------------------------------------------------------------------------------- gates


class _Gate(Operator):
    """Passes tensors through; its backward calls `seen(grads)` and passes on what that returns."""

    seen: Callable[[tuple[Any, ...]], Any]

    @staticmethod
    def forward(ctx: Any, *arrays: Any) -> Any:
        return arrays

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return as_gradients(ctx.seen(as_tensors(grads)))

    @classmethod
    def name(cls) -> str:
        return "BackwardHookFunctionBackward"


class _InputGate(_Gate):
    """The gate before the inputs. torch: hooks see zeros where no gradient came."""

    @staticmethod
    def forward(ctx: Any, *arrays: Any) -> Any:
        ctx.kinds = [(array.shape, array.dtype) for array in arrays]
        return arrays

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        filled = [np.zeros(*kind) if grad is None else grad for grad, kind in zip(grads, ctx.kinds)]
        return _Gate.backward(ctx, *filled)


def _through_gate(gate: type[_Gate], tensors: list[Any], seen: Callable[[tuple[Any, ...]], Any]) -> list[Any] | None:
    """The tensors behind a gate, or None if nothing is recorded."""
    if not (mode.enabled and any(t._edge is not None for t in tensors)):
        return None
    outputs = gate.apply(*tensors)
    next(o._edge.edges[0] for o in outputs if o._edge is not None).seen = seen
    for out, source in zip(outputs, tensors):
        if source._edge is None:
            out._edge = None
        else:
            out._base = (
                source if source._base is None else source._base
            )  # as in PyTorch, writing in place to what passed a gate is refused
    return list(outputs)


class BackwardHook:
    """The full backward hooks of one call of a module."""

    def __init__(self, module: Module, user_hooks: list[Hook], user_pre_hooks: list[Hook]) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.n_inputs = self.n_outputs = -1
        self.input_places: list[int] = []
        self.output_places: list[int] = []
        self.gated_input = False

    def setup_input_hook(self, args: Any) -> Any:
        """The arguments, those that are tensors behind a gate that calls the hooks."""
        self.n_inputs = len(args)
        args, self.input_places, self.gated_input = self._gated(_InputGate, args, self._on_grad_input)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        """The result (a tensor or a tuple) behind a gate that notes its gradients and calls the pre-hooks."""
        single = isinstance(result, TensorBase)
        if not single and not isinstance(result, tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                f"received {type(result)}",
                stacklevel=2,
            )
            return result
        results = (result,) if single else result
        self.n_outputs = len(results)
        results, self.output_places, _ = self._gated(_Gate, results, self._on_grad_output)
        return results[0] if single else results

    @staticmethod
    def _gated(
        gate: type[_Gate], values: tuple[Any, ...], seen: Callable[[tuple[Any, ...]], Any]
    ) -> tuple[Any, list[int], bool]:
        places = [i for i, v in enumerate(values) if isinstance(v, TensorBase)]
        passed = _through_gate(gate, [values[i] for i in places], seen) if places else None
        if passed is None:
            return values, places, False
        mixed = list(values)
        for i, tensor in zip(places, passed):
            mixed[i] = tensor
        rebuilt = tuple(mixed) if type(values) is tuple else type(values)(*mixed)  # named tuples keep their class
        return rebuilt, places, True

    def _on_grad_output(self, grads: tuple[Any, ...]) -> Any:
        full = _spread(grads, self.output_places, self.n_outputs)
        for hook in self.user_pre_hooks:
            changed = hook(self.module, full)
            if changed is not None:
                full = _checked(changed, self.n_outputs, "pre hook returned an invalid number of grad_output")
        self.grad_outputs = full
        if not self.gated_input:
            self._call_user_hooks((None,) * self.n_inputs)
        return tuple(full[i] for i in self.output_places)

    def _on_grad_input(self, grads: tuple[Any, ...]) -> Any:
        if self.grad_outputs is None:  # torch: nothing came through the outputs
            return grads
        changed = self._call_user_hooks(_spread(grads, self.input_places, self.n_inputs))
        self.grad_outputs = None
        return tuple(changed[i] for i in self.input_places)

    def _call_user_hooks(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.user_hooks:
            changed = hook(self.module, grad_input, self.grad_outputs)
            if changed is None:
                continue
            if not self.gated_input:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
            grad_input = _checked(changed, self.n_inputs, "hook returned an invalid number of grad_input")
        return grad_input


def _spread(grads: tuple[Any, ...], places: list[int], n: int) -> tuple[Any, ...]:
    """Gradients of the tensors among n values, with None for the other values."""
    full = [None] * n
    for i, grad in zip(places, grads):
        full[i] = grad
    return tuple(full)


def _checked(changed: Any, n: int, kind: str) -> tuple[Any, ...]:
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != n:
        raise RuntimeError(f"Backward {kind}, got {len(changed)}, but expected {n}")
    return changed
