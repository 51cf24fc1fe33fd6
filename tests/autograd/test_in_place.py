"""Writing in place to tensors of the graph, through views and views of views: values and gradients equal PyTorch's.

Each scenario is run by both libraries with the same leaves; what it returns is weighted and differentiated.
"""

import numpy as np
import pytest

import rushlight
from rushlight.autograd.tape import steps

torch = pytest.importorskip("torch")

SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


def run(function, library):
    rng = np.random.default_rng(0)
    leaves = [library.tensor(rng.standard_normal((3, 4)), requires_grad=True) for _ in range(2)]
    outputs = function(library, *leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = sum((out * library.tensor(rng.standard_normal(tuple(out.shape)))).sum() for out in outputs)
    loss.backward()
    grads = [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return [out.detach().numpy() for out in outputs], grads


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda f: f.__name__)
def test_scenario(function):
    ours, our_grads = run(function, rushlight)
    theirs, their_grads = run(function, torch)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for a, b in zip(our_grads, their_grads):
        zero = np.zeros((3, 4))
        np.testing.assert_allclose(zero if a is None else a, zero if b is None else b, rtol=1e-10)


def named(name):
    def decorate(function):
        function.__name__ = name
        return scenario(function)

    return decorate


# -------------------------------------------------------------------------------------------- operators on the whole

UNARY = ["exp", "sin", "sigmoid", "tanh", "square", "neg", "abs", "relu", "sqrt"]
for name in UNARY:

    @named(f"unary {name}")
    def _(library, x, y, name=name):
        z = x.abs() + 1
        getattr(z, name + "_")()
        return z * y


for name in ["add", "sub", "mul", "div", "pow", "atan2", "copysign", "fmod"]:

    @named(f"binary {name}")
    def _(library, x, y, name=name):
        z = x.abs() + 1
        getattr(z, name + "_")(y.abs() + 1)
        return z


@scenario
def operator_symbols(library, x, y):
    z = x * 1
    z += y
    z *= 3
    z -= x
    z /= y.exp()
    return z


@scenario
def constant_becomes_recorded(library, x, y):
    z = library.zeros(3, 4, dtype=library.float64)
    z += x
    z.mul_(y)
    return z


@scenario
def value_needs_the_old_operand(library, x, y):
    z = library.full((3, 4), 2.0, dtype=library.float64)
    z.mul_(y)
    return z


@scenario
def broadcast_operand(library, x, y):
    z = x * 1
    z.mul_(y[0])
    z.add_(y[:, :1])
    return z


@scenario
def clamp_and_fill(library, x, y):
    z = x * 2
    z.clamp_(-1, 1)
    w = y * 2
    w.fill_(3)
    return z + w


@scenario
def fill_with_tensor(library, x, y):
    z = x * 2
    z.fill_(y[0, 0])
    return z


@scenario
def zero(library, x, y):
    z = x * 2
    z.zero_()
    return z + y


@scenario
def copy(library, x, y):
    z = x * 2
    z.copy_(y)
    return z * x


@scenario
def copy_broadcast(library, x, y):
    z = x * 2
    z.copy_(y[0])
    return z


@scenario
def copy_of_another_dtype(library, x, y):
    z = library.zeros(3, 4)
    z.copy_(y)
    return z.double() * x


@scenario
def masked_fill(library, x, y):
    z = x * 2
    z.masked_fill_(x > 0, 1.5)
    return z * y


@scenario
def index_operators(library, x, y):
    z = x * 2
    index = library.tensor([2, 0])
    z.index_add_(0, index, y[:2])
    z.index_copy_(1, index, y[:, :2])
    z.index_fill_(0, library.tensor([1]), 7)
    z.index_put_((index, index), y[0, :2])
    return z


@scenario
def scatter_operators(library, x, y):
    z = x * 2
    z.scatter_(1, library.tensor([[1], [0], [3]]), y[:, :1])
    z.scatter_add_(0, library.tensor([[0, 0, 1, 2]]), y[:1])
    return z


@scenario
def lerp_addcmul(library, x, y):
    z = x * 2
    z.lerp_(y, 0.3)
    z.addcmul_(x, y, value=2)
    z.addcdiv_(x, y.abs() + 1)
    return z


@scenario
def random(library, x, y):
    z = x * 2
    z.normal_()
    z.mul_(0)
    return z + y


@scenario
def triangle(library, x, y):
    z = x * 2
    z.tril_()
    return z * y


@scenario
def matrix_product(library, x, y):
    z = (x * 2).mm(y.t())
    z.addmm_(x, y.t(), alpha=2)
    return z


# --------------------------------------------------------------------------------------------------------- assignment


@scenario
def assign_slice(library, x, y):
    z = x * 2
    z[1:] = y[:2]
    return z


@scenario
def assign_number(library, x, y):
    z = x * 2
    z[:, 0] = 5
    return z * y


@scenario
def assign_broadcast(library, x, y):
    z = x * 2
    z[1:] = y[0]
    z[:, 1] = y[0, 0]
    return z


@scenario
def assign_mask(library, x, y):
    z = x * 2
    z[x > 0] = y[x > 0] * 3
    z[z < 0] = 0
    return z


@scenario
def assign_integers(library, x, y):
    z = x * 2
    z[[0, 2], [1, 1]] = y[0, :2]
    z[library.tensor([0, 1])] += y[:2]
    return z


@scenario
def assign_in_a_loop(library, x, y):
    z = library.zeros(5, 3, 4, dtype=library.float64)
    h = x
    for t in range(5):
        h = library.tanh(h * y)
        z[t] = h
    return z


@scenario
def assign_from_itself(library, x, y):
    z = x * 2
    for i in range(1, 3):
        z[i] = z[i - 1].clone() * y[i]
    return z


@scenario
def assign_overlapping(library, x, y):
    z = x * 2
    z[1:] = z[:-1].clone()
    return z * y


@scenario
def augmented_slice(library, x, y):
    z = x * 2
    z[1:, ::2] += y[:2, :2]
    z[0] *= y[0]
    return z


@scenario
def assign_into_constant(library, x, y):
    z = library.zeros(3, 4, dtype=library.float64)
    z[0] = x[1]
    z[2, 1:] = y[0, 1:]
    return z * y


@scenario
def assign_leading_ones(library, x, y):
    z = x * 2
    z[0] = y[0].reshape(1, 1, 4)
    return z


# --------------------------------------------------------------------------------------------------------------- views


@scenario
def write_view(library, x, y):
    z = x * 2
    v = z[1]
    v.mul_(y[0])
    return z, v * 1


@scenario
def write_base_read_view(library, x, y):
    z = x * 2
    v = z[1]
    z.mul_(y)
    return v * 3


@scenario
def write_base_read_two_views(library, x, y):
    z = x * 2
    a, b = z[1], z[:, 2]
    z.mul_(y)
    a.add_(1)
    return a * b[0], z * 1, b * 2


@scenario
def view_of_view(library, x, y):
    z = x * 2
    v = z.t()[1:]
    w = v[:, 0]
    w.mul_(y[0, 1:])
    return z, v * 1, w * 2


@scenario
def view_of_view_of_view(library, x, y):
    z = x * 2
    v = z.view(2, 6).transpose(0, 1)[2:].unsqueeze(0)
    v.mul_(3)
    z.add_(y)
    return z, v * 2


@scenario
def reshaped(library, x, y):
    z = x * 2
    z.view(-1)[3:7] = y.reshape(-1)[:4]
    return z


@scenario
def permuted(library, x, y):
    z = x * 2
    z.t().mul_(y.t())
    return z


@scenario
def diagonal(library, x, y):
    z = x * 2
    z.diagonal().fill_(1.0)
    z.diagonal(1).mul_(y[0, :3])
    return z


@scenario
def expanded_base(library, x, y):
    z = x * 2
    wide = z.unsqueeze(0).expand(2, 3, 4)
    z.mul_(y)
    return wide * 1


@scenario
def unfolded_view(library, x, y):
    z = (x * 2).view(-1)
    windows = z.unfold(0, 4, 2)
    z.mul_(y.reshape(-1))
    return windows * 1


@scenario
def narrow_select(library, x, y):
    z = x * 2
    z.narrow(1, 1, 2).mul_(y[:, :2])
    z.select(0, 2).add_(y[0])
    return z


@scenario
def write_through_reshape_that_copies(library, x, y):
    z = x * 2
    z.t().reshape(-1).mul_(5)
    return z


@scenario
def view_of_constant(library, x, y):
    z = library.zeros(3, 4, dtype=library.float64)
    v = z[1]
    v.add_(x[0])
    v.mul_(y[0])
    return z, v * 1


@scenario
def many_writes_to_one_view(library, x, y):
    z = x * 2
    v = z[:, 1:3]
    for i in range(3):
        v.mul_(y[:, :2]).add_(i)
    return z * v.sum()


@scenario
def old_value_used_before(library, x, y):
    z = x * 2
    before = z + y
    z.mul_(3)
    return before * z


@scenario
def complicated(library, x, y):
    z = (x * 2).view(4, 3)
    a = z[1:]
    b = a.t()
    a[0] = y[0, :3]
    b[1].mul_(2)
    z.sub_(1)
    c = b[:, 1:] * a[1:].t()
    return c, z * 1


@scenario
def transposed_in_place(library, x, y):
    z = x * 2
    v = z[0]
    z.t_()
    z.mul_(y.t())
    z[0] = 1
    return z, v * 1


@scenario
def dimensions_in_place(library, x, y):
    z = x * 2
    z.unsqueeze_(0).transpose_(0, 2)
    z.mul_(y.t().unsqueeze(-1))
    z.squeeze_()
    return z


# ---------------------------------------------------------------------------------------------------------- no_grad


@scenario
def write_without_recording(library, x, y):
    z = x * 2
    with library.no_grad():
        z.mul_(3)
    return z + y


@scenario
def view_without_recording_write_data(library, x, y):
    z = x * 2
    z.data[0] = 7
    return z + y


@scenario
def leaf_updated_without_recording(library, x, y):
    with library.no_grad():
        x -= 0.1 * y
        x[0] = 1
    return x * y


@scenario
def data_is_not_watched(library, x, y):
    z = x * 2
    w = z * z
    z.data.mul_(3)
    return w


@scenario
def detached_view(library, x, y):
    z = x * 2
    d = z.detach()
    d[0] = 5
    return z + y


# ------------------------------------------------------------------------------------------------------------- errors

REFUSED = []


def refused(match):
    def decorate(function):
        REFUSED.append(pytest.param(function, match, id=function.__name__))
        return function

    return decorate


@refused("leaf Variable that requires grad")
def leaf(library, x, y):
    x.add_(1)


@refused("view of a leaf Variable that requires grad")
def view_of_leaf(library, x, y):
    x[0].add_(1)


@refused("leaf Variable that requires grad")
def assign_to_leaf(library, x, y):
    x[0] = 1


@refused("leaf Variable that requires grad")
def fill_leaf(library, x, y):
    x.normal_()


@refused("modified by an inplace operation")
def saved_operand(library, x, y):
    z = x * 2
    w = z * z
    z.add_(1)
    w.sum().backward()


@refused("modified by an inplace operation")
def saved_result(library, x, y):
    z = x.exp()
    z.add_(1)
    z.sum().backward()


@refused("modified by an inplace operation")
def saved_through_view(library, x, y):
    z = x * 2
    w = z.sin()
    z[0].add_(1)
    w.sum().backward()


@refused("modified by an inplace operation")
def saved_view(library, x, y):
    z = x * 2
    w = z[0] * z[0]
    z.zero_()
    w.sum().backward()


@refused("modified by an inplace operation")
def saved_written_without_recording(library, x, y):
    z = x * 2
    w = z.sin()
    with library.no_grad():
        z.add_(1)
    w.sum().backward()


@refused("modified by an inplace operation")
def saved_written_by_detached(library, x, y):
    z = x * 2
    w = z.sin()
    z.detach().add_(1)
    w.sum().backward()


@refused("modified by an inplace operation")
def parameter_stepped_before_backward(library, x, y):
    w = (x * y).sum()
    with library.no_grad():
        x.add_(1)
    w.backward()


@refused("is a view and is being modified inplace")
def split_output(library, x, y):
    (x * 2).split(1)[0].add_(1)


@refused("is a view and is being modified inplace")
def unbind_output(library, x, y):
    (x * 2).unbind()[0].add_(1)


@refused("more than one element of the written-to tensor refers to a single memory location")
def expanded(library, x, y):
    (x[:1] * 2).expand(3, 4).add_(1)


@refused("doesn't match the broadcast shape")
def result_is_larger(library, x, y):
    (x[0] * 2).add_(y)


@refused("can't be cast to the desired output type")
def result_of_another_kind(library, x, y):
    library.ones(3, 4, dtype=library.int64).add_(y.detach())


@pytest.mark.parametrize(("function", "match"), REFUSED)
@pytest.mark.parametrize("library", [rushlight, torch], ids=["rushlight", "torch"])
def test_refused(function, match, library):
    x, y = (library.ones(3, 4, dtype=library.float64, requires_grad=True) for _ in range(2))
    with pytest.raises(RuntimeError, match=match):
        function(library, x, y)


def test_failed_write_changes_nothing():
    x = rushlight.ones(3, requires_grad=True) * 2
    for attempt in (
        lambda: x.add_(rushlight.ones(2, 3)),
        lambda: x.__setitem__(5, 1),
        lambda: x.copy_(rushlight.ones(2)),
    ):
        edge = x._edge
        with pytest.raises((RuntimeError, IndexError)):
            attempt()
        assert x._edge is edge
        assert x.tolist() == [2, 2, 2]


def test_second_derivatives_through_writes():
    def function(library, x, y):
        z = x * 2
        z[1:] = (y * y)[:2]
        v = z.t()[0]
        v.mul_(x[:, 1] * y[:, 0])
        z.sin_()
        return z.sum()

    found = []
    for library in (rushlight, torch):
        rng = np.random.default_rng(1)
        x, y = (library.tensor(rng.standard_normal((3, 4)), requires_grad=True) for _ in range(2))
        dx, dy = library.autograd.grad(function(library, x, y), (x, y), create_graph=True)
        found.append([g.numpy() for g in library.autograd.grad((dx * dy).sum(), (x, y))])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_pieces_follow_their_base():
    """PyTorch refuses to use them after the base was written to."""
    x, y = (rushlight.tensor(np.arange(12.0).reshape(3, 4) + i, requires_grad=True) for i in range(2))
    z = x * 2
    left, _ = z.split(2, 1)
    rows = z.unbind(0)
    z.mul_(y)
    (left * 1).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), np.where([True, True, False, False], 2 * y.detach().numpy(), 0))
    x.grad = None
    (rows[1] * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[1], 6 * y.detach().numpy()[1])


def test_view_that_only_an_unusual_layout_allows():
    """The base lies channels-last in memory, so the reshape is a view of it; in row-major order it would be a copy."""
    leaf = rushlight.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    base = leaf.permute(0, 2, 1).contiguous().permute(0, 2, 1) * 2
    flat = base.permute(0, 2, 1).reshape(2, 12)
    assert np.shares_memory(flat._array, base._array)
    flat[:, 1].mul_(3)
    base.sum().backward()
    expected = np.full((2, 3, 4), 2.0)
    expected[:, 1, 0] = 6
    np.testing.assert_array_equal(leaf.grad.numpy(), expected)


def test_random_programs():
    """Random sequences of views and writes."""

    def steps(seed):
        rng = np.random.default_rng(seed)
        return [(int(rng.integers(6)), int(rng.integers(100)), float(rng.uniform(0.5, 1.5))) for _ in range(8)]

    def program(library, x, y, plan):
        tensors = [x * 2, y * 3]
        for kind, pick, number in plan:
            z = tensors[pick % len(tensors)]
            other = tensors[(pick // 7) % len(tensors)]
            if kind == 0 and z.ndim:
                tensors.append(z[pick % z.shape[0]])
            elif kind == 1 and z.ndim == 2:
                tensors.append(z.t())
            elif kind == 2:
                z.mul_(number)
            elif kind == 3 and z.ndim:
                z[: pick % 3] = number
            elif kind == 4:
                z.add_(other.clone().sum() * number)
            elif z.ndim:
                z[-1] = other.clone().mean() * number
        return tuple(t * 1 for t in tensors)

    for seed in range(150):
        plan = steps(seed)
        ours, our_grads = run(lambda library, x, y: program(library, x, y, plan), rushlight)
        theirs, their_grads = run(lambda library, x, y: program(library, x, y, plan), torch)
        for a, b in zip(ours + our_grads, theirs + their_grads):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=f"seed {seed}: {plan}")


def test_a_long_chain_of_views_takes_little_memory():
    """Each view notes one step; the way to its base is shared with the view before it."""
    x = rushlight.zeros(4)
    y = x
    for _ in range(20_000):
        y = y.view(4)
    y += 1
    assert x.tolist() == [1, 1, 1, 1] and len(steps(y._path)) == 20_000
    assert y._path[0] is not None and len(y._path) == 3
