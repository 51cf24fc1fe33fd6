"""autograd.graph: hooks on entries and on saved tensors; anomaly mode."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest
from both import same

import rushlight
from rushlight.autograd import Function, detect_anomaly, set_detect_anomaly
from rushlight.autograd import graph as graphs
from rushlight.autograd.tape import Operator
from rushlight.kernels import native


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


FLAT: dict[str, Any] = {
    "relu": lambda lib, x: x.relu(),
    "avg_pool1d": lambda lib, x: lib.nn.functional.avg_pool1d(x[None], 2),
    "max_pool1d": lambda lib, x: lib.nn.functional.max_pool1d(x[None], 2),
    "pad": lambda lib, x: lib.nn.functional.pad(x[None], (1, 1), mode="reflect"),
    "conv1d": lambda lib, x: lib.nn.functional.conv1d(x[None, None], lib.ones(1, 1, 2, dtype=lib.float64)),
    "nll_loss": lambda lib, x: lib.nn.functional.nll_loss(x[None], lib.tensor([1])),
    "l1_loss": lambda lib, x: lib.nn.functional.l1_loss(x, 2 * x.detach()),
}


@pytest.mark.parametrize("name", FLAT)
def test_gradients_that_do_not_change_are_part_of_the_graph(name: str) -> None:
    """Their derivative is zero."""

    def scenario(lib: Any) -> Any:
        x = leaf(lib, 1.0, -2.0, 3.0)
        (g,) = lib.autograd.grad(FLAT[name](lib, x).sum(), x, create_graph=True)
        (second,) = lib.autograd.grad(g.sum(), x, allow_unused=True)
        return g, g.requires_grad, second is None or bool((second == 0).all())

    same(scenario)


def test_gradients_of_linear_functions_are_not() -> None:
    x = leaf(rushlight, 1.0, -2.0)
    (g,) = rushlight.autograd.grad((2 * x).sum(), x, create_graph=True)
    assert not g.requires_grad


class TestNodeHooks:
    def test_seen_and_replaced(self) -> None:
        def scenario(lib: Any) -> Any:
            seen: list[Any] = []
            a, b = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
            y = a * b
            first = y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
            y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, gi[1]))
            y.grad_fn.register_prehook(lambda go: seen.append(go))
            y.sum().backward(retain_graph=True)
            first.remove()
            y.sum().backward()
            return seen, a.grad, b.grad

        same(scenario)

    def test_on_a_view_and_on_several_outputs(self) -> None:
        def scenario(lib: Any) -> Any:
            seen: list[Any] = []
            x = leaf(lib, 1.0, 2.0, 3.0, 4.0)
            view = (x * 1).reshape(2, 2)
            view.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
            values, _ = view.max(1)
            values.grad_fn.register_hook(lambda gi, go: seen.append(gi))
            values.sum().backward()
            return seen, x.grad

        same(scenario)

    def test_while_the_walk_is_recorded(self) -> None:
        def scenario(lib: Any) -> Any:
            x = leaf(lib, 3.0)
            y = x * x
            y.grad_fn.register_hook(lambda gi, go: tuple(g * 2 for g in gi))
            (g,) = lib.autograd.grad(y, x, create_graph=True)
            return g, lib.autograd.grad(g, x)

        same(scenario)

    def test_next_functions(self) -> None:
        x = leaf(rushlight, 1.0)
        y = x * 2 + x
        names = [type(node).__name__ for node, _ in y.grad_fn.next_functions]
        assert names == ["Mul", "AccumulateGrad"]
        y.grad_fn.metadata["note"] = 1
        assert y.grad_fn.metadata == {"note": 1}


class TestSavedTensorsHooks:
    def test_values(self) -> None:
        def scenario(lib: Any) -> Any:
            count = [0, 0]

            def pack(t: Any) -> Any:
                count[0] += 1
                return t * 2

            def unpack(t: Any) -> Any:
                count[1] += 1
                return t / 2

            x = leaf(lib, 1.0, 2.0)
            with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
                y = (x * x).exp().sum()
            y.backward()
            return x.grad, count[0] > 0, count[1] > 0

        same(scenario)

    def test_what_comes_back_is_used(self) -> None:
        def scenario(lib: Any) -> Any:
            x, w = leaf(lib, 1.0, 2.0), lib.tensor([3.0, 4.0], dtype=lib.float64)
            with lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t * 0 + 7):
                y = x * w
            y.sum().backward()
            return x.grad

        same(scenario)

    def test_inner_hooks_come_first_and_end(self) -> None:
        seen: list[str] = []
        hooks = graphs.saved_tensors_hooks
        x = leaf(rushlight, 2.0)
        w = rushlight.tensor([3.0], dtype=rushlight.float64)
        with hooks(lambda t: seen.append("outer") or t, lambda t: t):
            with hooks(lambda t: seen.append("inner") or t, lambda t: t):
                x * w
            x * w
        x * w
        assert seen == ["inner", "outer"]

    def test_function(self) -> None:
        def scenario(lib: Any) -> Any:
            class Square(lib.autograd.Function):
                @staticmethod
                def forward(ctx: Any, x: Any) -> Any:
                    ctx.save_for_backward(x)
                    return x * x

                @staticmethod
                def backward(ctx: Any, grad: Any) -> Any:
                    return grad * ctx.saved_tensors[0] * 2

            x = leaf(lib, 3.0)
            with lib.autograd.graph.saved_tensors_hooks(
                lambda t: t.tolist(), lambda v: lib.tensor(v, dtype=lib.float64)
            ):
                y = Square.apply(x)
            y.sum().backward()
            return x.grad

        same(scenario)

    def test_second_derivative(self) -> None:
        x = leaf(rushlight, 2.0)
        with graphs.saved_tensors_hooks(lambda t: t, lambda t: t):
            y = (x * x * x).sum()
            (g,) = rushlight.autograd.grad(y, x, create_graph=True)
        assert rushlight.autograd.grad(g, x)[0].tolist() == [12.0]

    def test_a_write_in_place_does_not_matter_to_a_copy(self) -> None:
        x = leaf(rushlight, 2.0)
        y = x * 1
        with graphs.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
            z = y * y
        with rushlight.no_grad():
            y._array[...] = 100
            graphs.increment_version(y)
        z.sum().backward()
        assert x.grad.tolist() == [4.0]

    def test_save_on_cpu(self) -> None:
        x = leaf(rushlight, 2.0)
        with graphs.save_on_cpu():
            y = x * x
        y.sum().backward()
        assert x.grad.tolist() == [4.0]

    def test_forbidden(self) -> None:
        def scenario(lib: Any) -> Any:
            with lib.autograd.graph.disable_saved_tensors_hooks("not here"):
                with lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                    pass

        same(scenario)
        with graphs.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass

    def test_not_a_tensor(self) -> None:
        def scenario(lib: Any) -> Any:
            x = leaf(lib, 2.0)
            with lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
                y = x * x
            y.sum().backward()

        same(scenario, message=False)


@pytest.mark.parametrize("mode", ["all", "any"])
def test_multi_grad_hooks(mode: str) -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        a, b, c, d = (leaf(lib, float(i)) for i in range(1, 5))
        y, z = a * b, c * 2
        handle = lib.autograd.graph.register_multi_grad_hook((a, b, y, c, d), seen.append, mode=mode)
        (y * 3).sum().backward(retain_graph=True)
        (y + z).sum().backward(retain_graph=True)
        handle.remove()
        y.sum().backward()
        return seen if mode == "all" else len(seen)

    same(scenario)


def test_multi_grad_hook_of_another_mode() -> None:
    def scenario(lib: Any) -> Any:
        lib.autograd.graph.register_multi_grad_hook((leaf(lib, 1.0),), print, mode="some")

    same(scenario)


def test_gradient_edge() -> None:
    x = leaf(rushlight, 1.0)
    assert graphs.get_gradient_edge(x * 2).node.name() == "MulBackward0"
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graphs.get_gradient_edge(x.detach())


# --------------------------------------------------------------------------------------------------------- anomaly


class Bad(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise ValueError("broken")


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
class TestAnomaly:
    def test_names_operator_and_line(self) -> None:
        x = rushlight.zeros(2, requires_grad=True)
        with detect_anomaly():
            y = x / x  # the line to be named
            with pytest.warns(UserWarning, match="Error detected in DivBackward0. Traceback of forward call") as warned:
                with pytest.raises(
                    RuntimeError, match=r"'DivBackward0' returned nan .* y = x / x  # the line to be named"
                ):
                    (y * 3).sum().backward()
        (text,) = (str(w.message) for w in warned if "Error detected" in str(w.message))
        assert "test_names_operator_and_line" in text and "rushlight/ops" not in text

    def test_class_is_pytorchs(self) -> None:
        def scenario(lib: Any) -> Any:
            x = lib.zeros(2, requires_grad=True)
            with lib.autograd.detect_anomaly(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (x / x).sum().backward()

        same(scenario, message=False)

    def test_unrecorded_place(self) -> None:
        x = rushlight.zeros(2, requires_grad=True)
        y = (x / x).sum()
        with detect_anomaly(), pytest.warns(UserWarning, match="No forward pass information"):
            with pytest.raises(RuntimeError, match="returned nan values in its"):
                y.backward()

    def test_errors_in_backward(self) -> None:
        x = rushlight.ones(2, requires_grad=True)
        with detect_anomaly(check_nan=False):
            y = Bad.apply(x).sum()
            with (
                pytest.warns(UserWarning, match="Error detected in BadBackward"),
                pytest.raises(ValueError, match="broken"),
            ):
                y.backward()

    def test_check_nan_off(self) -> None:
        x = rushlight.zeros(2, requires_grad=True)
        with detect_anomaly(check_nan=False):
            (x / x).sum().backward()
        assert np.isnan(x.grad.numpy()).all()

    def test_nothing_remains(self) -> None:
        plain = Operator.differentiate
        with detect_anomaly():
            assert rushlight.autograd.is_anomaly_enabled() and Operator.differentiate is not plain
            with set_detect_anomaly(False):
                assert not rushlight.autograd.is_anomaly_enabled()
            assert rushlight.autograd.is_anomaly_enabled()
        assert Operator.differentiate is plain and not rushlight.autograd.is_anomaly_enabled()
        y = rushlight.ones(1, requires_grad=True) * 2
        assert y.grad_fn.trace is None

    def test_switch(self) -> None:
        set_detect_anomaly(True, check_nan=False)
        assert rushlight.autograd.is_anomaly_enabled() and not rushlight.autograd.is_anomaly_check_nan_enabled()
        set_detect_anomaly(False)
        assert not rushlight.autograd.is_anomaly_enabled()


def test_saved_tensors_may_be_written_to() -> None:
    def scenario(lib: Any) -> Any:
        x = leaf(lib, 1.0, -2.0, 3.0)
        with lib.autograd.graph.allow_mutation_on_saved_tensors():
            y = x.clone()
            out = (y**2).sum() + y.exp().sum()
            y.sin_()
            (y * y).sum().backward(retain_graph=True)
            out.backward()
        return x.grad

    same(scenario)


def test_nodes_and_their_names() -> None:
    def scenario(lib: Any) -> Any:
        x = leaf(lib, 1.0, 2.0, 3.0)
        m, F = x.reshape(3, 1), lib.nn.functional
        outs = [
            x * 2,
            x.exp(),
            x.logsumexp(0).reshape(1).sum(),
            x.float(),
            lib.linalg.vector_norm(x),
            F.layer_norm(x, (3,)),
            F.batch_norm(m, None, None, training=True),
            F.group_norm(x.repeat(2).reshape(1, 2, 3), 2),
            F.conv1d(m[None], m[None]),
        ]
        end = outs[0].grad_fn.next_functions[0][0]
        nodes = [isinstance(n, lib.autograd.graph.Node) for n in (end, outs[0].grad_fn, x)]
        return [out.grad_fn.name() for out in outs], nodes

    same(scenario)


def test_gradient_edges_stand_for_tensors() -> None:
    def scenario(lib: Any) -> Any:
        edge = lib.autograd.graph.get_gradient_edge
        x = leaf(lib, 1.0, -2.0, 3.0)
        y = x * 2
        parts = (x * 3).unbind()
        z, end = y.exp().sum(), edge((x**2).sum())
        found = [
            lib.autograd.grad(z, [edge(y)], retain_graph=True),
            lib.autograd.grad(z, edge(x), retain_graph=True),
            lib.autograd.grad(parts[1] * 2 + parts[2], [edge(parts[1]), edge(parts[2])]),
            lib.autograd.grad(end, x, retain_graph=True),
            lib.autograd.grad(edge(y), x, lib.ones(3, dtype=lib.float64), retain_graph=True),
        ]
        lib.autograd.backward(end)
        z.backward(inputs=[edge(x)])
        return found, x.grad, edge(x).node.name(), edge(parts[1]).output_nr, edge(parts[1]).node is parts[0].grad_fn

    same(scenario)
    same(
        lambda lib: lib.autograd.grad(lib.autograd.graph.get_gradient_edge(leaf(lib, 1.0, 2.0) * 2), []), message=False
    )


def test_hooks_where_gradients_are_added() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(lib, 1.0, 2.0)
        end = (x * 2).grad_fn.next_functions[0][0]
        x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.clone()))
        end.register_prehook(lambda grads: (grads[0] * 5,))
        end.register_hook(lambda inputs, grads: seen.extend([len(inputs), grads[0].clone(), x.grad.clone()]))
        (x * 2).sum().backward()
        (x * 3).sum().backward(inputs=[x])
        return seen, x.grad

    same(scenario)


def test_batched_gradients_free_the_graph_unless_it_is_to_be_kept() -> None:
    x = leaf(rushlight, 1.0, 2.0, 3.0)
    y, rows = x * x, rushlight.eye(3, dtype=rushlight.float64)
    (kept,) = rushlight.autograd.grad(y, x, rows, retain_graph=True, is_grads_batched=True)
    (last,) = rushlight.autograd.grad(y, x, rows, is_grads_batched=True)
    assert kept.tolist() == last.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]
    with pytest.raises(RuntimeError, match="a second time"):
        rushlight.autograd.grad(y, x, rows, is_grads_batched=True)


@pytest.mark.skipif(native is None, reason="without native kernels all gradients are delivered in Python")
def test_a_hook_that_was_taken_away_costs_nothing() -> None:
    """Its empty dict must not send gradients the slow way, through Python."""
    x = leaf(rushlight, 1.0, 2.0)
    x.register_hook(lambda grad: None).remove()
    loss = (x * 2).sum()
    called: list[str] = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name))
    try:
        loss.backward()
    finally:
        sys.setprofile(None)
    assert x.grad.tolist() == [2.0, 2.0]
    assert "backward" in called and "_deliver" not in called
