"""dtypes, ties, NaN, empty dimensions and `out=` of reductions, indexing and sorting."""

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
nan = float("nan")

ARRAYS = {
    "bool": np.array([[True, False], [True, True]]),
    "uint8": np.array([[200, 100], [3, 4]], np.uint8),
    "int32": np.array([[2, -1], [3, 4]], np.int32),
    "int64": np.array([[2, -1], [2, 4]]),
    "float16": np.array([[2.5, -1], [3, 3]], np.float16),
    "float64": np.array([[2.5, -1], [3, 3]]),
    "nan": np.array([[nan, 1], [2, 2]], np.float32),
    "complex": np.array([[1 + 2j, 3], [4, 5j]], np.complex64),
}
NAMES = """
    sum mean prod max min amax amin argmax argmin any all var std cumsum cumprod median mode sort topk count_nonzero
    nansum norm logsumexp
"""


def outcome(function, library, array):
    """Values and dtypes, or the family of the exception."""
    try:
        found = function(library.tensor(array))
    except NotImplementedError:
        return "RuntimeError"
    except (RuntimeError, IndexError, TypeError, ValueError) as why:
        return next(k.__name__ for k in (RuntimeError, IndexError, TypeError, ValueError) if isinstance(why, k))
    found = tuple(found) if isinstance(found, tuple) else (found,)
    return [(str(f.dtype), tuple(f.shape), f.numpy()) for f in found]


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("name", NAMES.split())
def test_dtypes(name, array):
    if name == "mode" and array.dtype == np.float32:
        pytest.skip("which of NaN and a number is the mode is PyTorch's accident")
    arguments = {"cumsum": (1,), "cumprod": (1,), "topk": (1,), "mode": (), "sort": (), "logsumexp": (1,)}.get(name)
    for args in [arguments] if arguments is not None else [(), (1,)]:
        ours, theirs = (outcome(lambda x: getattr(x, name)(*args), library, array) for library in (rushlight, torch))
        if isinstance(theirs, str) or isinstance(ours, str):
            assert ours == theirs
            continue
        for (kind, shape, value), (kind2, shape2, value2) in zip(ours, theirs):
            assert (kind, shape) == (kind2, shape2)
            np.testing.assert_allclose(value, value2, rtol=2e-3 if array.dtype == np.float16 else 1e-5)


EMPTY = [
    lambda x: x.sum(),
    lambda x: x.sum(1),
    lambda x: x.sum(0),
    lambda x: x.mean(),
    lambda x: x.prod(1),
    lambda x: x.max(),
    lambda x: x.max(1),
    lambda x: x.max(0),
    lambda x: x.argmax(0),
    lambda x: x.amax(1),
    lambda x: x.all(),
    lambda x: x.any(1),
    lambda x: x.cumsum(1),
    lambda x: x.sort(1),
    lambda x: x.var(1),
    lambda x: x.median(),
    lambda x: x.norm(),
    lambda x: x.t() @ x,
    lambda x: x @ x.t(),
    lambda x: x.flip(0),
    lambda x: x.unbind(1),
    lambda x: x.nonzero(),
]


@pytest.mark.parametrize("function", EMPTY)
def test_empty_dimensions(function):
    array = np.zeros((2, 0), np.float32)
    ours, theirs = (outcome(function, library, array) for library in (rushlight, torch))
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        assert [o[:2] for o in ours] == [t[:2] for t in theirs]
        for o, t in zip(ours, theirs):
            np.testing.assert_array_equal(o[2], t[2])


TIES = [[1.0, 3, 3, 2, 3], [2.0, 2, 2, 2, 2], [1, nan, 3, nan, 2]]


@pytest.mark.parametrize("row", TIES)
@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "cummax", "cummin", "sort", "median", "amax"])
def test_ties_and_nan(name, row):
    ours, theirs = (outcome(lambda x: getattr(x, name)(0), library, np.float32(row)) for library in (rushlight, torch))
    values_only = name in ("sort", "median")  # PyTorch's own order among equal elements is unspecified there
    for o, t in zip(ours[:1] if values_only else ours, theirs):
        np.testing.assert_array_equal(o[2], t[2])


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "median"])
def test_gradient_of_ties(name):
    grads = []
    for library in (rushlight, torch):
        x = library.tensor([1.0, 3.0, 3.0, 1.0], requires_grad=True)
        getattr(x, name)().backward()
        grads.append(x.grad.tolist())
    assert grads[0] == grads[1]


OUT = [
    lambda l, x, out: l.sum(x, 0, out=out),
    lambda l, x, out: l.mean(x, 0, out=out),
    lambda l, x, out: l.cumsum(x, 0, out=out),
    lambda l, x, out: l.cat((x, x), out=out),
    lambda l, x, out: l.stack((x, x), out=out),
    lambda l, x, out: l.matmul(x, x.t(), out=out),
    lambda l, x, out: l.mm(x, x.t(), out=out),
    lambda l, x, out: l.tril(x, out=out),
    lambda l, x, out: l.index_select(x, 0, l.tensor([1]), out=out),
    lambda l, x, out: l.gather(x, 1, l.tensor([[0], [2]]), out=out),
    lambda l, x, out: l.zeros(2, 2, out=out),
    lambda l, x, out: l.arange(3, out=out),
    lambda l, x, out: l.linspace(0, 1, 4, out=out),
    lambda l, x, out: l.linalg.inv(x @ x.t() + l.eye(2), out=out),
    lambda l, x, out: l.std(x, 1, out=out),
]


@pytest.mark.parametrize("function", OUT)
def test_out(function):
    found = []
    for library in (rushlight, torch):
        x = library.tensor(np.float32([[1, 2, 3], [6, 5, 4]]))
        out = library.empty(0)
        assert function(library, x, out) is out
        found.append(out.numpy())
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_out_refuses_gradients_and_narrower_types():
    x = rushlight.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="out=.*automatic differentiation"):
        rushlight.sum(x, out=rushlight.zeros(()))
    with pytest.raises(RuntimeError, match="can't be cast"):
        rushlight.cumsum(x.detach(), 0, out=rushlight.zeros(2, dtype=rushlight.int64))


def test_named_results_of_several_tensors():
    out = rushlight.zeros(2), rushlight.zeros(2, dtype=rushlight.int64)
    found = rushlight.max(rushlight.tensor([[1.0, 2.0], [4.0, 3.0]]), 1, out=out)
    assert found.values is out[0]
    assert found.indices is out[1]
    assert out[1].tolist() == [1, 0]


def test_half_precision_is_summed_in_float32():
    for kind in ("float16", "bfloat16"):
        x = rushlight.ones(5000, dtype=getattr(rushlight, kind))
        assert float(x.sum()) == float(torch.ones(5000, dtype=getattr(torch, kind)).sum())
        assert float(x.mean()) == 1
        assert float((x[:1024].reshape(1, -1) @ x[:1024].reshape(-1, 1)).item()) == 1024


def test_singular_determinant():
    x = rushlight.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=rushlight.float64, requires_grad=True)
    rushlight.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-12)
