"""Corners of PyTorch that programs use, beside PyTorch's own."""

import pytest

import rushlight
from tests.both import same


@pytest.mark.parametrize("name", ["sin_", "exp_", "zero_", "fill_", "clamp_"])
def test_methods_in_place_as_functions(name):
    arguments = {"fill_": (3,), "clamp_": (0, 0.5)}.get(name, ())
    same(lambda t: getattr(t, name)(t.ones(2) * 0.75, *arguments), message=False)


def test_max_pool_at_the_root():
    same(lambda t: t.max_pool2d(t.arange(16.0).reshape(1, 1, 4, 4), 2, 2))


def test_where_gradients_are_added_up():
    def look(t):
        x = t.ones(2, requires_grad=True)
        ((accumulate, index), rest) = (x * 2).grad_fn.next_functions
        calls = []
        accumulate.register_hook(lambda *grads: calls.append(1))
        (x * 2).sum().backward()
        return accumulate.next_functions, index, rest, accumulate.variable is x, accumulate.name(), calls

    same(look)


def test_a_replaced_backward_is_called_again_where_a_device_is_chosen():
    def count(t):
        calls, original = [], t.Tensor.backward

        def counting(self, *args, **kwargs):
            calls.append(1)
            return original(self, *args, **kwargs)

        x = t.ones(2, requires_grad=True)
        t.Tensor.backward = counting
        try:
            x.sum().backward()
            with t.device("cpu"):
                x.sum().backward()
            t.set_default_device("cpu")
            x.sum().backward()
        finally:
            t.set_default_device(None)
            t.Tensor.backward = original
        return len(calls), x.grad

    same(count)


def test_gradients_by_name_and_the_argument_of_old():
    """What gradients are asked for may be a dict; `only_inputs` stands where it always stood, before allow_unused."""

    def scenario(t):
        x, unused = t.ones(2, requires_grad=True), t.ones(1, requires_grad=True)
        y = (x * 3).sum()
        by_name = t.autograd.grad(y, {"x": x, "unused": unused}, None, True, False, True, True)
        return by_name["x"], by_name["unused"], t.autograd.grad(y, x, retain_graph=True, only_inputs=True)

    same(scenario)
    x = rushlight.ones(2, requires_grad=True)
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        rushlight.autograd.grad(x.sum(), x, only_inputs=False)


def test_a_tensor_that_shares_no_elements_can_be_written_to():
    def write(t):
        x = t.arange(3.0)
        x.expand(1, -1).copy_(t.ones(1, 3))
        return x

    same(write)
    same(lambda t: t.ones(2, 1).expand(2, 3).add_(1), message=False)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        rushlight.ones(2, 1).expand(2, 3)[:] = 1
