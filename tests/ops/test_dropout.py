"""Dropout: PyTorch's masks from PyTorch's seeds, gradients through the mask, what p and training mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

NAMES = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout".split()
SHAPES = {"dropout": (4, 5), "dropout1d": (3, 4, 5), "dropout2d": (3, 4, 2, 5), "dropout3d": (3, 4, 2, 2, 3)}


def run(library: Any, name: str, shape: tuple[int, ...], **options: Any) -> tuple[Any, Any]:
    x = library.tensor(np.linspace(-2, 2, int(np.prod(shape)), dtype=np.float32).reshape(shape), requires_grad=True)
    library.manual_seed(7)
    y = getattr(library.nn.functional, name)(x, **options)
    y.sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_the_same_seed_drops_the_same(name: str, p: float) -> None:
    shape = SHAPES.get(name, (4, 5, 3))
    for ours, theirs in zip(*(run(library, name, shape, p=p, training=True) for library in (rushlight, torch))):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "shape"), [("dropout1d", (4, 5)), ("dropout3d", (4, 2, 2, 3)), ("dropout", (40, 50))])
def test_unbatched_and_large(name: str, shape: tuple[int, ...]) -> None:
    for ours, theirs in zip(*(run(library, name, shape, p=0.4) for library in (rushlight, torch))):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_changes_nothing_and_draws_nothing(name: str) -> None:
    x = rushlight.ones(SHAPES.get(name, (4, 5, 3)))
    rushlight.manual_seed(1)
    before = rushlight.rand(3).tolist()
    rushlight.manual_seed(1)
    assert getattr(rushlight.nn.functional, name)(x, 0.5, training=False) is x
    assert rushlight.rand(3).tolist() == before


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name: str) -> None:
    x = rushlight.ones(SHAPES.get(name, (4, 5, 3)))
    memory = x.numpy()
    rushlight.manual_seed(3)
    assert getattr(rushlight.nn.functional, name)(x, 0.5, training=True, inplace=True) is x
    assert (memory != 1).any()


@pytest.mark.parametrize("p", [-0.1, 1.1])
@pytest.mark.parametrize("name", NAMES)
def test_p_is_a_probability(name: str, p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(rushlight.nn.functional, name)(rushlight.ones(SHAPES.get(name, (4, 5, 3))), p, training=True)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rushlight.nn.Dropout(p)


def test_a_second_derivative_passes_through_one_mask() -> None:
    x = rushlight.ones(50, dtype=rushlight.float64, requires_grad=True)
    rushlight.manual_seed(2)
    y = rushlight.nn.functional.dropout(x, 0.5)
    (g,) = rushlight.autograd.grad((y * y).sum(), x, create_graph=True)
    (h,) = rushlight.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), np.where(y.detach().numpy() > 0, 8.0, 0.0))


def test_rrelu_and_gumbel_softmax_draw_as_pytorch() -> None:
    x = np.linspace(-2, 2, 24, dtype=np.float32).reshape(4, 6)
    results = []
    for library in (rushlight, torch):
        library.manual_seed(5)
        f = library.nn.functional
        results.append([f.rrelu(library.tensor(x), training=True), f.gumbel_softmax(library.tensor(x), 0.7, hard=True)])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_masks_are_drawn_in_the_order_of_memory() -> None:
    """Of views and of layouts the user chose; what lies channels-last by our choice is row-major in PyTorch."""
    zeros = []
    for library in (rushlight, torch):
        f, x = library.nn.functional, library.ones(2, 3, 4, 5)
        inputs = [x.transpose(0, 2), x[:, 1:], x.to(memory_format=library.channels_last), f.max_pool2d(x, 2)]
        library.manual_seed(6)
        zeros.append([f.dropout(t, 0.5).numpy() == 0 for t in inputs])
        zeros[-1] += [f.alpha_dropout(t, 0.5, True).numpy() < 0 for t in inputs]
        zeros[-1] += [library.rand_like(t).numpy() for t in inputs]
    for ours, theirs in zip(*zeros):
        np.testing.assert_array_equal(ours, theirs)


def test_transformers_drop_the_same() -> None:
    """Batch first, what attention gives is a view in another order of memory."""
    x, results = np.random.default_rng(0).standard_normal((4, 5, 8), dtype=np.float32), []
    for library in (rushlight, torch):
        library.manual_seed(7)
        layer = library.nn.TransformerDecoderLayer(8, 2, 16, 0.3, batch_first=True)
        results.append(layer(library.tensor(x), library.tensor(x[:, ::-1].copy())).detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_dtypes_stay(name: str, p: float) -> None:
    x = rushlight.ones(SHAPES.get(name, (4, 5, 3)), requires_grad=True)
    y = getattr(rushlight.nn.functional, name)(x, p, training=True)
    assert y.dtype == rushlight.autograd.grad(y.sum(), x)[0].dtype == rushlight.float32
