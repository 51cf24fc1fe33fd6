"""Rule: an optimizer whose step is one kernel call per parameter group.

`step` collects the arrays of all groups and checks them, and only then lets the rule write: a step that raises has
changed nothing. A rule gives `_start`, the state that a parameter begins with, and `_update`, which reads options from
the group and calls its kernel. Kernels take lists of arrays, update them in place, and are defined over NumPy; a native
twin goes in front where there is one. Complex parameters are handed to kernels as pairs of real numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.grad_mode import enable_grad
from ..autograd.tape import touch, wrap
from ..errors import ArgumentError, OperatorError, ShapeError, UnsupportedError
from ..kernels import kernel
from ..kernels.sparse import Coo
from ..tensor import Tensor
from .optimizer import Group, Optimizer, ParamsT, StateDict

Array = Any
State = dict[str, Any]


class Batch:
    """The parameters of one group that have a gradient, and the arrays of both."""

    __slots__ = ("arrays", "grads", "is_complex", "params")

    def __init__(self, params: list[Tensor], arrays: list[Array], grads: list[Array], is_complex: bool) -> None:
        self.params = params
        self.arrays = arrays
        self.grads = grads
        self.is_complex = is_complex


@kernel
def gradients_of(params: list[Tensor]) -> tuple[list[Tensor], list[Array], list[Array], bool]:
    """The parameters that have a gradient, the arrays of both, and whether all is plain: writeable real arrays, and
    gradients of their shape and dtype."""
    having = [p for p in params if p._grad is not None]
    arrays = [p._array for p in having]
    grads = [p._grad._array for p in having]  # type: ignore[union-attr]
    plain = all(
        a.flags.writeable and a.dtype.kind != "c" and type(g) is not Coo and a.shape == g.shape and a.dtype == g.dtype
        for a, g in zip(arrays, grads)
    )
    return having, arrays, grads, plain


class Rule(Optimizer):
    """Base of the optimizers of this package.

    Raises:
        NotImplementedError: `differentiable=True` or `capturable=True`.
    """

    shaped: tuple[str, ...] = ()  # entries of the state that have their parameter's shape
    handles_complex = True
    handles_sparse = False

    def _start(self, p: Tensor, group: Group) -> State:
        """The state with which a parameter begins."""
        return {}

    def _update(self, group: Group, batch: Batch) -> None:
        """Writes one step to the parameters and their state."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient.

        Args:
            closure: computes the loss anew, with gradients, and returns it; the step then returns that loss.

        Raises:
            RuntimeError: a gradient's shape or dtype is not its parameter's. No parameter is changed then.
        """
        loss = evaluate(closure) if closure is not None else None
        batches = [self._collect(group) for group in self.param_groups]
        for group, batch in zip(self.param_groups, batches):
            if batch.params:
                arrays = batch.arrays
                if batch.is_complex:
                    batch.arrays, batch.grads = [*map(as_real, arrays)], [*map(as_real, batch.grads)]
                self._update(group, batch)
                touch(*arrays)
        return loss

    def _collect(self, group: Group) -> Batch:
        """The arrays of a group, checked: what may raise raises here."""
        params, arrays, grads, plain = gradients_of(group["params"])
        is_complex = False if plain else self._examine(group, params, arrays)
        if not plain:
            grads = [g.dense() if type(g) is Coo else g for g in grads]
        return Batch(params, arrays, grads, is_complex)

    def _examine(self, group: Group, params: list[Tensor], arrays: list[Array]) -> bool:
        """Raises for what cannot be stepped; whether any parameter is complex."""
        is_complex = any(a.dtype.kind == "c" for a in arrays)
        if is_complex and not self.handles_complex:
            raise OperatorError(f"{type(self).__name__} does not support complex parameters")
        for p, array in zip(params, arrays):
            if not array.flags.writeable:
                raise OperatorError(f"{self._label(group, p)}: its memory is read-only, or shared by several elements")
        self._check_grads(group, params)
        return is_complex

    def _check_grads(self, group: Group, params: list[Tensor]) -> None:
        """Raises for the first gradient that does not fit its parameter."""
        for p in params:
            array, grad = p._array, p._grad._array  # type: ignore[union-attr]
            if type(grad) is Coo:
                self._check_sparse(group)
            if grad.shape != array.shape:
                raise ShapeError(
                    f"{self._label(group, p)}: gradient of shape {grad.shape} for a parameter of shape {array.shape}"
                )
            if grad.dtype != array.dtype:
                raise OperatorError(f"{self._label(group, p)}: {grad.dtype} gradient for a {array.dtype} parameter")

    def _check_sparse(self, group: Group) -> None:
        name = type(self).__name__
        if not self.handles_sparse:
            hint = ", please consider SparseAdam instead" if name in ("Adam", "AdamW") else ""
            raise OperatorError(f"{name} does not support sparse gradients{hint}")
        if group["weight_decay"]:
            raise OperatorError(f"{name}: weight_decay option is not compatible with sparse gradients")

    def _label(self, group: Group, p: Tensor) -> str:
        place = next(i for i, q in enumerate(group["params"]) if q is p)
        name = f" {group['param_names'][place]!r}" if "param_names" in group else ""
        number = next(i for i, g in enumerate(self.param_groups) if g is group)
        return f"{type(self).__name__}.step: parameter {place}{name} of group {number}"

    def _states(self, group: Group, batch: Batch) -> list[State]:
        """The state of each parameter in the batch, begun where there is none."""
        states = [self.state[p] for p in batch.params]
        if not all(states):
            for p, state in zip(batch.params, states):
                if not state:
                    state.update(self._start(p, group))
        return [{k: _real_tensor(v) for k, v in s.items()} for s in states] if batch.is_complex else states

    def add_param_group(self, param_group: Group) -> None:
        if isinstance(param_group, dict):
            refuse_unsupported(type(self).__name__, {**self.defaults, **param_group})
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: StateDict) -> None:
        """As `Optimizer.load_state_dict`.

        Raises:
            RuntimeError: a tensor of the state has not its parameter's shape. Nothing is changed then.
        """
        before = (self.state, self.param_groups)
        super().load_state_dict(state_dict)
        try:
            self._check_state()
        except ShapeError:
            self.state, self.param_groups = before
            raise

    def _check_state(self) -> None:
        for number, p in enumerate(self._params()):
            for name, value in self.state.get(p, {}).items():
                if name in self.shaped and isinstance(value, Tensor) and value._array.shape != p._array.shape:
                    raise ShapeError(
                        f"{type(self).__name__}.load_state_dict: {name!r} of parameter {number} has shape "
                        f"{value._array.shape}, the parameter {p._array.shape}"
                    )

    def __setstate__(self, state: dict[str, Any]) -> None:
        options_ = [*(state.get("defaults") or self.defaults).items()]
        super().__setstate__(state)
        for group in self.param_groups:  # state dicts of older PyTorch lack newer options and count in plain numbers
            for name, default in options_:
                group.setdefault(name, default)
            for p in group["params"]:
                entries = self.state.get(p, {})
                if "step" in entries and not isinstance(entries["step"], Tensor):
                    entries["step"] = scalar(float(entries["step"]))


# ----------------------------------------------------------------------------------------- what rules are written with


def evaluate(closure: Callable[[], Any]) -> Any:
    """The loss that `closure` computes, recorded whatever the grad mode."""
    with enable_grad():
        return closure()


def number(option: Any) -> Any:
    """An option as a Python number; learning rates may be Tensors of one element."""
    return option if type(option) in (float, int) else float(option)


def scalar(value: float) -> Tensor:
    """A 0-d tensor of state. torch: float32 unless the default dtype is float64, whatever the parameter's dtype."""
    kind = np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32
    return wrap(np.array(value, kind))


def filled(p: Tensor, value: float = 0.0) -> Tensor:
    """A tensor of state like `p`, in its memory layout; complex ones are filled in both parts."""
    array = np.zeros_like(p._array)
    if value:
        (as_real(array) if array.dtype.kind == "c" else array)[...] = value
    return wrap(array)


def as_real(array: Array) -> Array:
    """(...) complex -> (..., 2) real, the same memory; other arrays as they are."""
    return array[..., None].view(array.real.dtype) if array.dtype.kind == "c" else array


def _real_tensor(value: Any) -> Any:
    return wrap(as_real(value._array)) if isinstance(value, Tensor) else value


@kernel
def column(states: list[State], name: str) -> list[Array]:
    """The arrays called `name` in each state."""
    return [state[name]._array for state in states]


@kernel
def next_steps(states: list[State]) -> list[float]:
    """The number of this step for each parameter, counted from 1."""
    return [state["step"]._array.item() + 1.0 for state in states]


@kernel
def put(states: list[State], name: str, values: list[float]) -> None:
    """Writes numbers to the 0-d tensors called `name`."""
    for state, value in zip(states, values):
        state[name]._array[...] = value


def descent(param: Array, grad: Array, weight_decay: float, maximize: bool) -> Array:
    """What a rule goes against: the gradient (negated to maximize), plus weight_decay * param for an L2 penalty."""
    grad = -grad if maximize else grad
    return grad + weight_decay * param if weight_decay else grad


# ------------------------------------------------------------------------------------------------ checking the options


def require(fits: Any, message: str) -> None:
    if not fits:
        raise ArgumentError(message)


def check_lr(lr: Any) -> None:
    """Raises ValueError unless `lr` is a number, or a Tensor of one, that is not negative."""
    require(not isinstance(lr, Tensor) or lr._array.size == 1, "Tensor lr must be 1-element")
    require(number(lr) >= 0, f"Invalid learning rate: {lr}")


def check_betas(betas: Any) -> None:
    for i, beta in enumerate(betas):
        require(0 <= number(beta) < 1, f"Invalid beta parameter at index {i}: {beta}")


def check_not_negative(**options: Any) -> None:
    """PyTorch's sentence for each option that is below zero or NaN; `eps` is spelled out there."""
    for name, value in options.items():
        require(number(value) >= 0, f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")


def check_hints(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """`fused` and `foreach` choose between implementations in PyTorch. Here a step is always one fused call."""
    if fused and differentiable:
        raise OperatorError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise OperatorError("`fused` and `foreach` cannot be `True` together.")


def options(arguments: dict[str, Any], first: str = "") -> dict[str, Any]:
    """The arguments of an `__init__` (its `locals()`) as the defaults of parameter groups, in their order but for those
    named `first`. torch: saved states show the order of the keys."""
    names = [k for k in arguments if k not in ("self", "params", "__class__")]
    return {k: arguments[k] for k in dict.fromkeys((*first.split(), *names))}


def refuse_unsupported(name: str, group: Group) -> None:
    if group.get("differentiable"):
        raise UnsupportedError(
            f"{name}: differentiable=True is not supported; to differentiate through an update, write it with Tensors "
            "(w = w - lr * g) and gradients from autograd.grad(..., create_graph=True)"
        )
    if group.get("capturable"):
        raise UnsupportedError(f"{name}: capturable=True is for CUDA graphs, which do not exist here; leave it False")


__all__ = [
    "Batch",
    "Group",
    "ParamsT",
    "Rule",
    "State",
    "check_betas",
    "check_hints",
    "check_lr",
    "check_not_negative",
    "column",
    "descent",
    "evaluate",
    "filled",
    "next_steps",
    "number",
    "options",
    "put",
    "require",
    "scalar",
]
