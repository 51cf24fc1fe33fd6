"""Functions under root names that stand beside those of `nn.functional`, and rarely used ones, beside PyTorch's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from both import plain, rushlight, same, torch


def values(L: Any, *shape: int, seed: int = 0) -> Any:
    return L.tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def signs(L: Any, *shape: int) -> Any:
    return L.sign(values(L, *shape, seed=5))


def definite(L: Any, n: int) -> Any:
    x = values(L, n, n, seed=6).double()
    return x @ x.mT + L.eye(n, dtype=L.float64)


def eigen(L: Any, **options: Any) -> Any:
    a = values(L, 9, 9).double()
    found, vectors = L.lobpcg(a + a.mT, k=2, niter=200, tol=1e-12, **{k: v(L) for k, v in options.items()})
    return found, vectors.abs()


def lengths(L: Any, *counts: Any) -> Any:
    return L.tensor(counts)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "kl_div": lambda L, x: [L.kl_div(x, values(L, 4, 3, seed=1).exp(), how) for how in (0, 1, 2)],
    "kl_div log": lambda L, x: L.kl_div(x, values(L, 4, 3, seed=1), log_target=True),
    "defaults": lambda L, x: [
        L.binary_cross_entropy_with_logits(x, x.abs()),
        L.hinge_embedding_loss(x, signs(L, 4, 3)),
        L.margin_ranking_loss(x, x.flip(0), signs(L, 4, 3)),
        L.cosine_embedding_loss(x, x.flip(0), signs(L, 4)),
        L.triplet_margin_loss(x, x.flip(0), x.flip(1)),
        L.ctc_loss(x.log_softmax(1).unsqueeze(1), L.tensor([[1, 2]]), [4], [2]),
    ],
    "poisson": lambda L, x: L.poisson_nll_loss(x, values(L, 4, 3, seed=1).abs(), True, True, 1e-8, 2),
    "logits": lambda L, x: L.binary_cross_entropy_with_logits(x, x.abs(), None, x[0].abs(), reduction=0),
    "hinge": lambda L, x: L.hinge_embedding_loss(x, signs(L, 4, 3), 0.5, 2),
    "ranking": lambda L, x: L.margin_ranking_loss(x, x.flip(0), signs(L, 4, 3), 0.1, 0),
    "cosine": lambda L, x: L.cosine_embedding_loss(x, x.flip(0), signs(L, 4), reduction=0),
    "triplet": lambda L, x: L.triplet_margin_loss(x, x.flip(0), x.flip(1), 2.0, 1.0, 1e-5, True, 0),
    "ctc": lambda L, x: L.ctc_loss(x.log_softmax(1).unsqueeze(1), L.tensor([[1, 2]]), [4], [2], 0, 2),
    "batch_norm": lambda L, x: L.batch_norm(x, x[0], x[1], L.zeros(3), L.ones(3), True, 0.1, 1e-5, False),
    "instance_norm": lambda L, x: L.instance_norm(x.reshape(1, 3, 4), None, None, None, None, True, 0.1, 1e-5, False),
    "affine_grid": lambda L, x: L.affine_grid_generator(values(L, 2, 2, 3), (2, 1, 3, 4), False),
    "norm_except_dim": lambda L, x: [L.norm_except_dim(x, 2, d) for d in (-1, 0, 1)],
    "frobenius_norm": lambda L, x: [L.frobenius_norm(x, (0, 1)), L.frobenius_norm(x, 1, True)],
    "nuclear_norm": lambda L, x: [L.nuclear_norm(x), L.nuclear_norm(values(L, 2, 3, 4), (0, 2), True)],
    "slice_copy": lambda L, x: [L.slice_copy(x, 1, 1, 3), L.slice_copy(x), L.slice_copy(x, -2, None, None, 2)],
    "complex copies": lambda L, x: L.view_as_real_copy(L.view_as_complex_copy(values(L, 3, 2))),
    "split": lambda L, x: L.unsafe_split_with_sizes(x, [1, 3]),
    "same size": lambda L, x: [L.is_same_size(x, x * 2), L.is_same_size(x, x[0])],
    "segments": lambda L, x: [
        L.segment_reduce(x, how, lengths=lengths(L, 1, 0, 3)) for how in ("sum", "mean", "max", "min", "prod")
    ],
    "segments from": lambda L, x: [
        L.segment_reduce(x, how, offsets=lengths(L, 0, 1, 1, 4), initial=2.0) for how in ("sum", "max", "min", "prod")
    ],
    "segments of rows": lambda L, x: L.segment_reduce(x, "sum", lengths=lengths(L, *[[2, 1]] * 4), axis=1),
    "segments, unsafe": lambda L, x: L.segment_reduce(x, "sum", lengths=lengths(L, 1, 2), unsafe=True),
    "conv1d_input": lambda L, x: L.nn.grad.conv1d_input((1, 2, 6), values(L, 3, 2, 2), values(L, 1, 3, 5)),
    "conv2d_input": lambda L, x: L.nn.grad.conv2d_input((1, 2, 4, 4), values(L, 3, 2, 2, 2), values(L, 1, 3, 2, 2), 2),
    "conv2d_weight": lambda L, x: L.nn.grad.conv2d_weight(
        values(L, 1, 2, 4, 4), (4, 1, 3, 3), values(L, 1, 4, 4, 4), padding=1, groups=2
    ),
    "conv3d_weight": lambda L, x: L.nn.grad.conv3d_weight(
        values(L, 1, 2, 3, 3, 3), (2, 2, 2, 2, 2), values(L, 1, 2, 2, 2, 2)
    ),
    "lobpcg": lambda L, x: eigen(L),
    "lobpcg, smallest": lambda L, x: eigen(L, largest=lambda L: False),
    "lobpcg, generalized": lambda L, x: eigen(L, B=lambda L: definite(L, 9)),
    "renorm": lambda L, x: L.embedding_renorm_(x.clone(), L.tensor([1, 3, 3]), 0.5, 2.0),
    "device states": lambda L, x: list(L.utils.checkpoint.get_device_states(x)),
    "reversed": lambda L, x: reversed(x),
    "dim_order": lambda L, x: [x.dim_order(), x.t().dim_order(), values(L, 2, 3, 4).permute(2, 0, 1).dim_order()],
    "set to": lambda L, x: [x.is_set_to(x.view(4, 3)), x.is_set_to(x.t()), x.is_set_to(x.clone())],
    "module_load": lambda L, x: [x.clone().module_load(x * 2), x.module_load(x * 3, assign=True)],
    "map2_": lambda L, x: x.clone().map2_(x, x[0], lambda a, b, c: a + b * c),
    "resize": lambda L, x: [x.resize(3, 4), x.resize_as(L.ones(12))],
    "grad_dtype": lambda L, x: str(x.double().grad_dtype),
    "dlpack device": lambda L, x: tuple(map(int, x.__dlpack_device__())),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_as_pytorch(name: str) -> None:
    theirs, ours = (plain(CALLS[name](L, values(L, 4, 3))) for L in (torch, rushlight))
    for a, b in zip(ours if isinstance(ours, list) else [ours], theirs if isinstance(theirs, list) else [theirs]):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5) if not isinstance(a, str) else None
        assert a == b if isinstance(a, str) else np.asarray(a).dtype == np.asarray(b).dtype


REFUSED = {
    "segments": lambda L: L.segment_reduce(L.ones(3), "sum"),
    "another reduction": lambda L: L.segment_reduce(L.ones(3), "middle", lengths=L.tensor([3])),
    "lengths": lambda L: L.segment_reduce(L.ones(3), "sum", lengths=L.tensor([1, 1])),
    "integers": lambda L: L.segment_reduce(L.ones(3).int(), "sum", lengths=L.tensor([3])),
    "lobpcg": lambda L: L.lobpcg(L.eye(4), k=2),
    "resize": lambda L: L.ones(3).resize(2),
    "dlpack": lambda L: np.from_dlpack(L.ones(2, requires_grad=True)),
    "reinforce": lambda L: L.ones(2).reinforce(1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    same(REFUSED[name], message=False)


def test_native_dropout() -> None:
    for train in (True, None, False):
        same(lambda L: (L.manual_seed(1) and None, L.native_dropout(L.ones(4, 5), 0.25, train))[1])


def test_memory_is_shared_through_dlpack() -> None:
    a = np.ones(3, np.float32)
    t = rushlight.from_dlpack(a)
    t[0] = 5
    assert a.tolist() == [5, 1, 1] and np.from_dlpack(t)[0] == 5
    t[1] = 7
    assert np.from_dlpack(t).tolist() == a.tolist() and rushlight.from_dlpack(a, copy=True).tolist() == a.tolist()
    ours = rushlight.arange(4.0)
    theirs = torch.from_dlpack(ours)
    theirs[2] = 9
    assert ours.tolist() == [0, 1, 9, 3]
    back = rushlight.from_dlpack(theirs)
    back[0] = 8
    assert theirs.tolist() == [8, 1, 9, 3]
    assert rushlight.utils.dlpack.from_dlpack(ours).data_ptr() == ours.data_ptr()


def test_record_stream_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="leave the call out"):
        rushlight.ones(1).record_stream(None)


def test_anomaly_mode_by_its_inner_name() -> None:
    rushlight.set_anomaly_enabled(True)
    try:
        assert rushlight.is_anomaly_enabled() and rushlight.is_anomaly_check_nan_enabled()
    finally:
        rushlight.set_anomaly_enabled(False)
    assert not rushlight.is_anomaly_enabled() and not rushlight.is_inference_mode_enabled()


def test_files_are_memory(tmp_path: Path) -> None:
    path = str(tmp_path / "numbers")
    np.arange(4, dtype=np.float32).tofile(path)

    def use(L: Any) -> Any:
        own, shared = L.from_file(path, size=3), L.from_file(path, shared=True, size=6)
        own[0], shared[1] = 9, 7
        return own[:1], shared, np.fromfile(path, np.float32), L.from_file(path).shape[0]

    same(use)
    same(lambda L: L.from_file(path, size=20, dtype=L.float64), message=False)
    same(lambda L: L.from_file(path + "x", size=2), message=False)
    made = rushlight.from_file(path + "new", shared=True, size=2, dtype=rushlight.int64)
    made[1] = 5
    assert np.fromfile(path + "new", np.int64).tolist() == [0, 5]


def test_what_the_root_tells() -> None:
    assert rushlight.has_lapack and rushlight.has_spectral and not rushlight.has_mkl
    assert rushlight.get_device_module() is rushlight.cpu and issubclass(rushlight.OutOfMemoryError, RuntimeError)
    with pytest.raises(NotImplementedError, match="set_rng_state"):
        rushlight.utils.checkpoint.set_device_states([0], [None])
