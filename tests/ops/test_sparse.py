"""Sparse tensors beside PyTorch's: making, reading, products, gradients of embeddings, and the optimizers for them."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from both import rushlight, same, torch


def small(L: Any, **options: Any) -> Any:
    return L.sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3), **options)


def parts(x: Any) -> Any:
    return [x._indices(), x._values(), tuple(x.shape), x.is_coalesced(), x.is_sparse, str(x.layout)]


MADE = {
    "given": lambda L: small(L),
    "coalesced": lambda L: small(L).coalesce(),
    "slices": lambda L: L.sparse_coo_tensor([[0, 2]], [[1.0, 2.0], [3.0, 4.0]]),
    "empty": lambda L: L.sparse_coo_tensor(size=(2, 3)),
    "double": lambda L: small(L, dtype=L.float64),
    "zeroed": lambda L: small(L).zero_(),
    "scaled": lambda L: -(small(L) * 2 / 4),
    "cast": lambda L: small(L).double(),
    "to_sparse": lambda L: L.tensor([[0.0, 1.0], [2.0, 0.0]]).to_sparse(),
    "to_sparse rows": lambda L: L.tensor([[0.0, 0.0], [2.0, 0.0]]).to_sparse(1),
    "to_sparse 0-d": lambda L: L.tensor(2.0).to_sparse(),
    "mask": lambda L: L.ones(2, 3).sparse_mask(small(L).coalesce()),
    "sum": lambda L: L.sparse.sum(small(L), 0),
    "copied": lambda L: copy.deepcopy(small(L)),
}


@pytest.mark.parametrize("name", MADE)
def test_places_and_values(name: str) -> None:
    same(lambda L: parts(MADE[name](L)))


@pytest.mark.parametrize("name", ["given", "coalesced", "slices", "empty", "double"])
def test_prints_as_pytorch_does(name: str) -> None:
    same(lambda L: repr(MADE[name](L)))


WHOLE = {
    "to_dense": lambda L: small(L).to_dense(),
    "sum": lambda L: L.sparse.sum(small(L)),
    "sum of all sparse": lambda L: L.sparse.sum(small(L), (0, 1)),
    "mm": lambda L: L.sparse.mm(small(L), L.ones(3, 2)),
    "matmul": lambda L: small(L) @ L.ones(3, 2),
    "torch.mm": lambda L: L.mm(small(L), L.ones(3, 2)),
    "addmm": lambda L: L.sparse.addmm(L.ones(2, 2), small(L), L.ones(3, 2), beta=2, alpha=3),
    "added": lambda L: L.ones(2, 3) + small(L),
    "two added": lambda L: (small(L) + small(L).coalesce()).to_dense(),
    "subtracted": lambda L: (small(L) - small(L) * 3).to_dense(),
    "dims": lambda L: (small(L).sparse_dim(), small(L).dense_dim(), small(L)._nnz(), L.ones(2).sparse_dim()),
}


@pytest.mark.parametrize("name", WHOLE)
def test_to_whole_tensors(name: str) -> None:
    same(WHOLE[name])


def test_gradients() -> None:
    def scenario(L: Any) -> Any:
        a, b = small(L).requires_grad_(), L.arange(6.0).reshape(3, 2).requires_grad_()
        L.sparse.mm(a, b).pow(2).sum().backward()
        values = L.tensor([3.0, 4.0, 5.0], requires_grad=True)
        whole = L.sparse_coo_tensor(L.tensor([[0, 1, 0], [2, 0, 2]]), values, (2, 3)).coalesce()
        whole.values().pow(2).sum().backward()
        x = L.tensor([[0.0, 2.0], [3.0, 0.0]], requires_grad=True)
        (x.to_sparse().to_dense() ** 2).sum().backward()
        return a.grad.to_dense(), b.grad, values.grad, x.grad

    same(scenario)


@pytest.mark.parametrize(
    "call",
    [
        lambda L: small(L).indices(),
        lambda L: L.ones(2).coalesce(),
        lambda L: L.sparse_coo_tensor([[0, 1]], [1.0], (3,)),
        lambda L: L.sparse_coo_tensor([[0]], [1.0], (3, 2)),
        lambda L: L.sparse_coo_tensor([[5]], [1.0], (3,), check_invariants=True),
        lambda L: L.sparse.mm(small(L), L.ones(2, 2)),
        lambda L: small(L).numpy(),
    ],
)
def test_refused(call: Any) -> None:
    same(call, message=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rushlight.sparse_csr_tensor([0, 1], [0], [1.0]),
        lambda: rushlight.ones(2, 2).to_sparse_csr(),
        lambda: small(rushlight).relu(),
        lambda: small(rushlight)[0],
        lambda: small(rushlight).to_dense(masked_grad=False),
    ],
)
def test_what_is_not_there_says_so(call: Any) -> None:
    with pytest.raises(NotImplementedError, match="not supported"):
        call()


def table(L: Any, kind: str = "Embedding", **options: Any) -> Any:
    layer = getattr(L.nn, kind)(5, 2, sparse=True, **options)
    with L.no_grad():
        layer.weight.copy_(L.arange(10.0).reshape(5, 2))
    return layer


@pytest.mark.parametrize("kind, mode", [("Embedding", None), ("EmbeddingBag", "sum"), ("EmbeddingBag", "mean")])
def test_gradients_of_embeddings(kind: str, mode: str | None) -> None:
    def scenario(L: Any) -> Any:
        layer = table(L, kind, padding_idx=0, **({} if mode is None else {"mode": mode}))
        layer(L.tensor([[1, 3], [1, 0]])).pow(2).sum().backward()
        first = layer.weight.grad.coalesce()
        layer(L.tensor([[2, 1]])).sum().backward()
        both = layer.weight.grad.to_dense()
        layer.weight.sum().backward()
        return parts(first), both, layer.weight.grad

    same(scenario)


def test_grad_is_sparse_too() -> None:
    def scenario(L: Any) -> Any:
        layer = table(L)
        return parts(L.autograd.grad(layer(L.tensor([1, 3])).sum(), layer.weight)[0])

    same(scenario)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("SparseAdam", dict(lr=0.1)),
        ("SparseAdam", dict(lr=0.1, betas=(0.5, 0.8), maximize=True)),
        ("SGD", dict(lr=0.1)),
        ("SGD", dict(lr=0.1, momentum=0.9)),
        ("Adagrad", dict(lr=0.1, lr_decay=0.1)),
    ],
)
def test_optimizers(kind: str, options: Any) -> None:
    """Steps and state dicts are PyTorch's, before and after the state was saved and loaded."""
    weights, states = [], []
    for L in (torch, rushlight):
        layer = table(L)
        optimizer = getattr(L.optim, kind)(layer.parameters(), **options)
        for i in range(4):
            if i == 2:
                state, optimizer = optimizer.state_dict(), getattr(L.optim, kind)(layer.parameters(), **options)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            layer(L.tensor([1, 3, 1, i])).pow(2).sum().backward()
            optimizer.step()
        weights.append(layer.weight.detach().numpy())
        states.append({k for k, v in optimizer.state_dict()["state"].get(0, {}).items() if v is not None})
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-6)
    assert states[0] == states[1]


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "RMSprop", "SGD", "Adagrad", "SparseAdam", "Adamax"])
def test_optimizers_refuse_what_pytorch_refuses(kind: str) -> None:
    def scenario(L: Any) -> Any:
        layer = table(L)
        options = {"weight_decay": 0.1} if kind in ("SGD", "Adagrad") else {}
        optimizer = getattr(L.optim, kind)(layer.parameters(), **options)
        out = layer.weight if kind == "SparseAdam" else layer(L.tensor([1, 3]))
        out.sum().backward()
        optimizer.step()

    same(scenario, message=False)


MORE = {
    "t": lambda L, x: x.t(),
    "sum": lambda L, x: x.sum(),
    "sum over rows": lambda L, x: L.sparse.sum(x, 0),
    "abs": lambda L, x: (-x).abs(),
    "norm": lambda L, x: x.norm(),
    "times whole": lambda L, x: x * L.arange(6.0).reshape(2, 3),
    "times sparse": lambda L, x: (x * L.sparse_coo_tensor([[0, 1], [2, 1]], [2.0, 3.0], (2, 3))).to_dense(),
    "matrix": lambda L, x: x @ L.arange(6.0).reshape(3, 2),
    "vector": lambda L, x: (x @ L.arange(3.0), x.mv(L.arange(3.0)), L.ones(2) @ x),
    "whole times": lambda L, x: L.ones(4, 2) @ x,
    "of two": lambda L, x: L.sparse.mm(x, x.t()),
    "mm": lambda L, x: (L.mm(x, L.ones(3, 2)), L.spmm(x, L.ones(3, 2)), L.addmm(L.ones(2, 2), x, L.ones(3, 2))),
    "old name": lambda L, x: L.sparse.FloatTensor(x._indices(), x._values(), L.Size([2, 3])),
    "old name of none": lambda L, x: L.sparse.FloatTensor(2, 3),
    "a size alone": lambda L, x: L.sparse_coo_tensor((2, 3)),
    "kinds": lambda L, x: [isinstance(x, kind) for kind in (L.sparse.FloatTensor, L.sparse.LongTensor)],
}


@pytest.mark.parametrize("name", MORE)
def test_arithmetic(name: str) -> None:
    def seen(x: Any) -> Any:
        return [seen(y) for y in x] if isinstance(x, (tuple, list)) else parts(x.coalesce()) if is_sparse(x) else x

    def is_sparse(x: Any) -> bool:
        return getattr(x, "is_sparse", False)

    same(lambda L: seen(MORE[name](L, small(L))))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_over_what_is_kept(name: str, dim: int) -> None:
    def run(L: Any) -> Any:
        values = L.tensor([3.0, 4.0, 5.0], requires_grad=True)
        x = L.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], values, (2, 3))
        (getattr(L.sparse, name)(x, dim).to_dense() * L.arange(6.0).reshape(2, 3)).sum().backward()
        return getattr(L.sparse, name)(x, dim).to_dense().detach().numpy(), values.grad.numpy()

    for mine, theirs in zip(run(rushlight), run(torch)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
