"""Operators on integers, bools, half precision and complex numbers: PyTorch's dtypes, values and gradients."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from both import plain, rushlight, same, torch

INTEGERS = ("uint8", "int8", "int32", "int64")
Call = Callable[[Any, Any], Any]


def drawn(library: Any, dtype: str, *shape: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    if "complex" in dtype:
        values = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    else:
        values = rng.integers(0, 2 if dtype == "bool" else 4, shape) if dtype != "float16" else rng.random(shape)
    return library.tensor(values).to(getattr(library, dtype))


def compare(call: Callable[[Any], Any], rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Results (or classes of errors) of both libraries."""
    found = []
    for library in (torch, rushlight):
        result = call(library)
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        found.append(
            [(str(r.dtype).split(".")[-1], plain(r.float() if "float" in str(r.dtype) else r)) for r in results]
        )
    for (kind, ours), (expected_kind, theirs) in zip(found[1], found[0]):
        assert kind == expected_kind
        np.testing.assert_allclose(ours, theirs, rtol, atol)


WHOLE: dict[str, Call] = {
    "addmv": lambda L, x: L.addmv(x[0], x, x[0], beta=0.2, alpha=2.6),
    "addbmm": lambda L, x: L.addbmm(x, x[None], x[None], beta=1.5),
    "baddbmm": lambda L, x: L.baddbmm(x[None], x[None], x[None], alpha=1.5),
    "sum_to_size all": lambda L, x: x[0, 0].sum_to_size(()),
    "sum_to_size same": lambda L, x: x.sum_to_size(3, 3),
    "unravel_index": lambda L, x: L.unravel_index(x, (4, 1 << 30)),
    "index_add": lambda L, x: x.index_add(0, L.tensor([0, 0]), x[:2], alpha=2),
    "einsum of sums": lambda L, x: L.einsum("...ik, ...j -> ij", x, x[0]),
    "index_add 0-d": lambda L, x: x[0, 0].index_add(0, L.tensor([0]), x[1, 1], alpha=2),
    "index_reduce": lambda L, x: x.index_reduce(0, L.tensor([0, 0]), x[:2], "mean"),
    "scatter_reduce": lambda L, x: x.scatter_reduce(0, L.tensor([[0, 1, 0]]), x, "mean"),
    "tensordot": lambda L, x: L.tensordot(x[:1, :1, None], x[:2, :1, None], ((0, 1), (2, 0))),
    "einsum": lambda L, x: L.einsum("ij,jk->ik", x, x),
    "masked.cumsum": lambda L, x: L.masked.cumsum(x, 0, mask=x > 1),
    "masked.cumprod": lambda L, x: L.masked.cumprod(x, 0, mask=x > 1),
    "masked.logsumexp": lambda L, x: L.masked.logsumexp(x, 0, mask=x >= 0),
    "relu6": lambda L, x: L.nn.functional.relu6(x * 3),
    "poisson_nll_loss": lambda L, x: L.nn.functional.poisson_nll_loss(x, x, full=True),
    "feature_alpha_dropout": lambda L, x: L.nn.functional.feature_alpha_dropout(x, 0.5, False),
    "linspace": lambda L, x: L.linspace(4.3, 0, 50, dtype=x.dtype),
    "logspace": lambda L, x: L.logspace(4.3, 0, 5, 2.0, dtype=x.dtype),
    "arange": lambda L, x: L.arange(0.5, 6, 1.5, dtype=x.dtype),
    "polygamma": lambda L, x: L.polygamma(1, -x),
    "gather nothing": lambda L, x: L.gather(x[0], 0, L.zeros(2, 0, dtype=L.uint8)),
}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", WHOLE)
def test_integers(name: str, dtype: str) -> None:
    compare(lambda L: WHOLE[name](L, drawn(L, dtype, 3, 3)))


BOOLS: dict[str, Call] = {
    "addr": lambda L, x: L.addr(x, x[0], x[1], beta=True, alpha=True),
    "index_add": lambda L, x: x.index_add(0, L.tensor([0, 0]), x[:2]),
    "feature_alpha_dropout": lambda L, x: L.nn.functional.feature_alpha_dropout(x, 0.5, False),
}


@pytest.mark.parametrize("name", BOOLS)
def test_bools(name: str) -> None:
    compare(lambda L: BOOLS[name](L, drawn(L, "bool", 3, 3)))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("options", [{}, {"antialias": True}, {"align_corners": True}], ids=str)
def test_images_of_bytes(mode: str, options: dict[str, bool]) -> None:
    """Resized in whole numbers, one dimension after the other."""
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 30, 41)).astype(np.uint8)
    compare(lambda L: L.nn.functional.interpolate(L.tensor(image), size=(17, 60), mode=mode, **options))


def with_gradients(call: Call, *shape: int, dtype: str) -> Callable[[Any], Any]:
    def run(library: Any) -> Any:
        x = drawn(library, dtype, *shape).requires_grad_()
        y = call(library, x)
        y = y[0] if isinstance(y, tuple) else y
        weights = drawn(library, str(y.dtype).split(".")[-1], *y.shape, seed=1)
        return [y.detach(), library.autograd.grad(y, x, weights)[0].resolve_conj()]

    return run


COMPLEX: dict[str, Call] = {
    "rms_norm": lambda L, x: L.nn.functional.rms_norm(x, (3,), x[0]),
    "softsign": lambda L, x: L.nn.functional.softsign(x),
    "logaddexp": lambda L, x: L.logaddexp(x, x * 1j),
    "logcumsumexp": lambda L, x: L.logcumsumexp(x * 5, 0),
    "lu_factor": lambda L, x: L.linalg.lu_factor(x),
    "cholesky": lambda L, x: L.linalg.cholesky(x @ x.mH + 3 * L.eye(3)),
    "cov": lambda L, x: L.cov(x, aweights=L.tensor([1.0, 2.0, 3.0])),
    "masked.var": lambda L, x: L.masked.var(x, 0),
    "masked.logsumexp": lambda L, x: L.masked.logsumexp(x, 0),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex(name: str) -> None:
    compare(with_gradients(COMPLEX[name], 3, 3, dtype="complex64"))


HALF: dict[str, Call] = {
    "var": lambda L, x: x.var(0),
    "std_mean": lambda L, x: L.std_mean(x, 0),
    "norm": lambda L, x: x.norm(),
    "normalize": lambda L, x: L.nn.functional.normalize(x),
    "gaussian_nll_loss": lambda L, x: L.nn.functional.gaussian_nll_loss(x, x.detach() + 1, x.detach()),
    "alpha_dropout": lambda L, x: L.nn.functional.alpha_dropout(x, 0.5, False),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", HALF)
def test_half_precision(name: str, dtype: str) -> None:
    compare(with_gradients(HALF[name], 3, 3, dtype=dtype), 0.03, 0.03)


def test_half_precision_without_gradients() -> None:
    compare(lambda L: L.histc(drawn(L, "bfloat16", 20), 3))
    compare(lambda L: L.cov(drawn(L, "bfloat16", 3, 4), aweights=L.tensor([1.0, 2.0, 3.0, 4.0])), 0.05, 0.05)
    layer = rushlight.nn.LazyBatchNorm1d(dtype=rushlight.bfloat16)
    assert layer.half()(rushlight.ones(2, 3).half()).dtype == rushlight.float16
    x = rushlight.eye(2).bfloat16()
    assert rushlight.matrix_exp(x).dtype == rushlight.bfloat16  # (PyTorch's result is not near the exponential here)
    np.testing.assert_allclose(plain(rushlight.matrix_exp(x).float()), np.e * np.eye(2), rtol=0.01)


REFUSED: dict[str, Call] = {
    "addr": lambda L, x: L.addr(x.long(), x[0].long(), x[0].long(), beta=0.5),
    "hardtanh": lambda L, x: L.nn.functional.hardtanh(x.to(L.uint8)),
    "alpha_dropout": lambda L, x: L.nn.functional.alpha_dropout(x.long(), 0.5, True),
    "narrow": lambda L, x: L.narrow(x, 0, L.tensor(True), 1),
    "max": lambda L, x: L.max(2, 3),
    "arange": lambda L, x: L.arange(0, 64, 0.5, out=L.zeros(0, dtype=L.int64)),
    "aminmax": lambda L, x: L.aminmax(x, dim=0, out=(x[0].clone(), x[0].double())),
    "gather": lambda L, x: L.gather(x[0], 0, L.tensor([0, 1, 2]), out=x[0]),
    "take": lambda L, x: L.take(x[0], L.tensor([0, 1, 2]), out=x[0]),
    "cat": lambda L, x: L.cat([x, x], out=x),
    "kthvalue": lambda L, x: L.kthvalue(x[0], 1, out=(x[0], L.tensor(0))),
    "masked_select": lambda L, x: L.masked_select(x[0], L.tensor([True, False, True]), out=x[0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    kinds = []
    for library in (torch, rushlight):
        with pytest.raises(Exception) as caught:
            REFUSED[name](library, library.ones(3, 3))
        kinds.append(next(c for c in caught.type.__mro__ if c.__module__ == "builtins"))
    assert kinds[0] is kinds[1]


def test_cholesky_of_the_upper_triangle() -> None:
    def call(library: Any) -> Any:
        x = drawn(library, "complex64", 3, 3)
        a = (x @ x.mH + 3 * library.eye(3)).requires_grad_()
        factor = library.linalg.cholesky(a, upper=True)
        return factor.detach(), *library.autograd.grad(factor, a, drawn(library, "complex64", 3, 3, seed=1))

    compare(call)


def bytes_of(L: Any) -> Any:
    return L.tensor([3, 250], dtype=L.uint8)


BESIDE_BYTES: dict[str, Callable[[Any], Any]] = {
    "number over": lambda L: bytes_of(L) / 300,
    "number under": lambda L: -300 / bytes_of(L),
    "0-d tensor over": lambda L: bytes_of(L) / L.tensor(300),
    "0-d tensor under": lambda L: L.tensor(-3) / bytes_of(L),
    "of wider floats": lambda L: bytes_of(L) / L.tensor(300.0, dtype=L.float64),
    "complex": lambda L: bytes_of(L) / (1 + 2j),
    "atan2": lambda L: L.atan2(L.tensor(-3), bytes_of(L)),
    "copysign": lambda L: L.copysign(bytes_of(L), -2),
    "xlogy": lambda L: L.xlogy(L.tensor(300), bytes_of(L)),
    "xlog1py": lambda L: L.special.xlog1py(bytes_of(L), 2.5),
    "zeta": lambda L: L.special.zeta(2.5, bytes_of(L)),
    "addcmul": lambda L: L.addcmul(L.tensor([1], dtype=L.int16), L.tensor([True]), L.tensor([True]), value=2),
    "addcmul of floats": lambda L: L.addcmul(L.tensor([1.0]), L.tensor([2]), L.tensor([3]), value=0.5),
    "mvlgamma": lambda L: L.mvlgamma(L.tensor([0.1, 3]), 2),
    "irfft of nothing": lambda L: L.fft.irfft(L.zeros(2, 0, dtype=L.complex128), n=5, norm="forward"),
    "cond of nothing": lambda L: L.linalg.cond(L.zeros(2, 0, 3)),
    "cosine": lambda L: L.nn.functional.cosine_similarity(drawn(L, "float64", 2, 3), drawn(L, "uint8", 2, 3, seed=1)),
    "nothing over 0": lambda L: L.zeros(2, 0, 3, dtype=L.int32) // L.zeros(3, dtype=L.uint8),
    "round and round": lambda L: L.take_along_dim(L.arange(4), L.tensor([-5, 6, -1]), 0),
}


@pytest.mark.parametrize("name", BESIDE_BYTES)
def test_what_does_not_fit_into_a_byte(name: str) -> None:
    """Division makes floats of integers before a number or 0-d tensor could wrap around; and other corners."""
    compare(BESIDE_BYTES[name])


APART: dict[str, Callable[[Any], Any]] = {
    "igamma": lambda L: L.igamma(L.ones(2), L.ones(3)),
    "zeta": lambda L: L.special.zeta(L.ones(2), L.ones(3)),
    "xlog1py": lambda L: L.special.xlog1py(L.ones(2), L.ones(3)),
    "heaviside": lambda L: L.heaviside(L.ones(2), L.ones(3)),
    "complex": lambda L: L.complex(L.ones(2), L.ones(3)),
    "cross": lambda L: L.cross(L.ones(2, 3), L.ones(4, 3), dim=1),
    "pow": lambda L: L.pow(L.ones(2, dtype=L.bool), L.ones(3, dtype=L.bool)),
    "chain_matmul": lambda L: L.chain_matmul(L.ones(2, 3), L.ones(3)),
    "clamp": lambda L: L.ones(2).clamp_min(1j),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", APART)
def test_what_does_not_go_together(name: str) -> None:
    same(APART[name], message=False)


def under_no_grad(L: Any) -> Any:
    p = L.ones(2, requires_grad=True)
    with L.no_grad():
        L.add(p, 1, out=p)
    return p


def curvature(L: Any, z: Any) -> Any:
    """The derivative of the gradient of |z|, weighted."""
    (g,) = L.autograd.grad((z.abs() * L.arange(1, 4)).sum(), z, create_graph=True)
    return L.autograd.grad(g.real.sum(), z)[0].numpy().round(12)


OUT: dict[str, Callable[[Any], Any]] = {
    "a parameter, under no_grad": under_no_grad,
    "products of bools": lambda L: [L.ones(2, 3).prod(dtype=L.bool), L.ones(2, 3).prod(1, dtype=L.bool)],
    "a number turned": lambda L: L.tensor(2.0).flip(0),
    "twice, at 0": lambda L: curvature(L, L.tensor([1 + 1j, 0, -0.5j], dtype=L.complex128, requires_grad=True)),
    "narrow_copy": lambda L: L.narrow_copy(L.arange(6).reshape(2, 3), 1, 1, 2, out=L.zeros(0, dtype=L.int64)),
    "a dimension out of range": lambda L: L.softmax(L.ones(2, dtype=L.int32), 3),
    "isposinf": lambda L: L.isposinf(L.ones(2, dtype=L.complex64)),
    "frexp": lambda L: L.frexp(L.ones(2, dtype=L.int32)),
    "max": lambda L: L.max(L.ones(2, dtype=L.complex64), 0),
    "argmax": lambda L: L.argmax(L.ones(2, dtype=L.bool)),
    "relu": lambda L: L.relu(L.ones(2, dtype=L.bool)),
    "nansum": lambda L: L.nansum(L.ones(2, dtype=L.complex64)),
}


@pytest.mark.parametrize("name", OUT)
def test_out_and_what_is_not_supported(name: str) -> None:
    same(OUT[name], message=False)


def test_an_output_with_elements_is_resized_with_a_warning() -> None:
    for library in (torch, rushlight):
        with pytest.warns(UserWarning, match="one or more elements was resized"):
            assert library.add(library.ones(2), 1, out=library.zeros(3)).shape == (2,)
