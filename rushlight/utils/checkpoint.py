"""Checkpointing (`torch.utils.checkpoint`): a part of a model whose saved arrays are computed anew in backward, so that
they take no memory until then.

Two ways. The newer one (`use_reentrant=False`) records the function as usual, takes from each tape entry what it saved
(a `Frame` does), and when the walk comes to one of them runs the function once more and gives the entries their arrays
back. The older one is a Function that records nothing in forward, and in backward runs function and `backward` inside.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import random
from ..amp.autocast_mode import autocast, get_autocast_dtype, is_autocast_cache_enabled, is_autocast_enabled
from ..autograd import Function, backward
from ..autograd.function import FunctionNode
from ..autograd.grad_mode import enable_grad, is_grad_enabled, no_grad
from ..autograd.graph import become, begin_keeping, end_keeping, has_targets, recorded, restored, watch_walks
from ..autograd.tape import Operator, wrap
from ..errors import ArgumentError, OperatorError, UnsupportedError
from ..tensor import Tensor

Array = Any
Contexts = tuple[Any, Any]

# ------------------------------------------------------------------------------------------------ as it was in forward


class Surroundings:
    """What a function's results depend on beside its arguments: the state of the random numbers, and autocast."""

    def __init__(self, preserve_rng_state: bool) -> None:
        self.rng_state = random.get_rng_state() if preserve_rng_state else None
        self.autocast = get_autocast_dtype("cpu"), is_autocast_enabled("cpu"), is_autocast_cache_enabled()

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """A block in which everything is as it was."""
        with random.fork_rng(enabled=self.rng_state is not None), autocast("cpu", *self.autocast):
            if self.rng_state is not None:
                random.set_rng_state(self.rng_state)
            yield


# ------------------------------------------------------------------------------------------------- entries and frames


class CheckpointError(RuntimeError):
    """The function did something else the second time."""


class _Stop(BaseException):
    """Everything that is needed has been computed again."""


class Parts(NamedTuple):
    """What an entry holds of arrays."""

    saved: tuple[Any, ...]
    args: tuple[Any, ...]
    others: dict[str, Array]  # attributes that forward set

    @classmethod
    def of(cls, entry: Any) -> Parts:
        is_users = isinstance(entry, FunctionNode)  # what a user set on ctx is the user's
        others = {} if is_users else {k: v for k, v in vars(entry).items() if isinstance(v, np.ndarray)}
        return cls(entry.saved, entry.args, others)

    def kinds(self) -> list[tuple[Any, Any]]:
        """Shape and dtype of each saved array."""
        return [(a.shape, a.dtype) for a in self.saved if hasattr(a, "strides")]


class Place(NamedTuple):
    """Where an entry's arrays will be: they are the n-th of a frame."""

    frame: Frame
    number: int


class Frame:
    """One call of `checkpoint`: knows how to run its function again, and what its entries saved.

    Attributes:
        again: runs the function under a keeper of entries.
        seen: for each entry its name and the shapes and dtypes of what it saved.
        found: the arrays of the entries that a second run recorded, until they are asked for.
    """

    def __init__(self, again: Callable[[Callable[[Any], None]], None], check: bool, early_stop: bool) -> None:
        self.again, self.check, self.early_stop = again, check, early_stop
        self.seen: list[tuple[str, list[tuple[Any, Any]]]] = []
        self.found: dict[int, Parts] = {}

    def keep(self, entry: Any) -> None:
        """Takes from an entry what it saved."""
        parts = Parts.of(entry)
        if parts.saved or parts.others:
            entry.saved, entry.args = (Place(self, len(self.seen)),), ()
            for name in parts.others:
                delattr(entry, name)
            self.seen.append((entry.name(), parts.kinds()))
            become(entry, _recomputing)

    def take(self, index: int) -> Parts:
        """What the n-th entry had saved."""
        if index not in self.found:
            self._run_again()
        return self.found.pop(index)

    def _run_again(self) -> None:
        names: list[str] = []

        def collect(entry: Any) -> None:
            parts = Parts.of(entry)
            if parts.saved or parts.others:
                self.found[len(names)] = parts
                names.append(entry.name())
                if self.early_stop and len(names) == len(self.seen):
                    raise _Stop

        self.found = {}
        with contextlib.suppress(_Stop):
            self.again(collect)
        self._compare(names)

    def _compare(self, names: list[str]) -> None:
        if len(names) != len(self.seen):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation. Forward recorded {[name for name, _ in self.seen]}, recomputation {names}."
            )
        for i, (name, kinds) in enumerate(self.seen):
            if self.check and self.found[i].kinds() != kinds:
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    f"during the forward pass: what {name} saved, entry {i}, had shapes and dtypes {kinds}, and has "
                    f"{self.found[i].kinds()} now."
                )


def _recomputing(cls: Any) -> type[Any]:
    """What an entry of class `cls` becomes when a frame keeps what it saved: backward has it computed again."""

    class Recomputing(cls):  # type: ignore[misc]
        saved: Any
        args: Any

        def differentiate(self, grad: Any, create_graph: bool) -> Any:
            kept = self.saved
            if kept is None:
                return super().differentiate(grad, create_graph)
            self.saved, self.args, others = kept[0].frame.take(kept[0].number)
            for name, array in others.items():
                setattr(self, name, array)
            try:
                return super().differentiate(grad, create_graph)
            finally:
                self.saved, self.args = kept, ()
                for name in others:
                    delattr(self, name)

        def _check_unwritten(self, arrays: Any) -> None:
            """They are newer than all writes."""

    return Recomputing


class Inputs(Operator):
    """Holds a checkpoint's arguments, so that a checkpoint around it, or hooks on what is saved, keep them in turn."""

    def __init__(self, tensors: Sequence[Any]) -> None:
        self._enter(())
        self.saved = tuple([t._array for t in tensors])
        self.requires_grad = [t.requires_grad for t in tensors]
        recorded(self)

    def tensors(self) -> list[Any]:
        """The arguments again, as new leaves."""
        place = self.saved[0] if self.saved else None
        arrays = place.frame.take(place.number).saved if isinstance(place, Place) else restored(self.saved)
        if not isinstance(place, Place):
            self._check_unwritten(arrays)
        return [wrap(a).requires_grad_(r) for a, r in zip(arrays, self.requires_grad, strict=True)]


def _apart(args: tuple[Any, ...]) -> tuple[list[Any], Callable[[Iterable[Any]], list[Any]]]:
    """The Tensors among the arguments, and what puts Tensors and the other arguments together again."""
    tensors = [a for a in args if isinstance(a, Tensor)]
    places = [isinstance(a, Tensor) for a in args]
    others = [None if is_tensor else a for a, is_tensor in zip(args, places, strict=True)]

    def together(given: Iterable[Any]) -> list[Any]:
        remaining = iter(given)
        return [next(remaining) if is_tensor else a for a, is_tensor in zip(others, places, strict=True)]

    return tensors, together


# -------------------------------------------------------------------------------------------------------- the two ways


def noop_context_fn() -> Contexts:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


_early_stop: bool | None = None  # what `set_checkpoint_early_stop` says


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A block whose checkpoints stop running a function again once everything needed is computed, or do not."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """PyTorch's switch for messages that name the operators of both runs: here they always do."""
    yield


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """The GPUs that hold these arguments, and the states of their random numbers: none."""
    return [], []


def set_device_states(devices: list[int], states: list[Any], *, device_type: str | None = None) -> None:
    """Puts back what `get_device_states` gave."""
    if devices:
        raise UnsupportedError("set_device_states: tensors live on the CPU, whose state is set by set_rng_state")


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, of which backward computes anew what operators would have kept.

    Args:
        function: gives the same results whenever it is called with the same arguments.
        use_reentrant: False is the better choice. True runs `backward` inside of backward: then one of the arguments
            themselves must require grad, Tensors inside containers get no gradient, and `autograd.grad` is refused.
            None warns and means True.
        preserve_rng_state: whether the second run draws the same random numbers (a keyword; True).
        context_fn: returns two contexts, for the first run and for the second.
        determinism_check: "default" compares shapes and dtypes of both runs, "none" does not.
        debug: of no effect, as errors always tell what was recorded.
        early_stop: whether the second run ends once everything is there.

    Raises:
        ValueError: options that do not go together. CheckpointError: in backward, if the function does something else
        the second time.

    Example:
        >>> layer = rushlight.nn.Sequential(rushlight.nn.Linear(2, 8), rushlight.nn.ReLU(), rushlight.nn.Linear(8, 1))
        >>> y = rushlight.utils.checkpoint.checkpoint(layer, rushlight.ones(3, 2), use_reentrant=False)
        >>> y.sum().backward()

    Source: Chen et al. 2016, arXiv:1604.06174.
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if _explicit("checkpoint", use_reentrant):
        if kwargs:
            raise ArgumentError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ArgumentError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    stop = early_stop if _early_stop is None else _early_stop
    return _recorded(function, args, kwargs, preserve, context_fn(), determinism_check == "default", stop)


def _explicit(name: str, use_reentrant: bool | None) -> bool:
    if use_reentrant is None:
        warnings.warn(
            f"torch.utils.checkpoint.{name}: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended; use_reentrant=True is what it means now.",
            stacklevel=3,
        )
    return use_reentrant is not False


def _recorded(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    preserve: bool,
    contexts: Contexts,
    check: bool,
    early_stop: bool,
) -> Any:
    """The newer way."""
    if not is_grad_enabled():
        return function(*args, **kwargs)
    surroundings = Surroundings(preserve)
    tensors, together = _apart(args)
    inputs = Inputs(tensors)

    def again(keeper: Callable[[Any], None]) -> None:
        given = together(inputs.tensors())
        with surroundings.again(), contexts[1], enable_grad(), _keeping(keeper):
            function(*given, **kwargs)

    with contexts[0], _keeping(Frame(again, check, early_stop).keep):
        return function(*args, **kwargs)


@contextlib.contextmanager
def _keeping(keeper: Callable[[Any], None]) -> Iterator[None]:
    begin_keeping(keeper)
    try:
        yield
    finally:
        end_keeping()


class CheckpointFunction(Function):
    """The older way."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        check_backward_validity(args)
        watch_walks()
        ctx.function, ctx.surroundings = function, Surroundings(preserve)
        tensors, ctx.together = _apart(args)
        ctx.save_for_backward(*tensors)
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if has_targets():
            raise OperatorError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        args = detach_variable(tuple(ctx.together(ctx.saved_tensors)))
        with ctx.surroundings.again(), enable_grad():
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        moving = [i for i, o in enumerate(outputs) if isinstance(o, Tensor) and o.requires_grad]
        if not moving:
            raise OperatorError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([outputs[i] for i in moving], [grads[i] for i in moving])
        return None, None, *[a.grad if isinstance(a, Tensor) else None for a in args]


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """New leaves with the same values; what is no Tensor stays.

    Raises:
        RuntimeError: `inputs` is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise OperatorError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns if no Tensor requires grad."""
    if not any(a.requires_grad for a in inputs if isinstance(a, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A Sequential, or a list of modules or functions, run in so many checkpointed segments; the last one is not
    checkpointed.

    Args:
        preserve_rng_state: as for `checkpoint` (a keyword; True).

    Raises:
        ValueError: other keywords, or more segments than functions.
    """
    reentrant = _explicit("checkpoint_sequential", use_reentrant)
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentError("Unexpected keyword arguments: " + ",".join(kwargs))
    stages = list(functions)
    size = len(stages) // segments
    starts = range(0, size * (segments - 1), size)
    for start in starts:
        stage = _chain(stages[start : start + size])
        input = checkpoint(stage, input, use_reentrant=reentrant, preserve_rng_state=preserve)
    return _chain(stages[size * len(starts) :])(input)


def _chain(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return run


def create_selective_checkpoint_contexts(policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False) -> NoReturn:
    """PyTorch's choice, operator by operator of its dispatcher, of what is kept.

    Raises:
        NotImplementedError: always.
    """
    raise UnsupportedError(
        "create_selective_checkpoint_contexts: there is no dispatcher whose operators a policy could name; checkpoint "
        "smaller parts of the model instead."
    )
