"""Losses beyond the contracts: warnings, edge values, half precision, ctc_loss, cross entropy in chunks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
BOTH = (rushlight, torch)


def values_and_gradients(call: Any, *arrays: Any, dtype: str = "float32") -> None:
    """call(library, *tensors) gives the same value and the same gradients under both libraries."""
    results = []
    for library in BOTH:
        tensors = [library.tensor(a, dtype=getattr(library, dtype)).requires_grad_() for a in arrays]
        loss = call(library, *tensors)
        loss.sum().backward()
        results.append([r.detach().float().numpy() for r in (loss, *(t.grad for t in tensors))])
    tolerance = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)


rng = np.random.default_rng(0)
LOGITS, LABELS = rng.standard_normal((6, 5)).astype(np.float32), rng.integers(0, 5, 6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_half_precision(dtype: str, reduction: str) -> None:
    for name in ("cross_entropy", "nll_loss"):
        call = lambda lib, x, name=name: getattr(lib.nn.functional, name)(x, lib.tensor(LABELS), reduction=reduction)
        values_and_gradients(call, LOGITS, dtype=dtype)
    for name in ("mse_loss", "smooth_l1_loss"):
        call = lambda lib, x, name=name: getattr(lib.nn.functional, name)(x, x.detach() * 0.5, reduction=reduction)
        values_and_gradients(call, LOGITS, dtype=dtype)


def test_large_logits_do_not_overflow() -> None:
    call = lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor([0, 1]))
    values_and_gradients(call, np.array([[1e4, -1e4], [1e4, -1e4]], np.float32))
    call = lambda lib, x: lib.nn.functional.binary_cross_entropy_with_logits(x, lib.ones(4) * 0.5)
    values_and_gradients(call, np.array([-1e4, -90, 90, 1e4], np.float32))


def test_certain_mistakes_cost_100() -> None:
    call = lambda lib, x: lib.nn.functional.binary_cross_entropy(x, lib.tensor([1.0, 0.0]), reduction="none")
    values_and_gradients(call, np.array([0.0, 1.0], np.float32))


def test_ignored_rows_have_no_gradient() -> None:
    target = np.where(np.arange(6) % 2, LABELS, -100)
    for reduction in ("mean", "sum", "none"):
        call = lambda lib, x, r=reduction: lib.nn.functional.cross_entropy(x, lib.tensor(target), reduction=r)
        values_and_gradients(call, LOGITS)
    values_and_gradients(lambda lib, x: lib.nn.functional.cross_entropy(x, lib.tensor([-100] * 6)), LOGITS)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_sizes_that_differ_are_warned_of(name: str) -> None:
    with pytest.warns(UserWarning, match="different to the input size"):
        getattr(rushlight.nn.functional, name)(rushlight.ones(2, 3), rushlight.ones(3))


def test_old_arguments_are_translated() -> None:
    f = rushlight.nn.functional
    x, t = rushlight.tensor(LOGITS), rushlight.tensor(LABELS)
    for options, meant in (
        ({"reduce": False}, "none"),
        ({"size_average": False}, "sum"),
        ({"reduce": True}, "mean"),
    ):
        with pytest.warns(UserWarning, match=meant):
            old = f.cross_entropy(x, t, **options)
        np.testing.assert_array_equal(old.numpy(), f.cross_entropy(x, t, reduction=meant).numpy())


def test_target_names_the_place_of_a_wrong_class() -> None:
    with pytest.raises(IndexError, match=r"Target 9 is out of bounds: target\[1, 2\]"):
        target = np.zeros((2, 4), np.int64)
        target[1, 2] = 9
        rushlight.nn.functional.nll_loss(rushlight.zeros(2, 5, 4).flatten(2), rushlight.tensor(target))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("concatenated", [False, True])
def test_ctc_gradients(reduction: str, concatenated: bool) -> None:
    probabilities = rng.dirichlet(np.ones(5), (8, 4))
    targets = rng.integers(1, 5, (4, 5))
    targets[0, 1] = targets[0, 0]
    lengths, wanted = [8, 7, 5, 8], [3, 2, 1, 0]
    given = np.concatenate([row[:n] for row, n in zip(targets, wanted)]) if concatenated else targets
    call = lambda lib, x: lib.nn.functional.ctc_loss(x, lib.tensor(given), lengths, wanted, reduction=reduction)
    values_and_gradients(call, np.log(probabilities).astype(np.float32))


def test_ctc_of_targets_that_do_not_fit() -> None:
    log_probs = np.log(rng.dirichlet(np.ones(4), (3, 1))).astype(np.float32)
    for zero in (False, True):
        call = lambda lib, x, zero=zero: lib.nn.functional.ctc_loss(
            x, lib.tensor([[1, 1, 2]]), [3], [3], reduction="sum", zero_infinity=zero
        )
        values_and_gradients(call, log_probs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("rows", [1, 4, None])
def test_linear_cross_entropy_in_chunks(reduction: str, rows: int | None) -> None:
    weight, bias = rng.standard_normal((5, 3)).astype(np.float32), rng.standard_normal(5).astype(np.float32)
    x = rng.standard_normal((6, 3)).astype(np.float32)
    results = []
    for options in (None, rushlight.nn.LinearCrossEntropyOptions(batch_chunk_size=rows, chunking_method=None)):
        leaves = [rushlight.tensor(a, requires_grad=True) for a in (x, weight, bias)]
        loss = rushlight.nn.functional.linear_cross_entropy(
            *leaves[:2], rushlight.tensor(LABELS), linear_bias=leaves[2], reduction=reduction, options=options
        )
        loss.sum().backward()
        results.append([loss.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)])
    for whole, chunks in zip(*results):
        np.testing.assert_allclose(chunks, whole, rtol=1e-5, atol=1e-6)


def test_modules_are_their_functions() -> None:
    x, t = rushlight.tensor(LOGITS), rushlight.tensor(LABELS)
    weight = rushlight.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    loss = rushlight.nn.CrossEntropyLoss(weight, ignore_index=2, label_smoothing=0.1, reduction="sum")
    expected = rushlight.nn.functional.cross_entropy(x, t, weight, None, 2, None, "sum", 0.1)
    assert loss(x, t).item() == expected.item()
    assert list(loss.state_dict()) == ["weight"]


def test_no_warnings_where_arithmetic_meets_its_limits() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error")
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"rushlight\.")
        zero = rushlight.zeros(3)
        assert (1 / zero).isinf().all()
        assert zero.log().isneginf().all()
