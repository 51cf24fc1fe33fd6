"""nn.init against PyTorch: the same seed gives the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight import nn, random

torch = pytest.importorskip("torch")

DTYPES = ["float32", "float64", "float16", "bfloat16"]
SHAPES = [(3, 4), (16, 16), (5, 7, 3), (4, 3, 3, 3), (2, 3, 2, 2, 2), (64, 33)]


def both(name: str, shape: tuple[int, ...], dtype: str, *args, seed: int = 3, **kwargs):
    torch.manual_seed(seed)
    random.manual_seed(seed)
    theirs = getattr(torch.nn.init, name)(torch.zeros(shape, dtype=getattr(torch, dtype)), *args, **kwargs)
    mine = rushlight.zeros(shape, dtype=dtype)
    assert getattr(nn.init, name)(mine, *args, **kwargs) is mine
    return mine, theirs


def equal(mine, theirs) -> None:
    theirs = theirs.detach()
    wide = theirs.double() if theirs.dtype == torch.bfloat16 else theirs
    np.testing.assert_array_equal(mine._array.astype(wide.numpy().dtype), wide.numpy())
    left = torch.rand(3)  # the streams must be at the same place afterwards
    np.testing.assert_array_equal(random.uniform(None, (3,)), left.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "name, args, kwargs",
    [
        ("uniform_", (-2.0, 3.0), {}),
        ("normal_", (1.0, 0.5), {}),
        ("xavier_uniform_", (), {"gain": 1.4}),
        ("xavier_normal_", (), {}),
        ("kaiming_uniform_", (), {"a": 5**0.5}),
        ("kaiming_uniform_", (), {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", (), {"nonlinearity": "tanh"}),
        ("trunc_normal_", (), {"std": 0.02}),
        ("trunc_normal_", (), {"mean": 0.3, "std": 1.0, "a": -0.5, "b": 1.0}),
        ("ones_", (), {}),
        ("zeros_", (), {}),
        ("constant_", (0.3,), {}),
    ],
)
def test_values_are_pytorchs(name, args, kwargs, shape, dtype) -> None:
    equal(*both(name, shape, dtype, *args, **kwargs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:mean is more")
@pytest.mark.parametrize("limits", [(1.5, 3.0), (-0.1, 0.2), (-4.0, -2.5)])
def test_trunc_normal_in_a_narrow_interval(limits, dtype) -> None:
    equal(*both("trunc_normal_", (40, 50), dtype, a=limits[0], b=limits[1]))


@pytest.mark.filterwarnings("ignore:mean is more")
def test_trunc_normal_in_a_tail() -> None:
    equal(*both("trunc_normal_", (40, 50), "float32", mean=-3.0, a=0.0, b=2.0))


def test_trunc_normal_warns_in_the_tail() -> None:
    with pytest.warns(UserWarning, match="more than 2 std"):
        nn.init.trunc_normal_(rushlight.zeros(3), mean=-3.0, a=0.0, b=2.0)


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7), (6, 2, 3, 3), (40, 30)])
def test_orthogonal(shape) -> None:
    mine, theirs = both("orthogonal_", shape, "float32", gain=1.3)
    np.testing.assert_allclose(mine._array, theirs.numpy(), atol=2e-5)
    flat = mine._array.reshape(shape[0], -1).astype(float)
    gram = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(gram, 1.69 * np.eye(len(gram)), atol=1e-5)


def test_sparse() -> None:
    equal(*both("sparse_", (20, 13), "float32", 0.3))


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_eye(shape) -> None:
    equal(*both("eye_", shape, "float32"))


@pytest.mark.parametrize("shape", [(4, 2, 3), (6, 3, 3, 2), (4, 4, 3, 3, 3), (2, 4, 5)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac(shape, groups) -> None:
    equal(*both("dirac_", shape, "float32", groups=groups))


def test_a_generator_given() -> None:
    theirs, mine = torch.Generator().manual_seed(9), random.Generator().manual_seed(9)
    a, b = torch.zeros(5, 6), rushlight.zeros(5, 6)
    for name in ("kaiming_uniform_", "xavier_normal_", "trunc_normal_", "normal_"):
        getattr(torch.nn.init, name)(a, generator=theirs)
        getattr(nn.init, name)(b, generator=mine)
        np.testing.assert_array_equal(b._array, a.numpy())


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"])
def test_gain(nonlinearity) -> None:
    assert nn.init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)


def test_gain_of_leaky_relu() -> None:
    for slope in (None, 0.2, 1):
        assert nn.init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize(
    "call",
    [
        lambda init, t: init.eye_(t(3)),
        lambda init, t: init.dirac_(t(3, 3)),
        lambda init, t: init.dirac_(t(3, 3, 3), 2),
        lambda init, t: init.xavier_uniform_(t(3)),
        lambda init, t: init.kaiming_uniform_(t(3, 3), mode="fan_up"),
        lambda init, t: init.kaiming_normal_(t(3, 3), nonlinearity="nothing"),
        lambda init, t: init.orthogonal_(t(3)),
        lambda init, t: init.sparse_(t(3), 0.1),
        lambda init, t: init.calculate_gain("leaky_relu", True),
    ],
)
def test_refusals(call) -> None:
    with pytest.raises(ValueError) as theirs:
        call(torch.nn.init, torch.zeros)
    with pytest.raises(ValueError) as mine:
        call(nn.init, rushlight.zeros)
    assert str(mine.value) == str(theirs.value)


def test_empty_tensors_are_left_alone() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        nn.init.kaiming_uniform_(rushlight.zeros(0, 3))


def test_old_names() -> None:
    with pytest.warns(FutureWarning, match="deprecated"):
        nn.init.constant(rushlight.zeros(2), 3)


def test_a_leaf_that_requires_grad() -> None:
    weight = nn.Parameter(rushlight.zeros(3, 4))
    nn.init.xavier_uniform_(weight)
    assert weight.is_leaf and weight.requires_grad and weight._array.any()
