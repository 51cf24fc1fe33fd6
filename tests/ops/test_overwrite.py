"""In-place methods that write straight to their tensor: the same numbers as the operator gives, in the same memory,
with the gradients of PyTorch."""

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

ONE = (
    "abs neg exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan asin acos atan sinh cosh "
    "asinh atanh floor ceil trunc sign sigmoid tanh erf relu"
).split()
TWO = "add sub mul div pow".split()
CALLS = {
    **{name: lambda x, y, z, name=name: getattr(x, name + "_")() for name in ONE},
    **{name: lambda x, y, z, name=name: getattr(x, name + "_")(y) for name in TWO},
    **{f"{name} number": lambda x, y, z, name=name: getattr(x, name + "_")(0.7) for name in TWO},
    **{f"{name} int": lambda x, y, z, name=name: getattr(x, name + "_")(2) for name in TWO},
    **{f"{name} itself": lambda x, y, z, name=name: getattr(x, name + "_")(x) for name in TWO},
    **{f"{name} row": lambda x, y, z, name=name: getattr(x, name + "_")(y[0]) for name in TWO},
    **{f"{name} turned": lambda x, y, z, name=name: getattr(x, name + "_")(x.t()) for name in TWO},
    "add scaled": lambda x, y, z: x.add_(y, alpha=0.3),
    "add itself scaled": lambda x, y, z: x.add_(x, alpha=3),
    "sub scaled": lambda x, y, z: x.sub_(y, alpha=2),
    "add itself turned, scaled": lambda x, y, z: x.add_(x.t(), alpha=2),
    "addcmul": lambda x, y, z: x.addcmul_(y, z, value=0.3),
    "addcmul with itself": lambda x, y, z: x.addcmul_(x, y),
    "addcdiv": lambda x, y, z: x.addcdiv_(y, z, value=-0.3),
    "addcdiv with itself": lambda x, y, z: x.addcdiv_(y, x),
    "lerp": lambda x, y, z: x.lerp_(y, 0.3),
    "lerp of weights": lambda x, y, z: x.lerp_(y, z),
    "clamp": lambda x, y, z: x.clamp_(0.3, 0.6),
    "clamp of tensors": lambda x, y, z: x.clamp_(y, z),
    "clamp_min": lambda x, y, z: x.clamp_min_(0.5),
    "hardtanh": lambda x, y, z: rushlight_or_torch(x).nn.functional.hardtanh_(x, 0.2, 0.5),
    "elu": lambda x, y, z: rushlight_or_torch(x).nn.functional.elu(x - 0.5, inplace=True),
    "div rounded": lambda x, y, z: x.div_(y, rounding_mode="floor"),
    "a part": lambda x, y, z: x[1:, ::2].mul_(2),
    "iadd": lambda x, y, z: x.__iadd__(y),
    "imul": lambda x, y, z: x.__imul__(y),
    "of a double": lambda x, y, z: x.mul_(y.double().sum()),
}


def rushlight_or_torch(x):
    return rushlight if isinstance(x, rushlight.Tensor) else torch


def numbers(dtype):
    rng = np.random.default_rng(0)
    return [(rng.random((6, 6)) * 0.8 + 0.1).astype(dtype) for _ in range(3)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_values_and_memory(name, dtype):
    arrays = numbers(dtype)
    try:
        theirs = [torch.tensor(a) for a in arrays]
        CALLS[name](*theirs)
    except RuntimeError:  # refuses what reads elsewhere than it writes; here it gets what an assignment would give
        theirs = [torch.tensor(a) for a in arrays]
        method, scale = name.split()[0], 2 if "scaled" in name else None
        value = theirs[0].t() * (scale or 1)
        theirs[0].copy_(getattr(theirs[0], method)(value))
    ours = [rushlight.tensor(a) for a in arrays]
    at = ours[0].data_ptr()
    CALLS[name](*ours)
    assert ours[0].data_ptr() == at
    for o, t in zip(ours, theirs):
        np.testing.assert_allclose(o.numpy(), t.numpy(), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    def run(library):
        leaves = [library.tensor(a, requires_grad=True) for a in numbers("float64")]
        x, y, z = (leaf * 1 for leaf in leaves)
        CALLS[name](x, y, z)
        (x * x).sum().backward()
        return [leaf.grad.numpy() if leaf.grad is not None else 0 for leaf in leaves]

    if "turned" in name or name in ("asinh", "atanh"):
        pytest.skip("PyTorch refuses")
    if "itself" in name and not name.startswith(("add itself", "sub")):
        pytest.skip("both refuse: the other operand is saved too, and changes")
    for o, t in zip(run(rushlight), run(torch)):
        np.testing.assert_allclose(o, t, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid_", "relu_", "exp_", "add_"])
def test_a_write_is_noticed(name):
    """What was saved before is refused by backward; the result that is saved is not."""
    x = rushlight.rand(4, requires_grad=True)
    y = x * 1
    z = y * y  # saves y
    getattr(y, name)(*([1.0] if name == "add_" else []))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    y.sum().backward()


def test_clamp_makes_no_copy(monkeypatch):
    x = rushlight.rand(100)
    monkeypatch.setattr("numpy.copyto", None)  # what writes back a result that was made elsewhere
    if rushlight.kernels.native is not None:
        x.clamp_(0.2, 0.7).mul_(2).add_(x, alpha=0.5).relu_()


def test_integers_and_shapes():
    x = rushlight.tensor([1, 2, 3])
    assert x.add_(rushlight.tensor([1, 1, 1]), alpha=3).tolist() == [4, 5, 6]
    assert x.addcmul_(rushlight.tensor([1, 1, 2]), rushlight.tensor([2, 2, 2]), value=2).tolist() == [8, 9, 14]
    with pytest.raises(RuntimeError, match="add_: output with shape"):
        rushlight.zeros(3).add_(rushlight.ones(2, 3))
    with pytest.raises(RuntimeError, match="leaf Variable"):
        rushlight.zeros(3, requires_grad=True).add_(1)


SCATTERS = {
    "scatter_": lambda x, i: x.scatter_(1, i, x[:, :2] * 3),
    "scatter_ of itself": lambda x, i: x.scatter_(1, i, x.clone()),
    "scatter_ of a number": lambda x, i: x.scatter_(1, i, 5.0),
    "scatter_ value": lambda x, i: x.scatter_(1, i, value=5),
    "scatter_ adding": lambda x, i: x.scatter_(1, i, x[:, :2] * 1, reduce="add"),
    "scatter_ multiplying": lambda x, i: x.scatter_(1, i, x[:, :2] * 1, reduce="multiply"),
    "scatter_add_": lambda x, i: x.scatter_add_(1, i, x[:, :2] * 2),
    "of rows": lambda x, i: x.scatter_add_(0, i, x * 2),
    "of a part": lambda x, i: x[:, 1:].scatter_(1, i - (i > 0).long(), 7.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", SCATTERS)
def test_scatters(name, dtype):
    index = np.stack([np.random.default_rng(k).permutation(4)[:2] for k in range(4)])
    numbers = np.arange(1, 17).reshape(4, 4).astype(dtype)
    ours, theirs = rushlight.tensor(numbers), torch.tensor(numbers)
    at = ours.data_ptr()
    if "rows" in name:
        index = np.array([[0, 1, 1, 0], [2, 2, 0, 1], [3, 3, 3, 3], [1, 0, 2, 2]])
    SCATTERS[name](ours, rushlight.tensor(index))
    SCATTERS[name](theirs, torch.tensor(index))
    assert ours.data_ptr() == at
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
