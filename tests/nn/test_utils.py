"""nn.utils against PyTorch's: clipping, vectors, parametrizations, norms, pruning, stateless calls, fusion."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from both import outcome, torch

import rushlight
from rushlight import nn

pytest.importorskip("torch.nn.utils.prune")  # becomes an attribute of torch.nn.utils once imported


def array(lib: Any, *shape: int, seed: int = 0, dtype: str = "float32") -> Any:
    return lib.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def close(scenario: Any, rtol: float = 1e-4, atol: float = 1e-5) -> Any:
    """Both libraries, with the same seed, return the same up to rounding, or raise the same class."""
    results = []
    for lib in (torch, rushlight):
        lib.manual_seed(3)
        results.append(outcome(scenario, lib))
    theirs, mine = results
    assert mine[0] == theirs[0], (mine, theirs)
    if mine[0] == "returned":
        compare(mine[1], theirs[1], rtol, atol)
    return mine[1]


def compare(mine: Any, theirs: Any, rtol: float, atol: float) -> None:
    if isinstance(mine, dict):
        assert list(mine) == list(theirs)
        mine, theirs = list(mine.values()), list(theirs.values())
    if isinstance(mine, list):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            compare(a, b, rtol, atol)
    elif isinstance(mine, np.ndarray):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol, atol)
    else:
        assert mine == theirs


def filled(lib: Any, module: Any) -> Any:
    """The same weights under both libraries."""
    with lib.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(array(lib, *p.shape, seed=i))
    return module


# ------------------------------------------------------------------------------------------------------- clipping


def with_gradients(lib: Any, dtype: str = "float32", bad: float | None = None) -> list[Any]:
    parameters = [array(lib, *s, seed=i, dtype=dtype).requires_grad_() for i, s in enumerate([(3,), (2, 4), (1, 2, 2)])]
    for i, p in enumerate(parameters[:2]):
        p.grad = array(lib, *p.shape, seed=i + 10, dtype=dtype)
    if bad is not None:
        parameters[0].grad[1] = bad
    return parameters


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm_type", [1, 2, 3.5, 0, float("inf"), float("-inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_by_norm(norm_type: float, max_norm: float, dtype: str) -> None:
    def scenario(lib: Any) -> Any:
        ps = with_gradients(lib, dtype)
        total = lib.nn.utils.clip_grad_norm_(ps, max_norm, norm_type)
        return total, [p.grad for p in ps]

    close(scenario)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("strict", [False, True])
def test_clip_with_non_finite_gradients(bad: float, strict: bool) -> None:
    def scenario(lib: Any) -> Any:
        ps = with_gradients(lib, bad=bad)
        return lib.nn.utils.clip_grad_norm_(ps, 1.0, error_if_nonfinite=strict), [p.grad for p in ps]

    close(scenario)
    ps = with_gradients(rushlight, bad=bad)
    before = ps[1].grad.clone()
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(ps, 1e-3, error_if_nonfinite=True)
    assert ps[1].grad.equal(before)


def test_clip_other_ways() -> None:
    def scenario(lib: Any) -> Any:
        utils = lib.nn.utils
        a, b, c = with_gradients(lib), with_gradients(lib), with_gradients(lib)[0]
        utils.clip_grad_value_(a, 0.3)
        total = utils.get_total_norm([p.grad for p in b[:2]])
        utils.clip_grads_with_norm_(b, 0.1, total)
        return [p.grad for p in a + b], total, utils.clip_grad_norm_(c, 0.1), c.grad, utils.clip_grad_norm_([], 1.0)

    close(scenario)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.clip_grad_norm`")
def test_clip_warnings_and_old_name() -> None:
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)
    assert nn.utils.clip_grad_norm(with_gradients(rushlight), 1.0).shape == ()


def test_half_precision_norm() -> None:
    p = rushlight.ones(100_000, dtype=rushlight.float16).requires_grad_()
    p.grad = rushlight.full((100_000,), 0.5, dtype=rushlight.float16)
    assert abs(nn.utils.clip_grad_norm_(p, 1e9).item() - 158.1) < 0.2


# -------------------------------------------------------------------------------------------------------- vectors


def test_vectors() -> None:
    def scenario(lib: Any) -> Any:
        m = filled(lib, lib.nn.Linear(3, 2))
        vec = lib.nn.utils.parameters_to_vector(m.parameters())
        (vec * vec).sum().backward()
        lib.nn.utils.vector_to_parameters(vec.detach() * 2, m.parameters())
        return vec, m.weight.grad, m.weight, m.bias

    close(scenario)
    m = nn.Linear(3, 2)
    before = m.weight.clone()
    with pytest.raises(RuntimeError, match="vec has 7 elements, the parameters have 8"):
        nn.utils.vector_to_parameters(rushlight.ones(7), m.parameters())
    assert m.weight.equal(before)
    with pytest.raises(TypeError, match="expected torch.Tensor, but got: list"):
        nn.utils.vector_to_parameters([1.0], m.parameters())


def test_skip_init() -> None:
    rushlight.manual_seed(0)
    m = nn.utils.skip_init(nn.Linear, 3, 2)
    assert m.weight.shape == (2, 3) and type(m.weight) is nn.Parameter
    first = rushlight.rand(3)
    rushlight.manual_seed(0)
    assert rushlight.rand(3).equal(first)
    for wrong in (nn.ReLU, int):
        with pytest.raises(RuntimeError):
            nn.utils.skip_init(wrong)


# --------------------------------------------------------------------------------------------------------- fusion


@pytest.mark.parametrize("kind", ["Conv1d", "Conv2d", "ConvTranspose2d", "Linear"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_fusion(kind: str, bias: bool, affine: bool) -> None:
    if kind == "Linear" and not affine:
        pytest.skip("PyTorch needs the batch norm's weight there")

    def scenario(lib: Any) -> Any:
        n = 1 if kind in ("Conv1d", "Linear") else 2
        args = (3, 4) if kind == "Linear" else (3, 4, 2)
        layer = filled(lib, getattr(lib.nn, kind)(*args, bias=bias)).eval()
        bn = filled(lib, getattr(lib.nn, f"BatchNorm{n}d")(4, affine=affine)).eval()
        bn.running_mean.copy_(array(lib, 4, seed=7))
        bn.running_var.copy_(array(lib, 4, seed=8) ** 2 + 0.5)
        x = array(lib, 2, 3) if kind == "Linear" else array(lib, 2, 3, *([5] * n))
        if kind == "Linear":
            fused = lib.nn.utils.fuse_linear_bn_eval(layer, bn)
        else:
            fused = lib.nn.utils.fuse_conv_bn_eval(layer, bn, transpose="Transpose" in kind)
        assert lib.allclose(fused(x), bn(layer(x)), atol=1e-4)
        return fused.weight, fused.bias, fused.weight.requires_grad

    close(scenario)


def test_fusion_refusals() -> None:
    def training(lib: Any) -> Any:
        lib.nn.utils.fuse_conv_bn_eval(lib.nn.Conv1d(2, 2, 1), lib.nn.BatchNorm1d(2))

    def sizes(lib: Any) -> Any:
        lib.nn.utils.fuse_linear_bn_eval(lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(2).eval())

    close(training)
    close(sizes)


# ------------------------------------------------------------------------------------------------ parametrizations


def symmetric(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a: Any) -> Any:
            return a.triu()

    return Symmetric()


def doubled(lib: Any) -> Any:
    class Doubled(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2

    return Doubled()


class TestParametrize:
    def test_one_and_two(self) -> None:
        def scenario(lib: Any) -> Any:
            P = lib.nn.utils.parametrize
            m = filled(lib, lib.nn.Linear(3, 3))
            P.register_parametrization(m, "weight", symmetric(lib))
            first = m.weight
            m.weight = array(lib, 3, 3, seed=5)
            assigned = m.weight
            P.register_parametrization(m, "weight", doubled(lib))
            P.register_parametrization(m, "bias", doubled(lib))
            y = m(array(lib, 2, 3))
            y.sum().backward()
            state = dict(m.state_dict())
            names = [n for n, _ in m.named_parameters()]
            flags = P.is_parametrized(m), P.is_parametrized(m, "weight"), P.is_parametrized(m, "x"), type(m).__name__
            grads = [p.grad for p in m.parameters()]
            P.remove_parametrizations(m, "weight")
            P.remove_parametrizations(m, "bias", leave_parametrized=False)
            return first, assigned, y, state, names, flags, grads, dict(m.state_dict()), type(m).__name__, repr(m)

        close(scenario)

    def test_deepcopy_and_pickle(self) -> None:
        m = nn.utils.parametrize.register_parametrization(
            filled(rushlight, nn.Linear(3, 3)), "weight", symmetric(rushlight)
        )
        twin = copy.deepcopy(m)
        assert (
            twin.weight.equal(m.weight)
            and twin.parametrizations.weight.original is not m.parametrizations.weight.original
        )
        twin.load_state_dict(m.state_dict())
        with pytest.raises(RuntimeError, match="only supported through state_dict"):
            pickle.dumps(m)

    def test_cached(self) -> None:
        m = nn.utils.parametrize.register_parametrization(nn.Linear(3, 3), "weight", symmetric(rushlight))
        assert m.weight is not m.weight
        with nn.utils.parametrize.cached():
            assert m.weight is m.weight
        assert m.weight is not m.weight

    def test_several_originals(self) -> None:
        def scenario(lib: Any) -> Any:
            class Product(lib.nn.Module):
                def forward(self, a: Any, b: Any) -> Any:
                    return a * b

                def right_inverse(self, x: Any) -> Any:
                    return x * 0 + 2, x / 2

            P = lib.nn.utils.parametrize
            m = filled(lib, lib.nn.Linear(2, 2))
            before = m.weight.clone()
            P.register_parametrization(m, "weight", Product())
            m.weight = array(lib, 2, 2, seed=9)
            names = [n for n, _ in m.named_parameters()]
            value = m.weight
            P.remove_parametrizations(m, "weight")
            return before, value, names, m.weight, isinstance(m.weight, lib.nn.Parameter)

        close(scenario)

    def test_transfer(self) -> None:
        def scenario(lib: Any) -> Any:
            P = lib.nn.utils.parametrize
            a, b = filled(lib, lib.nn.Linear(3, 3)), lib.nn.Linear(3, 3)
            P.register_parametrization(a, "weight", symmetric(lib))
            P.transfer_parametrizations_and_params(a, b)
            return b.weight, P.type_before_parametrizations(b) is lib.nn.Linear, list(b.state_dict())

        close(scenario)

    def test_refusals(self) -> None:
        class Shrinks:
            @staticmethod
            def made(lib: Any) -> Any:
                m = lib.nn.Module()
                m.forward = lambda x: x[:1]
                return m

        def changes_shape(lib: Any) -> Any:
            lib.nn.utils.parametrize.register_parametrization(lib.nn.Linear(3, 3), "weight", Shrinks.made(lib))

        def no_such(lib: Any) -> Any:
            lib.nn.utils.parametrize.register_parametrization(lib.nn.Linear(3, 3), "nothing", doubled(lib))

        def none_there(lib: Any) -> Any:
            lib.nn.utils.parametrize.remove_parametrizations(lib.nn.Linear(3, 3), "weight")

        def no_inverse(lib: Any) -> Any:
            m = lib.nn.utils.parametrize.register_parametrization(lib.nn.Linear(3, 3), "weight", doubled(lib))
            m.weight = lib.ones(3, 3)

        for scenario in (changes_shape, no_such, none_there, no_inverse):
            close(scenario)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal(shape: tuple[int, int], orthogonal_map: str | None, trivial: bool) -> None:
    m = filled(rushlight, nn.Linear(*shape))
    nn.utils.parametrizations.orthogonal(m, orthogonal_map=orthogonal_map, use_trivialization=trivial)

    def check() -> None:
        w = m.weight.detach().numpy()
        gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)

    check()
    optimizer = rushlight.optim.SGD(m.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (m(array(rushlight, 2, shape[0])) ** 2).sum().backward()
        optimizer.step()
    check()
    if trivial:
        q = np.linalg.qr(np.random.default_rng(5).standard_normal((max(shape), max(shape))))[0].astype("float32")
        q = np.ascontiguousarray(q[: shape[1], : shape[0]] if shape[0] == shape[1] else _semi(q, shape))
        m.weight = rushlight.from_numpy(q)
        np.testing.assert_allclose(m.weight.detach().numpy(), q, atol=1e-5)


def _semi(q: Any, shape: tuple[int, int]) -> Any:
    """Orthonormal rows or columns of shape (out, in)."""
    n, k = max(shape), min(shape)
    return q[:, :k] if shape[1] == n else q[:, :k].T


def test_orthogonal_values_are_pytorchs() -> None:
    def scenario(lib: Any) -> Any:
        results = []
        for name in ("matrix_exp", "cayley"):
            m = filled(lib, lib.nn.Linear(4, 4))
            lib.nn.utils.parametrizations.orthogonal(m, orthogonal_map=name, use_trivialization=False)
            (m.weight * array(lib, 4, 4, seed=4)).sum().backward()
            results += [m.weight, m.parametrizations.weight.original.grad]
        return results

    close(scenario, rtol=1e-3, atol=1e-4)


def test_orthogonal_refusals() -> None:
    for call in (
        lambda lib, o: o(lib.nn.Linear(2, 2), "nothing"),
        lambda lib, o: o(lib.nn.Linear(2, 2), "bias"),
        lambda lib, o: o(lib.nn.Linear(2, 2), orthogonal_map="other"),
    ):
        close(lambda lib, call=call: call(lib, lib.nn.utils.parametrizations.orthogonal))


@pytest.mark.parametrize("dim", [0, 1, -1, None])
@pytest.mark.parametrize("layer", ["Linear", "Conv2d"])
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`")
def test_weight_norm(layer: str, dim: int | None) -> None:
    def scenario(lib: Any) -> Any:
        results: list[Any] = []
        for place in (lib.nn.utils, lib.nn.utils.parametrizations):
            m = filled(lib, getattr(lib.nn, layer)(*((3, 4) if layer == "Linear" else (3, 4, 2))))
            place.weight_norm(m, dim=dim)
            y = m(array(lib, 2, 3) if layer == "Linear" else array(lib, 2, 3, 4, 4))
            (y * y).sum().backward()
            results += [y, dict(m.state_dict()), [n for n, _ in m.named_parameters()], [p.grad for p in m.parameters()]]
        return results

    close(scenario, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`")
def test_weight_norm_removed_and_older_names() -> None:
    def scenario(lib: Any) -> Any:
        m = filled(lib, lib.nn.Linear(3, 4))
        lib.nn.utils.weight_norm(m)
        older = m.state_dict()
        newer = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 4))
        newer.load_state_dict(older)
        lib.nn.utils.remove_weight_norm(m)
        return newer.weight, m.weight, list(m.state_dict()), len(m._forward_pre_hooks)

    close(scenario)

    def twice(lib: Any) -> Any:
        lib.nn.utils.weight_norm(lib.nn.utils.weight_norm(lib.nn.Linear(3, 4)))

    def absent(lib: Any) -> Any:
        lib.nn.utils.remove_weight_norm(lib.nn.Linear(3, 4))

    close(twice)
    close(absent)


@pytest.mark.parametrize("layer", ["Linear", "Conv2d", "ConvTranspose2d"])
@pytest.mark.parametrize("new", [False, True])
def test_spectral_norm(layer: str, new: bool) -> None:
    def scenario(lib: Any) -> Any:
        m = filled(lib, getattr(lib.nn, layer)(*((3, 4) if layer == "Linear" else (3, 4, 2))))
        place = lib.nn.utils.parametrizations if new else lib.nn.utils
        place.spectral_norm(m, n_power_iterations=2)
        x = array(lib, 2, 3) if layer == "Linear" else array(lib, 2, 3, 4, 4)
        m(x)
        y = m(x) + m(x)
        (y * y).sum().backward()
        first = [y, dict(m.state_dict()), [p.grad for p in m.parameters()]]
        m.eval()
        state = m.state_dict()
        twin = place.spectral_norm(getattr(lib.nn, layer)(*((3, 4) if layer == "Linear" else (3, 4, 2)))).eval()
        twin.load_state_dict(state)
        first += [m(x), twin(x)]
        if not new:
            lib.nn.utils.remove_spectral_norm(m)
            first += [m.weight, list(m.state_dict()), len(m._state_dict_hooks)]
        return first

    close(scenario, rtol=1e-3, atol=1e-4)


def test_spectral_norm_refusals() -> None:
    for call in (
        lambda lib: lib.nn.utils.spectral_norm(lib.nn.Linear(2, 2), n_power_iterations=0),
        lambda lib: lib.nn.utils.spectral_norm(lib.nn.utils.spectral_norm(lib.nn.Linear(2, 2))),
        lambda lib: lib.nn.utils.remove_spectral_norm(lib.nn.Linear(2, 2)),
        lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(2, 2), "nothing"),
        lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(2, 2), dim=5),
        lambda lib: lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(2, 2), n_power_iterations=0),
    ):
        close(call)


# -------------------------------------------------------------------------------------------------------- pruning


PRUNINGS = {
    "identity": lambda p, m: p.identity(m, "weight"),
    "l1": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "l1, a number": lambda p, m: p.l1_unstructured(m, "weight", 5),
    "random": lambda p, m: p.random_unstructured(m, "weight", 0.4),
    "random slices": lambda p, m: p.random_structured(m, "weight", 0.5, dim=0),
    "slices by norm": lambda p, m: p.ln_structured(m, "weight", 2, n=2, dim=1),
    "slices by largest": lambda p, m: p.ln_structured(m, "weight", 0.5, n=float("inf"), dim=0),
    "twice": lambda p, m: p.l1_unstructured(p.l1_unstructured(m, "weight", 0.3), "weight", 0.5),
    "slices, then entries": lambda p, m: p.l1_unstructured(p.ln_structured(m, "weight", 1, n=1, dim=0), "weight", 3),
    "three times": lambda p, m: p.ln_structured(
        p.l1_unstructured(p.l1_unstructured(m, "weight", 2), "weight", 3), "weight", 1, n=2, dim=1
    ),
    "bias": lambda p, m: p.l1_unstructured(m, "bias", 1),
    "too many": lambda p, m: p.l1_unstructured(m, "weight", 1000),
    "negative": lambda p, m: p.l1_unstructured(m, "weight", -1),
    "more than all": lambda p, m: p.l1_unstructured(m, "weight", 1.5),
    "no number": lambda p, m: p.l1_unstructured(m, "weight", "x"),
    "slices of a vector": lambda p, m: p.ln_structured(m, "bias", 1, n=2, dim=0),
    "another dimension": lambda p, m: p.ln_structured(m, "weight", 1, n=2, dim=5),
    "not pruned": lambda p, m: p.remove(m, "weight"),
}


@pytest.mark.parametrize("name", PRUNINGS)
def test_pruning(name: str) -> None:
    def scenario(lib: Any) -> Any:
        prune = lib.nn.utils.prune
        m = filled(lib, lib.nn.Linear(5, 4))
        PRUNINGS[name](prune, m)
        y = m(array(lib, 2, 5))
        y.sum().backward()
        which = "bias" if name == "bias" else "weight"
        before = [dict(m.state_dict()), getattr(m, which), y, prune.is_pruned(m), [n for n, _ in m.named_parameters()]]
        prune.remove(m, which)
        return before, dict(m.state_dict()), prune.is_pruned(m), [n for n, _ in m.named_parameters()]

    close(scenario)


def test_a_failed_pruning_leaves_the_module() -> None:
    m = nn.Linear(5, 4)
    weight = m.weight
    with pytest.raises(ValueError):
        nn.utils.prune.l1_unstructured(m, "weight", 1000)
    assert m.weight is weight and sorted(dict(m.named_parameters())) == ["bias", "weight"] and not m._forward_pre_hooks


def test_pruning_together_and_by_mask() -> None:
    def scenario(lib: Any) -> Any:
        prune = lib.nn.utils.prune
        m = filled(lib, lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2)))
        pairs = [(m[0], "weight"), (m[1], "weight")]
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=0.4)
        prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=3)
        prune.custom_from_mask(m[0], "bias", lib.tensor([1.0, 0.0, 1.0, 0.0]))
        single = prune.L1Unstructured(2).prune(array(lib, 5))
        return dict(m.state_dict()), single, m(array(lib, 2, 3))

    close(scenario)


# ------------------------------------------------------------------------------------------------------- stateless


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.stateless")
class TestFunctionalCall:
    def test_values_and_gradients(self) -> None:
        def scenario(lib: Any) -> Any:
            m = filled(lib, lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4)))
            own = m[0].weight
            weight = array(lib, 4, 3, seed=9).requires_grad_()
            given = {"0.weight": weight, "1.running_mean": lib.ones(4)}
            y = lib.nn.utils.stateless.functional_call(m, given, array(lib, 5, 3))
            (y * array(lib, 5, 4, seed=2)).sum().backward()
            return y, weight.grad, own.grad is None, m[0].weight is own, m[1].running_mean, given["1.running_mean"]

        close(scenario)

    def test_ties(self) -> None:
        def scenario(lib: Any) -> Any:
            m = lib.nn.Module()
            m.a = lib.nn.Parameter(lib.ones(2))
            m.b = m.a
            m.forward = lambda: m.a * 10 + m.b
            call = lib.nn.utils.stateless.functional_call
            return call(m, {"a": lib.zeros(2) + 3}, ()), call(m, {"a": lib.zeros(2) + 3}, (), tie_weights=False)

        close(scenario)

        def clash(lib: Any) -> Any:
            m = lib.nn.Module()
            m.a = m.b = lib.nn.Parameter(lib.ones(2))
            lib.nn.utils.stateless.functional_call(m, {"a": lib.ones(2), "b": lib.zeros(2)}, ())

        close(clash)

    def test_names(self) -> None:
        for strict in (False, True):
            for name in ("weight", "nothing", "x.weight"):
                close(
                    lambda lib, strict=strict, name=name: lib.nn.utils.stateless.functional_call(
                        filled(lib, lib.nn.Linear(2, 2)), {name: lib.ones(2, 2)}, lib.ones(1, 2), strict=strict
                    )
                )

    def test_restored_after_an_error(self) -> None:
        m = nn.Linear(2, 2)
        weight = m.weight
        with pytest.raises(RuntimeError):
            nn.utils.stateless.functional_call(m, {"weight": rushlight.ones(2, 5)}, rushlight.ones(1, 2))
        assert m.weight is weight is m._parameters["weight"]


def test_memory_format() -> None:
    m = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Linear(2, 2))
    before = m[0].weight.clone()
    assert nn.utils.convert_conv2d_weight_memory_format(m, rushlight.channels_last) is m
    assert m[0].weight.stride() == (12, 1, 6, 3) and m[0].weight.equal(before)
