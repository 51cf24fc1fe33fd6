"""`torch.compile` and what `torch.compiler` offers around it.

There is no compiler here. `compile` records what a function or module does to tensors and, while guards say that it
would do the same again, replays the recorded kernels with next to no Python. The numbers are those of the plain call,
bit for bit. What cannot be recorded soundly runs as it is; `explain` tells what happened and why. docs/compile.md
says what can be recorded, and what is guarded.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from ..errors import OperatorError, UnsupportedError
from ..nn.module import Module
from .capture import Capture
from .settings import settings

BACKENDS = ("inductor", "cudagraphs")  # both: what is recorded is replayed
AS_IT_IS = ("eager", "aot_eager")
MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")

_captures: weakref.WeakSet[Capture] = weakref.WeakSet()


def _capture(function: Any, fullgraph: bool) -> Capture:
    made = Capture(function, fullgraph)
    _captures.add(made)
    return made


class OptimizedModule(Module):
    """What `compile` makes of a module: it holds the module as `_orig_mod`, and is called in its place.

    Parameters are named, saved and loaded with the prefix `_orig_mod.`, as in PyTorch; other attributes are read from
    and written to the module itself.
    """

    _orig_mod: Module
    _own = ("_orig_mod", "_capture", "forward", "training")

    def __init__(self, mod: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self._orig_mod = mod
        self._capture = _capture(mod, fullgraph)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result, replayed where possible."""
        return self._capture(*args, **kwargs)

    @property
    def training(self) -> bool:
        return vars(self)["_orig_mod"].training if "_orig_mod" in vars(self) else True

    @training.setter
    def training(self, mode: bool) -> None:
        vars(self)["_orig_mod"].training = mode

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own or "_orig_mod" not in vars(self) or name in vars(self):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})


def _of_module(self: OptimizedModule, name: str) -> Any:
    if name == "_orig_mod" or "_orig_mod" not in vars(self):
        raise AttributeError(f"'OptimizedModule' object has no attribute '{name}'")
    return getattr(self._orig_mod, name)


OptimizedModule.__getattr__ = _of_module  # type: ignore[attr-defined]  # (set here: see Module.__init_subclass__)


def _check(backend: Any, mode: str | None, options: Any) -> None:
    if mode is not None and options is not None:
        raise OperatorError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in MODES:
        raise OperatorError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if callable(backend):
        raise UnsupportedError(
            "compile: a backend of your own is given graphs of PyTorch's, which do not exist here; leave backend out"
        )
    if backend not in BACKENDS + AS_IT_IS:
        raise OperatorError(f"Invalid backend: '{backend}'; it is one of {', '.join(BACKENDS + AS_IT_IS)}")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A function or module that replays what it did before, as long as it would do the same again.

    The first call runs as it is. A later one is recorded: its operators, their backward if it calls `backward`, the
    steps of optimizers, the random draws. Guards note everything that the call read (shapes, dtypes, flags, attributes,
    globals, closures). While they hold, calls replay the recording; when one does not, the call is recorded anew, up to
    `torch._dynamo.config.recompile_limit` times, or runs as it is. Results have the bits that the plain call gives.

    Args:
        model: a module or a function; without it, a decorator.
        fullgraph: warn once if calls cannot be recorded. (PyTorch raises.)
        dynamic: accepted; each combination of shapes has a recording of its own.
        backend: "inductor" and "cudagraphs" replay; "eager" and "aot_eager" leave the model as it is.
        mode, options: accepted; they tune PyTorch's compiler.
        disable: leave the model as it is.

    Returns:
        An `OptimizedModule` for a module, a function for a function.

    Raises:
        RuntimeError: an unknown backend or mode, or both mode and options.
        NotImplementedError: a backend of one's own.

    Example:
        >>> net = rushlight.nn.Linear(2, 1)
        >>> fast = compile(net)
        >>> list(fast.state_dict())
        ['_orig_mod.weight', '_orig_mod.bias']

    Source: torch.compile.
    """
    _check(backend, mode, options)
    if model is None:
        return lambda model: compile(
            model, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise OperatorError(f"torch.compile expects a callable or a Module, got {type(model).__name__}")
    if disable or backend in AS_IT_IS or getattr(model, "_torchdynamo_disable", False):
        return model
    if isinstance(model, OptimizedModule):
        return model
    return OptimizedModule(model, fullgraph) if isinstance(model, Module) else compiled_function(model, fullgraph)


def compiled_function(function: Callable[..., Any], fullgraph: bool) -> Callable[..., Any]:
    """A function (so that it can be a method) around a capture."""
    capture = _capture(function, fullgraph)

    @functools.wraps(function, updated=())
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return capture(*args, **kwargs)

    vars(compiled).update(_capture=capture, _torchdynamo_orig_callable=function)
    return compiled


def compile_in_place(module: Module, *, fullgraph: bool = False, **options: Any) -> Capture | None:
    """What `Module.compile` puts in the place of a module's forward; None if it stays as it is."""
    wanted = compile(_nothing, fullgraph=fullgraph, **options)
    return None if wanted is _nothing else _capture(module.forward, fullgraph)


def _nothing() -> None: ...


def capture_of(compiled: Any) -> Capture:
    """The capture behind what `compile` returned.

    Raises:
        TypeError: nothing of `compile`'s.
    """
    found = compiled if isinstance(compiled, Capture) else getattr(compiled, "_capture", None)
    found = found or getattr(compiled, "_compiled_call_impl", None)
    if not isinstance(found, Capture):
        raise TypeError(f"expected what compile returned, got a {type(compiled).__name__}")
    return found


def explain(compiled: Any) -> str:
    """What became of a compiled function or module, in words: how often it was replayed, what could not be recorded.

    Example:
        >>> double = compile(lambda x: x * 2)
        >>> double(rushlight.ones(1))
        tensor([2.])
        >>> print(explain(double))
        0 of 1 calls replayed; 0 recordings
    """
    capture = capture_of(compiled)
    count = len(capture.recordings)
    lines = [f"{capture.replays} of {capture.calls} calls replayed; {count} recording{'s' * (count != 1)}"]
    lines += [f"not recorded: {why}" for why in capture.refusals]
    return "\n".join(lines)


def reset() -> None:
    """Forgets all recordings; compiled functions record anew."""
    for capture in list(_captures):
        capture.reset()


# ----------------------------------------------------------------------------------------------- around compiled code


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function that is never recorded, nor what calls it; also as a decorator with arguments.

    Args:
        recursive: False would let what the function calls be recorded on its own: that changes speed alone, and here
            it is not recorded either.
        reason: for the reader.
    """
    if fn is None:
        return lambda fn: disable(fn, reason=reason)
    if isinstance(fn, (Module, type)):
        setattr(fn, "_torchdynamo_disable", True)  # noqa: B010
        return fn

    @functools.wraps(fn)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    vars(disabled)["_torchdynamo_disable"] = True
    return disabled


class set_stance:
    """How compiled functions run from now on, or in a block: "default"; "force_eager" (as they are);
    "eager_on_recompile" (replayed where a recording fits, as they are otherwise).

    Raises:
        NotImplementedError: PyTorch's other stances.
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in ("default", "force_eager", "eager_on_recompile") or skip_guard_eval_unsafe or force_backend:
            raise UnsupportedError(
                "compiler.set_stance: only 'default', 'force_eager' and 'eager_on_recompile', without options"
            )
        self._stance, self._before = stance, settings.stance
        settings.stance = stance

    def __enter__(self) -> None:
        settings.stance = self._stance

    def __exit__(self, *failure: object) -> None:
        settings.stance = self._before


def is_compiling() -> bool:
    """Whether code is being traced into a graph: never. What is recorded runs for real."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The backends that `compile` takes."""
    return sorted(BACKENDS)


def allow_in_graph(fn: Any) -> Any:
    """The function as it is."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function as it is: its result is looked at anew in each call."""
    return fn


def nested_compile_region(fn: Any = None) -> Any:
    """The function as it is; also as a decorator."""
    return fn if fn is not None else allow_in_graph


def substitute_in_graph(original_fn: Any, **options: Any) -> Any:
    """A decorator that leaves its function as it is: replacements are for PyTorch's tracer."""
    return allow_in_graph


def cudagraph_mark_step_begin() -> None:
    """Says that a training step begins, for graphs on a GPU: there is nothing to do."""
