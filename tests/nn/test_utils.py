"""nn.utils against PyTorch: clipping of gradients, parameters as one vector."""

import numpy as np
import pytest

import rushlight


def gradients(library):
    rng = np.random.default_rng(0)
    leaves = [library.zeros(shape, requires_grad=True) for shape in [(3, 4), (5,), ()]]
    for leaf in leaves:
        leaf.grad = library.tensor(np.asarray(rng.standard_normal(leaf.shape) * 3, np.float32))
    return [*leaves, library.zeros(2, requires_grad=True)]  # the last has no gradient


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clip_grad_norm(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    ours, theirs = gradients(rushlight), gradients(torch)
    total = rushlight.nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    np.testing.assert_allclose(
        total.numpy(), torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).numpy(), rtol=1e-6
    )
    for a, b in zip(ours[:-1], theirs):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5)
    assert ours[-1].grad is None


def test_clip_grad_norm_refuses_what_is_not_finite():
    leaves = gradients(rushlight)
    leaves[1].grad[2] = float("nan")
    before = [leaf.grad.numpy().copy() for leaf in leaves[:-1]]
    with pytest.raises(RuntimeError, match="non-finite"):
        rushlight.nn.utils.clip_grad_norm_(leaves, 1.0, error_if_nonfinite=True)
    for leaf, kept in zip(leaves, before):
        np.testing.assert_array_equal(leaf.grad.numpy(), kept)


def test_clip_grad_value():
    leaves = gradients(rushlight)
    rushlight.nn.utils.clip_grad_value_(leaves, 0.7)
    assert max(abs(leaf.grad.numpy()).max() for leaf in leaves[:-1]) == np.float32(0.7)


def test_vector_and_back():
    leaves = gradients(rushlight)
    vector = rushlight.nn.utils.parameters_to_vector(leaves)
    assert vector.shape == (20,)
    vector.sum().backward()
    assert leaves[-1].grad.tolist() == [1.0, 1.0]
    rushlight.nn.utils.vector_to_parameters(rushlight.arange(20.0), leaves)
    assert leaves[1].tolist() == [12.0, 13.0, 14.0, 15.0, 16.0]
    with pytest.raises(RuntimeError, match="20"):
        rushlight.nn.utils.vector_to_parameters(rushlight.ones(3), leaves)
