"""The tape itself: accumulation, order, freeing, hooks, several outputs, depth, threads. Both engines pass the same
tests: the suite runs once with the native build and once with RUSHLIGHT_NATIVE=0."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

import rushlight
from rushlight.autograd.tape import Operator


class Cube(Operator):
    """x^3: saves its argument, so it can be replayed."""

    saves = (0,)

    @staticmethod
    def forward(ctx, x):
        ctx.save(x)
        return x * x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved
        return grad * x * x * 3.0


class SumAndProduct(Operator):
    """Two outputs, computed anew for derivatives of higher order."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save(x, y)
        return x + y, x * y

    @staticmethod
    def backward(ctx, dsum, dproduct):
        x, y = ctx.saved
        dx = dy = 0
        if dsum is not None:
            dx, dy = dx + dsum, dy + dsum
        if dproduct is not None:
            dx, dy = dx + dproduct * y, dy + dproduct * x
        return dx, dy


def leaf(*values):
    return rushlight.tensor(list(values), requires_grad=True)


def test_gradients_add_up_until_cleared():
    x = leaf(1.0, 2.0)
    for _ in range(2):
        Cube.apply(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6.0, 24.0])
    x.grad = None
    Cube.apply(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 12.0])


def test_accumulation_keeps_the_same_grad_tensor():
    x = leaf(1.0)
    Cube.apply(x).sum().backward()
    grad = x.grad
    Cube.apply(x).sum().backward()
    assert x.grad is grad
    assert grad.item() == 6.0


def test_two_leaves_never_share_a_gradient():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).backward(rushlight.ones(2))
    x.grad[0] = 7.0
    np.testing.assert_array_equal(y.grad.numpy(), [1.0, 1.0])


def test_the_callers_gradient_is_not_taken_over():
    x, seed = leaf(1.0, 2.0), rushlight.ones(2)
    (x + 0.0).backward(seed)
    x.grad[0] = 5.0
    np.testing.assert_array_equal(seed.numpy(), [1.0, 1.0])


def test_a_diamond_is_walked_once_per_entry():
    x = leaf(2.0)
    y = Cube.apply(x)
    (y + y + y).backward(rushlight.ones(1))
    assert x.grad.item() == 36.0


def test_second_walk_says_what_to_do():
    y = Cube.apply(leaf(2.0))
    y.backward(rushlight.ones(1))
    with pytest.raises(RuntimeError, match="CubeBackward0.*second time.*retain_graph=True"):
        y.backward(rushlight.ones(1))


def test_retain_graph_allows_a_second_walk():
    x = leaf(2.0)
    y = Cube.apply(x)
    y.backward(rushlight.ones(1), retain_graph=True)
    y.backward(rushlight.ones(1))
    assert x.grad.item() == 24.0


def test_saved_arrays_are_freed_by_the_walk():
    x = leaf(2.0) + 0.0
    held = weakref.ref(x._array)
    y = Cube.apply(x)
    del x
    assert held() is not None
    y.backward(rushlight.ones(1))
    assert held() is None


def test_what_lies_behind_the_inputs_of_grad_is_left_alone():
    x = leaf(2.0)
    middle = Cube.apply(x)
    out = Cube.apply(middle)
    assert rushlight.autograd.grad(out.sum(), middle)[0].item() == 192.0
    assert rushlight.autograd.grad(middle.sum(), x)[0].item() == 12.0  # what middle saved is still there
    with pytest.raises(RuntimeError, match="second time"):
        rushlight.autograd.grad(middle.sum(), x)


def test_an_input_of_grad_that_leads_to_another():
    x = leaf(2.0)
    middle = Cube.apply(x)
    grads = rushlight.autograd.grad(Cube.apply(middle).sum(), (middle, x))
    assert [grad.item() for grad in grads] == [192.0, 192.0 * 12.0]


def test_write_to_a_saved_array_is_noticed():
    x = leaf(1.0, 2.0) + 0.0
    y = Cube.apply(x)
    x.add_(1.0)
    with pytest.raises(RuntimeError, match=r"CubeBackward0.*modified by an inplace operation.*\(2,\)"):
        y.sum().backward()


def test_write_to_what_nobody_saved_is_fine():
    x = leaf(1.0, 2.0)
    h = x + 0.0
    y = h + 1.0
    h.add_(5.0)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1.0, 1.0])


def test_several_outputs_with_and_without_gradient():
    x, y = leaf(2.0), leaf(5.0)
    total, product = SumAndProduct.apply(x, y)
    product.backward(rushlight.ones(1), retain_graph=True)
    assert (x.grad.item(), y.grad.item()) == (5.0, 2.0)
    (total + product).backward(rushlight.ones(1))
    assert (x.grad.item(), y.grad.item()) == (11.0, 5.0)
    assert product.output_nr == 1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_any_order(order):
    x = leaf(2.0)
    y = Cube.apply(x)
    for _ in range(order):
        (y,) = rushlight.autograd.grad(y, x, rushlight.ones(1), create_graph=True)
    assert y.item() == {1: 12.0, 2: 12.0, 3: 6.0}[order]


def test_replay_of_several_outputs():
    x, y = leaf(2.0), leaf(5.0)
    _, product = SumAndProduct.apply(x, y)
    (dx,) = rushlight.autograd.grad(product, x, rushlight.ones(1), create_graph=True)
    (mixed,) = rushlight.autograd.grad(dx, y, rushlight.ones(1))
    assert (dx.item(), mixed.item()) == (5.0, 1.0)


def test_grad_of_an_intermediate_result():
    x = leaf(2.0)
    h = Cube.apply(x)
    (dh,) = rushlight.autograd.grad(Cube.apply(h), h, rushlight.ones(1))
    assert dh.item() == 3 * 8.0**2
    assert x.grad is None


def test_unused_inputs():
    x, y = leaf(2.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="allow_unused"):
        rushlight.autograd.grad(Cube.apply(x), y, rushlight.ones(1))
    assert rushlight.autograd.grad(Cube.apply(x), y, rushlight.ones(1), allow_unused=True) == (None,)


def test_backward_into_chosen_inputs_only():
    x, y = leaf(2.0), leaf(1.0)
    (x + y).backward(rushlight.ones(1), inputs=[y])
    assert x.grad is None
    assert y.grad.item() == 1.0


def test_hooks_change_the_gradient_and_can_be_removed():
    x = leaf(1.0, 1.0)
    h = x + 0.0
    first = h.register_hook(lambda g: g * 2.0)
    x.register_hook(lambda g: g + 1.0)
    h.sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 3.0])
    first.remove()
    x.grad = None
    h.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])


def test_post_accumulate_hook_sees_the_sum():
    x, seen = leaf(1.0), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    y = Cube.apply(x)
    (y + y).backward(rushlight.ones(1))
    assert seen == [6.0]


def test_retain_grad():
    x = leaf(2.0)
    h = x + 1.0
    h.retain_grad()
    Cube.apply(h).sum().backward()
    assert h.grad.item() == 27.0


def test_depth_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 0.0
    y.backward(rushlight.ones(1))
    assert x.grad.item() == 1.0
    del y


def test_grad_mode_is_per_thread():
    seen = []
    with rushlight.no_grad():
        thread = threading.Thread(target=lambda: seen.append((leaf(1.0) + 1.0).requires_grad))
        thread.start()
        thread.join()
        assert not (leaf(1.0) + 1.0).requires_grad
    assert seen == [True]


def test_backward_of_what_needs_no_gradient():
    with pytest.raises(RuntimeError, match="does not require grad"):
        rushlight.ones(1).backward()
    with pytest.raises(RuntimeError, match=r"implicitly created only for scalar.*\(2,\)"):
        (leaf(1.0, 2.0) + 0.0).backward()


@pytest.mark.parametrize("guard", [rushlight.no_grad, rushlight.inference_mode])
def test_decorators_and_nesting(guard):
    @guard()
    def inside(x):
        with rushlight.enable_grad():
            recorded = (x + 1.0).requires_grad
        return (x + 1.0).requires_grad, recorded

    assert inside(leaf(1.0)) == (False, True)
    assert rushlight.is_grad_enabled()


def test_no_grad_around_a_generator_leaves_its_consumer_alone():
    @rushlight.no_grad()
    def steps():
        yield rushlight.is_grad_enabled()
        yield rushlight.is_grad_enabled()

    assert [(flag, rushlight.is_grad_enabled()) for flag in steps()] == [(False, True), (False, True)]


def test_set_grad_enabled_as_function_and_context():
    with rushlight.set_grad_enabled(False):
        assert not rushlight.is_grad_enabled()
    assert rushlight.is_grad_enabled()
    rushlight.set_grad_enabled(False)
    assert not rushlight.is_grad_enabled()
    rushlight.set_grad_enabled(True)


def test_many_live_views_are_noted_without_looking_at_all_of_them_each_time():
    x = rushlight.ones(1000)
    views, lists = [], []
    for i in range(1000):
        views.append(x[i])
        if not lists or lists[-1] is not x._views:  # a new list: the old one was gone through
            lists.append(x._views)
    assert len(lists) < 10
    views.clear()
    for _ in range(3000):
        x[0].sum()
    assert len(x._views) < 100
