"""Operators under the names of PyTorch's kernels, and LDL decompositions, beside PyTorch's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from both import plain, rushlight, torch


def values(L: Any, *shape: int, dtype: str = "float32") -> Any:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if "complex" in dtype else 0)
    return L.tensor(x.astype(dtype))


def indefinite(L: Any, *lead: int, dtype: str = "float32", hermitian: bool = False) -> Any:
    a = values(L, *lead, 4, 4, dtype=dtype)
    return a + (a.mH if hermitian else a.mT)


def solved(L: Any, dtype: str, hermitian: bool) -> Any:
    a, b = indefinite(L, dtype=dtype, hermitian=hermitian), values(L, 2, 4, 3, dtype=dtype)
    ld, pivots = L.linalg.ldl_factor(a, hermitian=hermitian)
    return ld, pivots, L.linalg.ldl_solve(ld, pivots, b, hermitian=hermitian)


CALLS: dict[str, Callable[[Any], Any]] = {
    "layer": lambda L: L.native_layer_norm(values(L, 2, 3, 4), (3, 4), values(L, 3, 4), None, 1e-5),
    "group": lambda L: L.native_group_norm(values(L, 2, 4, 3), values(L, 4), values(L, 4), 2, 4, 3, 2, 1e-5),
    "batch": lambda L: L.native_batch_norm(values(L, 5, 3), None, values(L, 3), None, None, True, 0.1, 1e-5),
    "batch eval": lambda L: L.native_batch_norm(values(L, 5, 3), None, None, values(L, 3), L.ones(3), False, 0.1, 1e-5),
    "pad": lambda L: L.constant_pad_nd(values(L, 2, 3), (1, -1), 2.0),
    "grid": lambda L: L.grid_sampler_2d(values(L, 1, 2, 3, 3), values(L, 1, 2, 2, 2), 2, 1, True),
    "volume": lambda L: L.grid_sampler_3d(values(L, 1, 2, 3, 3, 3), values(L, 1, 2, 2, 2, 3), 0, 2, False),
    "hash": lambda L: (values(L, 2, 3).hash_tensor(), L.hash_tensor(L.tensor([[-3, 2]]), 1, keepdim=True)),
    "ldl": lambda L: solved(L, "float32", False),
    "ldl symmetric": lambda L: solved(L, "complex64", False),
    "ldl Hermitian": lambda L: solved(L, "complex64", True),
    "ldl batches": lambda L: tuple(L.linalg.ldl_factor_ex(indefinite(L, 2, 3))),
    "ldl nothing": lambda L: tuple(L.linalg.ldl_factor_ex(L.zeros(2, 0, 0))),
    "pinv of nothing above the tolerance": lambda L: (L.linalg.pinv(values(L, 3, 3), rtol=1.0),),
    "ormqr without reflections": lambda L: (L.ormqr(values(L, 3, 0), L.zeros(0), values(L, 3, 2)),),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_pytorch(name: str) -> None:
    theirs, ours = CALLS[name](torch), CALLS[name](rushlight)
    theirs, ours = (x if isinstance(x, tuple) else (x,) for x in (theirs, ours))
    for a, b in zip(ours, theirs):
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(plain(a), plain(b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_double_backward_through_both_directions(kind: str) -> None:
    second = []
    for L in (torch, rushlight):
        L.manual_seed(0)
        layer = getattr(L.nn, kind)(2, 3, bidirectional=True).double()
        x = values(L, 4, 2, 2, dtype="float64").requires_grad_()
        (g,) = L.autograd.grad(layer(x)[0].pow(2).sum(), x, create_graph=True)
        second.append(plain(L.autograd.grad(g.pow(2).sum(), x)[0]))
    np.testing.assert_allclose(second[1], second[0], rtol=1e-6)


def test_complex32_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="complex32"):
        rushlight.ones(2).chalf()
