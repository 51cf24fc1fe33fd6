"""What every operator is held to, and how a family writes down its cases.

A `Case` names an operator by its path below `torch` (and `rushlight`) and draws arguments; `test_contracts.py` runs
each case through every contract. A `Refusal` is a call that must raise.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rushlight
from rushlight.kernels import native


@dataclass
class Placeholder:
    """A tensor argument before a library turns it into its own tensor."""

    array: Any
    grad: bool = False


class Draw:
    """Draws arguments; the same seed draws the same."""

    def __init__(self, seed: int, dtype: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype

    def float(self, array: Any, grad: bool = True) -> Placeholder:
        return Placeholder(np.asarray(array).astype(self.dtype), grad)

    def __call__(self, *shape: int, grad: bool = True) -> Placeholder:
        """Standard normal."""
        return self.float(self.rng.standard_normal(shape), grad)

    def positive(self, *shape: int, grad: bool = True) -> Placeholder:
        """In [0.5, 2.5)."""
        return self.float(self.rng.random(shape) * 2 + 0.5, grad)

    def unit(self, *shape: int, grad: bool = True) -> Placeholder:
        """In [0.05, 0.95)."""
        return self.float(self.rng.random(shape) * 0.9 + 0.05, grad)

    def distinct(self, *shape: int, grad: bool = True) -> Placeholder:
        """No two elements closer than 0.1: no ties, and room for numeric derivatives."""
        n = int(np.prod(shape, dtype=int))
        return self.float(((self.rng.permutation(n) - n / 2 + 0.37) * 0.1).reshape(shape), grad)

    def complex(self, *shape: int, grad: bool = True) -> Placeholder:
        values = self.rng.standard_normal(shape) + 1j * self.rng.standard_normal(shape)
        return Placeholder(values.astype("complex64" if self.dtype == "float32" else "complex128"), grad)

    def ints(self, high: int, *shape: int) -> Placeholder:
        return Placeholder(self.rng.integers(0, high, shape))

    def bools(self, *shape: int) -> Placeholder:
        return Placeholder(self.rng.random(shape) < 0.5)

    def const(self, array: Any) -> Placeholder:
        return Placeholder(np.asarray(array))


Arguments = Callable[[Draw], tuple[Any, ...]]


@dataclass
class Case:
    """One way of calling an operator."""

    name: str
    args: Arguments
    kwargs: dict[str, Any] | Callable[[Draw], dict[str, Any]] = field(default_factory=dict)
    id: str = ""
    grad: bool = True
    gradgrad: bool = True
    rtol: float = 1e-4
    atol: float = 1e-5
    layouts: bool = True
    dtypes: tuple[str, ...] = ("float32",)
    reference: Callable[[Any], Callable[..., Any]] | None = None  # torch -> function, where torch has no such path

    def draw(self, dtype: str) -> tuple[list[Any], dict[str, Any]]:
        t = Draw(zlib.crc32((self.name + self.id).encode()), dtype)
        args = list(self.args(t))
        return args, dict(self.kwargs(t) if callable(self.kwargs) else self.kwargs)

    def function(self, library: Any) -> Callable[..., Any]:
        if self.reference is not None and library is not rushlight:
            return self.reference(library)
        return resolve(library, self.name)


@dataclass
class Refusal:
    """A call that must raise `error` with a message that matches `match`, changing nothing."""

    name: str
    args: Arguments
    error: type[Exception]
    match: str
    kwargs: dict[str, Any] = field(default_factory=dict)


def resolve(library: Any, path: str) -> Any:
    """`library.nn.functional.relu` for "nn.functional.relu"."""
    found, walked = library, library.__name__
    for part in path.split("."):
        walked += "." + part
        found = getattr(found, part) if hasattr(found, part) else importlib.import_module(walked)
    return found


def convert(value: Any, make: Callable[[Placeholder], Any]) -> Any:
    """`value` with every Placeholder in it made into a tensor."""
    if isinstance(value, Placeholder):
        return make(value)
    if isinstance(value, (list, tuple)):
        return type(value)(convert(v, make) for v in value)
    return {k: convert(v, make) for k, v in value.items()} if isinstance(value, dict) else value


def maker(
    library: Any, leaves: list[Any], grad: bool, layout: Callable[[Any], Any] = lambda tensor: tensor
) -> Callable[[Placeholder], Any]:
    """Makes leaves of `library` (noted in `leaves` if they require grad) and lays them out in memory by `layout`."""

    def make(p: Placeholder) -> Any:
        leaf = library.tensor(p.array)
        if grad and p.grad:
            leaf.requires_grad_()
            leaves.append(leaf)
        return layout(leaf)

    return make


def tensors_in(result: Any) -> list[Any]:
    """The tensors of a result, in order."""
    if isinstance(result, (list, tuple)):
        return [t for r in result for t in tensors_in(r)]
    return [result] if hasattr(result, "requires_grad") else []


def numpy_of(tensor: Any) -> Any:
    return np.array(tensor.detach().numpy())


def run(
    case: Case,
    library: Any,
    dtype: str,
    grad: bool,
    layout: Callable[[Any], Any] = lambda tensor: tensor,
    fetch: Callable[[Any], Any] = numpy_of,
) -> tuple[list[Any], list[Any]]:
    """Outputs and gradients of a case, as NumPy arrays (by `fetch`). The gradient is that of a fixed random weighting
    of the outputs."""
    leaves: list[Any] = []
    args, kwargs = convert(case.draw(dtype), maker(library, leaves, grad, layout))
    outputs = tensors_in(case.function(library)(*args, **kwargs))
    grads: list[Any] = []
    wanted = [out for out in outputs if out.requires_grad]
    if wanted and leaves:
        rng = np.random.default_rng(7)
        weights = [
            library.tensor(rng.standard_normal(tuple(out.shape)).astype(str(out.dtype).split(".")[-1]))
            for out in wanted
        ]
        grads = list(library.autograd.grad(wanted, leaves, weights, allow_unused=True))
    return list(map(fetch, outputs)), [None if g is None else fetch(g) for g in grads]


@contextmanager
def definitions_only() -> Any:
    """Kernels run their definitions while this is entered."""
    before = native.use_twins(False) if native is not None else True
    try:
        yield
    finally:
        if native is not None:
            native.use_twins(before)


def families() -> dict[str, Any]:
    """The modules cases_<family>.py beside this file."""
    from pathlib import Path

    names = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
    return {name.removeprefix("cases_"): importlib.import_module(name) for name in names}
