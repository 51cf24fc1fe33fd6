"""Operators of layers beyond the contracts: running statistics, edge values, dtypes, packing, tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight
from rushlight.nn import functional as F
from rushlight.ops.resample import Table, resample

torch = pytest.importorskip("torch")
rng = np.random.default_rng(0)


def both(function: Any, *args: Any) -> None:
    """`function(library, *tensors)` gives equal results under both."""
    ours = function(rushlight, *(rushlight.tensor(a) if isinstance(a, np.ndarray) else a for a in args))
    theirs = function(torch, *(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args))
    if not isinstance(ours, (tuple, list)):
        ours, theirs = (ours,), (theirs,)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert str(a.dtype) == str(b.dtype) and tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(
            a.detach().float().numpy(), b.detach().float().numpy(), rtol=1e-5, atol=1e-6, equal_nan=True
        )


# -------------------------------------------------------------------------------------------------- running statistics


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 4)])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0])
def test_batch_norm_moves_its_statistics(shape: Any, momentum: float) -> None:
    def run(lib: Any, x: Any) -> Any:
        mean, var = lib.zeros(3), lib.ones(3)
        y = lib.nn.functional.batch_norm(x, mean, var, training=True, momentum=momentum)
        return y, mean, var

    both(run, rng.standard_normal(shape).astype(np.float32) * 3 + 1)


def test_instance_norm_moves_its_statistics() -> None:
    def run(lib: Any, x: Any) -> Any:
        mean, var = lib.zeros(3), lib.ones(3)
        return lib.nn.functional.instance_norm(x, mean, var, momentum=0.3), mean, var

    both(run, rng.standard_normal((2, 3, 4)).astype(np.float32))


def test_an_empty_batch_leaves_statistics_alone() -> None:
    mean, var = rushlight.zeros(3), rushlight.ones(3)
    y = F.batch_norm(rushlight.zeros(0, 3, 2, 2), mean, var, training=True)
    assert y.shape == (0, 3, 2, 2) and not mean.any() and (var == 1).all()


def test_writing_statistics_is_noticed() -> None:
    """Evaluation uses the running statistics; training in between makes its backward wrong, so it raises."""
    mean, var, x = rushlight.zeros(3), rushlight.ones(3), rushlight.randn(4, 3, requires_grad=True)
    y = F.batch_norm(x, mean, var, rushlight.ones(3, requires_grad=True))
    F.batch_norm(x, mean, var, training=True)
    with pytest.raises(RuntimeError, match="modified by an"):
        y.sum().backward()


def test_batch_norm_of_large_means() -> None:
    """Statistics are summed about the mean: a mean far from 0 costs no precision."""
    x = (rng.standard_normal((64, 2, 8, 8)) + 1000).astype(np.float32)
    y = F.batch_norm(rushlight.tensor(x), None, None, training=True).numpy()
    wide = x.astype(np.float64)
    expected = (wide - wide.mean((0, 2, 3), keepdims=True)) / wide.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, expected, atol=2e-3)


# --------------------------------------------------------------------------------------------------------- edge values


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_max_pool_of_special_values(value: float) -> None:
    x = rng.standard_normal((1, 2, 6, 6)).astype(np.float32)
    x[0, 0, 1:3, 2] = value
    x[0, 1] = value
    both(lambda lib, t: lib.nn.functional.max_pool2d(t, 3, 2, 1, return_indices=True), x)


def test_ties_go_to_the_first() -> None:
    both(lambda lib, t: lib.nn.functional.max_pool2d(t, 2, 1, return_indices=True), np.zeros((1, 1, 4, 4), np.float32))
    both(
        lambda lib, t: lib.nn.functional.adaptive_max_pool2d(t, 2, return_indices=True),
        np.zeros((1, 1, 5, 5), np.float32),
    )


def test_nan_stays_where_it_is() -> None:
    x = np.zeros((1, 1, 6, 6), np.float32)
    x[0, 0, 1, 1] = np.nan
    for mode, kwargs in (
        ("nearest", {}),
        ("bilinear", {"align_corners": False}),
        ("bicubic", {"align_corners": True}),
        ("area", {}),
    ):
        both(lambda lib, t, m=mode, k=kwargs: lib.nn.functional.interpolate(t, (9, 3), mode=m, **k), x)
    both(lambda lib, t: lib.nn.functional.adaptive_avg_pool2d(t, 3), x)


def test_attention_of_a_blind_query_is_zero() -> None:
    q, mask = rushlight.randn(2, 3, 4, requires_grad=True), rushlight.zeros(3, 3, dtype=rushlight.bool)
    y = F.scaled_dot_product_attention(q, q, q, mask)
    assert (y == 0).all()
    y.sum().backward()
    assert not q.grad.isnan().any()


# -------------------------------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "function",
    [
        lambda lib, x: lib.nn.functional.conv2d(x, x[:, :, :2, :2].clone(), padding=1),
        lambda lib, x: lib.nn.functional.linear(x, x[0, 0, :3].clone()),
        lambda lib, x: lib.nn.functional.max_pool2d(x, 2, return_indices=True),
        lambda lib, x: lib.nn.functional.avg_pool2d(x, 3, 1),
        lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 2),
        lambda lib, x: lib.nn.functional.layer_norm(x, (6,)),
        lambda lib, x: lib.nn.functional.group_norm(x, 2),
        lambda lib, x: lib.nn.functional.rms_norm(x, (6,)),
        lambda lib, x: lib.nn.functional.batch_norm(x, lib.zeros(4), lib.ones(4), lib.ones(4), lib.zeros(4), True),
        lambda lib, x: lib.nn.functional.scaled_dot_product_attention(x, x, x),
        lambda lib, x: lib.nn.functional.pad(x, (1, 2, 0, 1), mode="reflect"),
        lambda lib, x: lib.nn.functional.interpolate(x, (7, 4), mode="bilinear"),
    ],
)
def test_half_precision(function: Any, dtype: str) -> None:
    """Computed in float32, rounded once: within one rounding of torch's."""
    x = rng.standard_normal((4, 4, 6, 6)).astype(np.float32)
    ours, theirs = (function(lib, lib.tensor(x).to(getattr(lib, dtype))) for lib in (rushlight, torch))
    for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (ours, theirs))):
        assert str(a.dtype) == str(b.dtype)
        tolerance = 2e-3 if dtype == "float16" else 1.6e-2
        np.testing.assert_allclose(a.float().numpy(), b.float().numpy(), rtol=tolerance, atol=tolerance)


def test_integers() -> None:
    x = rng.integers(-9, 9, (1, 2, 4, 4))
    both(lambda lib, t: lib.nn.functional.conv2d(t, t[:, :, :2, :2].clone()), x)
    both(lambda lib, t: lib.nn.functional.linear(t, t[0, 0]), x)
    both(lambda lib, t: lib.nn.functional.max_pool2d(t, 2), x)
    both(lambda lib, t: lib.nn.functional.pad(t, (1, 1), value=3), x)
    both(lambda lib, t: lib.nn.functional.interpolate(t, scale_factor=2), x.astype(np.uint8))


def test_mixed_dtypes_are_refused() -> None:
    for lib in (rushlight, torch):
        x, w = lib.ones(1, 2, 3, 3), lib.ones(2, 2, 1, 1, dtype=lib.float64)
        with pytest.raises(RuntimeError):
            lib.nn.functional.conv2d(x, w)
        with pytest.raises(RuntimeError):
            lib.nn.functional.layer_norm(x, (3,), lib.ones(3, dtype=lib.float64))


# --------------------------------------------------------------------------------------------------------------- tables


def test_transposed_table_is_the_adjoint() -> None:
    indices = rng.integers(0, 5, (9, 3))
    table = Table(indices, rng.standard_normal((9, 3)), 5)
    x, y = rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 9, 3))
    forward = resample(x, table.indices, table.weights, 1)
    back = resample(y, table.transposed.indices, table.transposed.weights, 1)
    np.testing.assert_allclose((forward * y).sum(), (x * back).sum())
    assert table.transposed.transposed is table


@pytest.mark.parametrize("size", range(1, 12))
def test_interpolation_at_many_sizes(size: int) -> None:
    x = rng.standard_normal((1, 1, size)).astype(np.float32)
    for out in (1, 2, 3, 5, 7, 11, 16, 33):
        both(lambda lib, t, n=out: lib.nn.functional.interpolate(t, n), x)
        both(lambda lib, t, n=out: lib.nn.functional.interpolate(t, n, mode="nearest-exact"), x)
        both(lambda lib, t, n=out: lib.nn.functional.interpolate(t, n, mode="linear", align_corners=False), x)
        both(
            lambda lib, t, n=out: (
                lib.nn.functional.interpolate(t, scale_factor=n / 3.1, mode="linear") if int(size * n / 3.1) else t
            ),
            x,
        )
        both(lambda lib, t, n=out: lib.nn.functional.adaptive_avg_pool1d(t, n), x)


# ------------------------------------------------------------------------------------------------------------- packing


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_packed_sequences(kind: str, batch_first: bool) -> None:
    lengths = [2, 5, 1, 4]

    def run(lib: Any, x: Any) -> Any:
        lib.manual_seed(1)
        layer = getattr(lib.nn, kind)(3, 4, 2, bidirectional=True, dropout=0.5)
        pack = lib.nn.utils.rnn.pack_padded_sequence(x.requires_grad_(), lengths, batch_first, enforce_sorted=False)
        output, state = layer(pack)
        y, n = lib.nn.utils.rnn.pad_packed_sequence(output, batch_first, padding_value=-7.0, total_length=6)
        states = state if isinstance(state, tuple) else (state,)
        (y.sum() + sum((s * s).sum() for s in states)).backward()
        return [y, n, *states, x.grad, *pack.data.unsqueeze(0), pack.batch_sizes, pack.sorted_indices]

    both(run, rng.standard_normal((4, 5, 3) if batch_first else (5, 4, 3)).astype(np.float32))


def test_sequences_to_batches_and_back() -> None:
    parts = [rng.standard_normal((n, 2)).astype(np.float32) for n in (3, 1, 2)]

    def run(lib: Any, *tensors: Any) -> Any:
        rnn = lib.nn.utils.rnn
        padded = rnn.pad_sequence(tensors, batch_first=True, padding_value=9.0)
        left = rnn.pad_sequence(tensors, padding_side="left")
        packed = rnn.pack_sequence(list(tensors), enforce_sorted=False)
        again = rnn.unpad_sequence(padded, lib.tensor([3, 1, 2]), batch_first=True)
        return [padded, left, packed.data, packed.unsorted_indices, *again, *rnn.unpack_sequence(packed)]

    both(run, *parts)


def test_packing_refusals() -> None:
    for lib in (rushlight, torch):
        pack, x = lib.nn.utils.rnn.pack_padded_sequence, lib.ones(3, 2, 1)
        for lengths in ([1, 3], [3, 0], [3], [2, 2, 2]):
            with pytest.raises(RuntimeError):
                pack(x, lengths)
        with pytest.raises(ValueError, match="total_length"):
            lib.nn.utils.rnn.pad_packed_sequence(pack(x, [3, 2]), total_length=2)


# ----------------------------------------------------------------------------------------------------------- double use


def test_inputs_of_a_convolution_may_be_views() -> None:
    both(
        lambda lib, t: lib.nn.functional.conv2d(t[::2, 1:3, ::2], t[:2, :2, :2, :2]),
        rng.standard_normal((4, 4, 8, 8)).astype(np.float32),
    )


def test_embedding_gradient_adds_up() -> None:
    def run(lib: Any, index: Any) -> Any:
        weight = lib.ones(4, 2, requires_grad=True)
        y = lib.nn.functional.embedding(index, weight, padding_idx=1)
        (y * lib.arange(12.0).reshape(2, 3, 2)).sum().backward()
        return weight.grad

    both(run, np.array([[0, 1, 0], [3, 0, 1]]))
