"""Modules of activations, dropout and losses: PyTorch's repr, signature and answers."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

ACTIVATIONS = (
    "ReLU ReLU6 RReLU ELU CELU SELU GELU GLU SiLU Mish Sigmoid Tanh LogSigmoid Softplus Softsign Softshrink Hardshrink "
    "Hardsigmoid Hardswish Hardtanh LeakyReLU PReLU Tanhshrink Softmax Softmin LogSoftmax Softmax2d"
).split()
DROPOUTS = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout".split()
LOSSES = (
    "L1Loss MSELoss SmoothL1Loss HuberLoss NLLLoss CrossEntropyLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss "
    "GaussianNLLLoss SoftMarginLoss HingeEmbeddingLoss MarginRankingLoss CosineEmbeddingLoss MultiLabelMarginLoss "
    "MultiLabelSoftMarginLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss CTCLoss"
).split()
OPTIONS: dict[str, dict[str, Any]] = {
    "Threshold": {"threshold": 0.1, "value": 2.0, "inplace": True},
    "RReLU": {"lower": 0.1, "inplace": True},
    "GELU": {"approximate": "tanh"},
    "Hardtanh": {"min_val": -2.0, "inplace": True},
    "PReLU": {"num_parameters": 3},
    "Softmax": {"dim": 1},
    "ReLU": {"inplace": True},
    "LinearCrossEntropyLoss": {"in_features": 3, "num_classes": 4, "bias": True},
}


@pytest.mark.parametrize("name", [*ACTIVATIONS, *DROPOUTS, *LOSSES])
def test_repr_and_defaults(name: str) -> None:
    assert repr(getattr(rushlight.nn, name)()) == repr(getattr(torch.nn, name)())


@pytest.mark.parametrize("name", OPTIONS)
def test_repr_with_options(name: str) -> None:
    assert repr(getattr(rushlight.nn, name)(**OPTIONS[name])) == repr(getattr(torch.nn, name)(**OPTIONS[name]))


@pytest.mark.parametrize("name", [*DROPOUTS, *LOSSES, "Threshold", *(a for a in ACTIVATIONS if a in OPTIONS)])
def test_signature(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(library.nn, name).__init__).parameters for library in (rushlight, torch))
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]
    assert [p.kind for p in ours.values()] == [p.kind for p in theirs.values()]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_answers(name: str) -> None:
    x = np.linspace(-3, 3, 2 * 4 * 3 * 6, dtype=np.float32).reshape(2, 4, 3, 6)
    results = []
    for library in (rushlight, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Softmax() without a dimension
            results.append(getattr(library.nn, name)().eval()(library.tensor(x)).detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", "ReLU ReLU6 ELU CELU SELU SiLU Mish Hardswish Hardsigmoid Hardtanh LeakyReLU".split())
def test_in_place_gives_the_same_gradient(name: str) -> None:
    gradients = []
    for inplace in (False, True):
        leaf = rushlight.tensor(np.linspace(-4, 4, 40, dtype=np.float32) + 0.03, requires_grad=True)
        y = leaf * 1.0
        result = getattr(rushlight.nn, name)(inplace=inplace)(y)
        assert (result is y) == inplace
        (result * result).sum().backward()
        gradients.append(leaf.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_refusals() -> None:
    nn = rushlight.nn
    for call in (
        lambda: nn.Hardtanh(2.0, 1.0),
        lambda: nn.MultiMarginLoss(p=3),
        lambda: nn.TripletMarginLoss(margin=0.0),
        lambda: nn.Softmax2d()(rushlight.ones(2, 3)),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError, match="delta"):
        nn.HuberLoss(delta=1j)
