"""What docs/torch-differences.md says: for each difference on purpose, what PyTorch does and what happens here."""

from __future__ import annotations

import io
import tarfile
import warnings

import numpy as np
import pytest

import rushlight
from tests.both import torch

F = rushlight.nn.functional


# ------------------------------------------------------------------------------------------------ tensors and autograd


def test_memory_layout_is_pytorchs_when_it_is_asked_for():
    for t in (torch, rushlight):
        x = t.nn.functional.conv2d(t.ones(2, 3, 8, 8), t.ones(4, 3, 3, 3))
        assert x.is_contiguous() and x.stride() == (144, 36, 6, 1) and x.view(-1).shape == (288,)


def test_inference_mode_makes_ordinary_tensors():
    def run(t):
        with t.inference_mode():
            x = t.ones(2)
        return (x * t.ones(2, requires_grad=True)).sum()

    with pytest.raises(RuntimeError, match="Inference tensors"):
        run(torch)
    run(rushlight).backward()


def test_half_precision_is_rounded_once():
    x = rushlight.linspace(-3, 3, 50)
    for kind in (rushlight.float16, rushlight.bfloat16):
        assert rushlight.equal(F.gelu(x.to(kind)), F.gelu(x.to(kind).float()).to(kind))
    assert not hasattr(rushlight, "complex32")
    half = [t.complex(t.ones(1).half(), t.ones(1).half()).dtype for t in (torch, rushlight)]
    assert list(map(str, half)) == ["torch.complex32", "torch.complex64"]


def test_names_of_grad_fn():
    x = rushlight.ones(2, requires_grad=True)
    assert repr((x * 2).grad_fn) == "<MulBackward0>" and not hasattr((x * 2).grad_fn, "_saved_self")
    assert hasattr((torch.ones(2, requires_grad=True) * 2).grad_fn, "_saved_self")


def test_dual_tensors_require_grad():
    for t in (torch, rushlight):
        with t.autograd.forward_ad.dual_level():
            x = t.autograd.forward_ad.make_dual(t.ones(2), t.ones(2))
        assert (x * 2).requires_grad == (t is rushlight)


def test_where_pytorch_is_not_exact():
    found = {}
    for t in (torch, rushlight):
        x, zero = t.zeros(3, requires_grad=True), t.zeros(2, requires_grad=True)
        overwritten = t.as_strided_scatter(x, t.ones(1), (1,), (1,), 0).sum()
        (slope,) = t.autograd.grad(t.linalg.vector_norm(zero), zero, create_graph=True)
        found[t] = (
            t.autograd.grad(overwritten, x)[0].tolist(),
            t.autograd.grad(slope.sum(), zero, allow_unused=True)[0].isnan().all().item(),
            abs(t.special.bessel_j0(t.tensor(5.01, dtype=t.float64)).item() + 0.17431543205674924) < 1e-15,
            t.nn.functional.soft_margin_loss(t.tensor([-12.0]).half(), t.ones(1).half()).isinf().item(),
        )
    assert found[torch] == ([1, 0, 0], True, False, True)
    assert found[rushlight] == ([0, 1, 1], False, True, False)


def test_indices_among_equal_values_are_the_first():
    x = rushlight.tensor([3, 1, 3, 2, 3, 1, 1])
    assert x.topk(4).indices.tolist() == [0, 2, 4, 3] and x.argsort().tolist() == [1, 5, 6, 3, 0, 2, 4]
    assert torch.tensor(x.tolist()).topk(4).indices.tolist() != [0, 2, 4, 3]


REFUSED = {
    "sparse rows": lambda t: t.ones(2, 2).to_sparse_csr(),
    "sparse tensors elsewhere": lambda t: t.eye(2).to_sparse().exp(),
    "another device": lambda t: t.ones(1, device="cuda"),
    "the meta device": lambda t: t.ones(1).to("meta"),
    "functionalize": lambda t: t.func.functionalize(t.sin)(t.ones(1)),
    "capturable": lambda t: t.optim.Adam([t.ones(1, requires_grad=True)], capturable=True),
    "differentiable": lambda t: t.optim.Adam([t.ones(1, requires_grad=True)], differentiable=True),
    "jit.save": lambda t: t.jit.save(t.nn.Linear(1, 1), "x"),
    "jit.load": lambda t: t.jit.load("x"),
    "hub.load": lambda t: t.hub.load("pytorch/vision", "resnet18"),
    "another pickle": lambda t: t.save(1, io.BytesIO(), pickle_module=io),
    "the older format": lambda t: t.save(1, io.BytesIO(), _use_new_zipfile_serialization=False),
    "another size of a storage": lambda t: t.ones(2).untyped_storage().resize_(16),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name):
    with pytest.raises(NotImplementedError, match=".{25}"):
        REFUSED[name](rushlight)


def test_out_and_assignment_cast():
    assert (
        rushlight.mm(rushlight.ones(1, 2), rushlight.ones(2, 1), out=rushlight.zeros(1, 1, dtype=rushlight.float64))
        == 2
    )
    x = rushlight.zeros(3)
    x[[0, 2]] = rushlight.tensor([1, 2])
    assert x.tolist() == [1, 0, 2]


@pytest.mark.parametrize("name", ["lu", "masked_scatter"])
def test_what_looks_at_values_is_not_mapped(name):
    calls = {"lu": lambda x: rushlight.linalg.lu(x)[1], "masked_scatter": lambda x: x.masked_scatter(x > 0, x)}
    with pytest.raises(RuntimeError, match="as each example has its own value"):
        rushlight.vmap(calls[name])(rushlight.ones(2, 3, 3))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_0_but_for_rounding_is_as_near_to_it_as_pytorchs(seed):
    """The same masks are dropped, so that nothing else differs."""
    rng, far = np.random.default_rng(seed), []
    arrays = [rng.standard_normal((4, 6, 8), dtype=np.float32) * 3 for _ in range(3)]
    for library in (torch, rushlight):
        query, key, value = (library.tensor(a).requires_grad_() for a in arrays)
        library.manual_seed(seed)
        library.nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=0.5).sum().backward()
        normal = library.nn.functional.layer_norm(query, (8,))
        far.append([x.detach().abs().max().item() for x in (key.grad.sum(1), normal.mean(-1))])
    assert max(far[1]) < 4e-5 and far[1][0] < 4 * far[0][0] + 1e-6 and far[1][1] < 2 * far[0][1] + 1e-7


# ------------------------------------------------------------------------------------------- modules, optimizers, data


def test_local_response_norm_across_maps_follows_its_formula():
    x = rushlight.arange(1.0, 9.0).reshape(1, 8, 1, 1)
    squares = np.pad(x.numpy().ravel() ** 2, 1)
    sums = squares[:-2] + squares[1:-1] + squares[2:]
    expected = x.numpy().ravel() / (2 + 0.1 / 3 * sums) ** 0.75
    np.testing.assert_allclose(rushlight.nn.CrossMapLRN2d(3, 0.1, 0.75, 2)(x).numpy().ravel(), expected, rtol=1e-6)


def test_data_in_memory_needs_no_workers():
    data = rushlight.utils.data.TensorDataset(rushlight.arange(6))
    loader = rushlight.utils.data.DataLoader(data, batch_size=4, num_workers=2)
    assert [batch.tolist() for (batch,) in loader] == [[0, 1, 2, 3], [4, 5]]


def test_numpys_warnings_are_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "(divide by zero|overflow|invalid value)", RuntimeWarning, r"rushlight\.")
        x = rushlight.tensor([0.0, -1.0])
        assert (1 / x)[0] == float("inf") and x.log()[1].isnan() and (x * 1e38 * 1e38)[1] == -float("inf")


def test_generalized_pareto_in_float64():
    density = rushlight.distributions.GeneralizedPareto(*(rushlight.ones(1, dtype=rushlight.float64) for _ in range(3)))
    assert density.log_prob(rushlight.tensor([2.0], dtype=rushlight.float64)).dtype is rushlight.float64


# ------------------------------------------------------------------------------------------- programs and their files


def test_scripts_are_what_they_were():
    net = rushlight.nn.Linear(1, 1)
    assert rushlight.jit.script(net) is net is rushlight.jit.trace(net, rushlight.ones(1, 1))


def test_tensors_do_not_ask_torch_function():
    class Logged(rushlight.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            raise AssertionError("asked")

    assert (rushlight.ones(2).as_subclass(Logged) * 2).tolist() == [2, 2]


def test_flags_are_kept_and_change_nothing():
    rushlight.backends.cudnn.benchmark = True
    assert rushlight.backends.cudnn.benchmark
    rushlight.backends.cudnn.benchmark = False


def test_archives_of_before_0_1_10_are_refused_unread():
    """CVE-2025-32434: PyTorch ran the pickles in such an archive although weights_only was said."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for name in ("storages", "tensors", "pickle", "sys_info"):
            content = b"cposix\nsystem\n(S'touch harm'\ntR."
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    for weights_only in (True, False):
        file.seek(0)
        with pytest.raises(NotImplementedError, match=r"tar archive of PyTorch before 0\.1\.10"):
            rushlight.load(file, weights_only=weights_only)


@pytest.mark.skipif(rushlight.kernels.native is None, reason="no native build: nothing is recorded")
def test_compile_records_and_warns():
    """It compiles nothing, and `fullgraph=True` warns where PyTorch raises."""

    def decides(x):
        return x + 1 if x.sum() > 0 else x - 1

    made = rushlight.compile(decides, fullgraph=True)
    made(rushlight.ones(1))
    with pytest.warns(UserWarning, match="runs as it is"):
        assert made(rushlight.ones(1)).item() == 2
    with pytest.raises(NotImplementedError, match="backend of your own"):
        rushlight.compile(decides, backend=lambda graph, inputs: graph)
