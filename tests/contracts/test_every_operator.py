"""Every operator with a backward is differentiated twice by some test: by a Case, or here where no Case can say it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from harness import convert, families, maker, tensors_in

import rushlight
import rushlight.ops
from rushlight.autograd import gradcheck, gradgradcheck
from rushlight.autograd.tape import Operator
from rushlight.ops.linear_cross_entropy import LinearCrossEntropyOptions

F = rushlight.nn.functional

# Operators whose second derivative does not exist, and who says so.
FIRST_ONLY = {
    "CtcLoss": "ctc_loss: derivatives of higher order",
    "ChunkedLinearCrossEntropy": "need options=None",
    "ToDense": "through sparse tensors",
    "Values": "through sparse tensors",
    "Coalesce": "through sparse tensors",
    "FromValues": "through sparse tensors",
    "SparseMm": "through sparse tensors",
    "ToSparse": "through sparse tensors",
}
ON_A_GPU = {"ToDevice"}  # the way there and back: tests/gpu
NO_GRADIENT = {"Bitcast", "SparseEmbedding"}  # none passes; a sparse one arrives (tests/ops/test_sparse.py)


def draw(*shape: int) -> Any:
    rng = np.random.default_rng(3)
    return rushlight.tensor(rng.standard_normal(shape)).requires_grad_()


def seeded(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """The same mask at each call."""

    def call(x: Any) -> Any:
        rushlight.manual_seed(0)
        return function(x, 0.5, training=True)

    return call


def assigned(x: Any, value: Any) -> Any:
    y = x.clone()
    y[rushlight.tensor([2, 0])] = value
    return y


def sparse(x: Any) -> Any:
    return rushlight.sparse_coo_tensor([[0, 2, 2], [1, 0, 0]], x, (3, 2))


def ctc(x: Any) -> Any:
    targets, lengths = rushlight.tensor([[1, 2, 2], [1, 3, 0]]), rushlight.tensor([3, 2])
    return F.ctc_loss(x.log_softmax(-1), targets, rushlight.tensor([5, 5]), lengths)


def chunked(x: Any, weight: Any, bias: Any) -> Any:
    options = LinearCrossEntropyOptions(batch_chunk_size=2)
    return F.linear_cross_entropy(x, weight, rushlight.tensor([0, 2, 1]), linear_bias=bias, options=options)


TWICE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "rrelu": (lambda x: F.rrelu(x, 0.2, 0.2, True), (draw(3, 4),)),
    "dropout": (seeded(F.dropout), (draw(4, 4),)),
    "alpha_dropout": (seeded(F.alpha_dropout), (draw(4, 4),)),
    "nextafter": (rushlight.nextafter, (draw(3), draw(2, 4, 3)[1].detach().requires_grad_())),
    "assignment": (assigned, (draw(3, 2), draw(2))),
}
ONCE: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "ctc_loss": (ctc, (draw(5, 2, 4),)),
    "to_dense": (lambda x: sparse(x).to_dense(), (draw(3),)),
    "values": (lambda x: sparse(x).coalesce().values(), (draw(3),)),
    "mm": (lambda x, y: rushlight.sparse.mm(sparse(x), y), (draw(3), draw(2, 2))),
    "linear_cross_entropy": (chunked, (draw(3, 4), draw(5, 4), draw(5))),
    "to_sparse": (lambda x: (x * 2).to_sparse().values(), (draw(3, 2),)),
}


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name: str) -> None:
    function, inputs = TWICE[name]
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


@pytest.mark.parametrize("name", ONCE)
def test_what_has_first_derivatives_only_says_so(name: str) -> None:
    function, inputs = ONCE[name]
    assert gradcheck(function, inputs)
    with pytest.raises(NotImplementedError, match="|".join(set(FIRST_ONLY.values()))):
        gradgradcheck(function, inputs)


def operators() -> set[type[Operator]]:
    """All of rushlight.ops that have a backward of their own."""
    for module in pkgutil.walk_packages(rushlight.ops.__path__, "rushlight.ops."):
        importlib.import_module(module.name)
    found, waiting = set(), [Operator]
    while waiting:
        waiting += (cls := waiting.pop()).__subclasses__()
        if cls.__module__.startswith("rushlight.ops.") and "backward" in vars(cls):
            found.add(cls)
    return found


def calls() -> Iterator[tuple[list[Any], list[Any]]]:
    """Results and leaves of every case, of those here too, that is differentiated twice."""
    for module in families().values():
        for case in module.cases():
            if case.grad and case.gradgrad:
                leaves: list[Any] = []
                args, kwargs = convert(case.draw("float64"), maker(rushlight, leaves, True))
                yield tensors_in(case.function(rushlight)(*args, **kwargs)), leaves
    for function, inputs in TWICE.values():
        yield [function(*inputs)], list(inputs)


def reached(tensors: list[Any], seen: set[Any]) -> None:
    """Adds the entries of the graph behind these tensors."""
    waiting = [t._edge for t in tensors if t is not None and t._edge is not None]
    while waiting:
        if (entry := waiting.pop()) not in seen:
            seen.add(entry)
            waiting += [edge for edge in getattr(entry, "edges", ()) if edge is not None]


@pytest.mark.filterwarnings("ignore")
def test_every_operator_is_differentiated_twice() -> None:
    kinds: set[type] = set()
    for outputs, leaves in calls():
        moving = [out for out in outputs if out.requires_grad]
        if moving and leaves:
            weights = [rushlight.ones_like(out).requires_grad_() for out in moving]
            grads = rushlight.autograd.grad(moving, leaves, weights, allow_unused=True, create_graph=True)
            seen: set[Any] = set()
            reached([*moving, *grads], seen)
            kinds.update(cls for entry in seen for cls in type(entry).__mro__)
    assert {cls.__name__ for cls in operators() - kinds} == {*FIRST_ONLY, *NO_GRADIENT, *ON_A_GPU}
