"""What shares memory, what `view` refuses, and layouts that are ours to choose."""

import copy

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")

VIEWS = {
    "view": lambda x: x.view(-1),
    "reshape": lambda x: x.reshape(6, 4),
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "squeeze": lambda x: x.squeeze(),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "expand": lambda x: x.unsqueeze(0).expand(2, 2, 3, 4),
    "select": lambda x: x[1],
    "slice": lambda x: x[:, 1:],
    "step": lambda x: x[..., ::2],
    "narrow": lambda x: x.narrow(1, 1, 2),
    "diagonal": lambda x: x.diagonal(0, 1, 2),
    "unfold": lambda x: x.unfold(2, 2, 1),
    "split": lambda x: x.split(1)[1],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "unbind": lambda x: x.unbind(1)[2],
    "movedim": lambda x: x.movedim(0, -1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "as_strided": lambda x: x.as_strided((2, 2), (3, 1), 1),
    "mT": lambda x: x.mT,
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "contiguous": lambda x: x.contiguous(),
    "view of a view": lambda x: x.transpose(0, 1)[1:].unsqueeze(0),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_share_memory_and_have_pytorchs_strides(view):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    ours, theirs = rushlight.tensor(data), torch.tensor(data)
    a, b = view(ours), view(theirs)
    assert tuple(a.shape) == tuple(b.shape)
    assert a.is_contiguous() == b.is_contiguous()
    assert a.storage_offset() == b.storage_offset()
    strides = [(s, t) for s, t, n in zip(a.stride(), b.stride(), a.shape) if n > 1]
    assert all(s == t for s, t in strides)
    ours.add_(100)
    theirs.add_(100)
    np.testing.assert_array_equal(a.numpy(), b.numpy())


COPIES = [
    lambda x: x.clone(),
    lambda x: x.flip(0),
    lambda x: x.repeat(2, 1, 1),
    lambda x: x[[0, 1]],
    lambda x: x[x >= 0],
    lambda x: x.roll(1),
]


@pytest.mark.parametrize("copy", COPIES)
def test_copies_do_not(copy):
    x = rushlight.arange(24.0).reshape(2, 3, 4)
    before = copy(x)
    after = before.tolist()
    x.zero_()
    assert before.tolist() == after


@pytest.mark.parametrize("shape", [(6,), (3, 2), (2, 1, 3)])
def test_view_refuses_strides_that_do_not_allow_it(shape):
    for library in (rushlight, torch):
        x = library.ones(2, 3).t()
        if shape == (3, 2):
            assert x.view(shape).shape == shape
        else:
            with pytest.raises(RuntimeError, match="view size"):
                x.view(shape)


def test_results_whose_layout_is_ours_look_contiguous():
    x = rushlight.nn.functional.conv2d(rushlight.randn(2, 3, 6, 6), rushlight.randn(8, 3, 3, 3))
    for y in (x, x.detach(), x[1], x * 2, x.data):
        assert y.is_contiguous()
        assert y.view(-1).shape == (y.numel(),)


def test_views_follow_when_the_layout_is_settled():
    x = rushlight.nn.functional.conv2d(rushlight.randn(2, 3, 6, 6), rushlight.randn(8, 3, 3, 3))
    channel, row = x[:, 2], x[1, :, 0]
    kept = channel.clone(), row.clone()
    assert x.stride() == (8 * 16, 16, 4, 1)
    assert channel.equal(kept[0])
    assert row.equal(kept[1])
    x.zero_()
    assert not channel.any()
    assert not row.any()


def test_layouts_the_user_chose_are_kept():
    x = rushlight.randn(2, 3, 4, 5).contiguous(memory_format=rushlight.channels_last)
    assert x.is_contiguous(memory_format=rushlight.channels_last)
    assert not x.is_contiguous()
    assert x.stride() == (60, 1, 15, 3)
    assert x.clone().stride() == x.stride()
    array = np.arange(6.0).reshape(2, 3).T
    y = rushlight.from_numpy(array)
    assert y.stride() == (1, 3)
    y[0, 0] = 9
    assert array[0, 0] == 9


def test_dtype_views():
    data = np.arange(8, dtype=np.float32).reshape(2, 4)
    for kind in ("int32", "float64", "int16", "uint8", "complex64"):
        ours = rushlight.tensor(data).view(getattr(rushlight, kind))
        theirs = torch.tensor(data).view(getattr(torch, kind))
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_shape_changes_in_place():
    for library in (rushlight, torch):
        x = library.arange(6.0)
        first = x[0]
        x.resize_(2, 3).t_()
        assert tuple(x.shape) == (3, 2)
        x.unsqueeze_(0).squeeze_().transpose_(0, 1)
        assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert float(first) == 0


def test_old_names():
    assert rushlight.FloatTensor([1, 2]).tolist() == [1.0, 2.0]
    assert rushlight.LongTensor(2, 3).shape == (2, 3)
    assert isinstance(rushlight.ones(2), rushlight.FloatTensor)
    assert not isinstance(rushlight.ones(2), rushlight.LongTensor)
    assert rushlight.ones(2).type() == "torch.FloatTensor"
    assert rushlight.ones(2).new(3).dtype is rushlight.float32


@pytest.mark.parametrize("library", [rushlight, torch], ids=["rushlight", "torch"])
def test_copy_shares_memory_and_is_a_leaf_of_its_own(library):
    weight = library.nn.Parameter(library.ones(2, 3))
    weight.note = "mine"
    (weight * weight).sum().backward()
    twin = copy.copy(weight)
    assert type(twin) is type(weight) and twin.note == "mine" and twin.requires_grad and twin.grad is None
    with library.no_grad():
        twin[0, 0] = 5
    assert weight[0, 0] == 5
    assert copy.copy(weight * 2).is_leaf


@pytest.mark.parametrize("library", [rushlight, torch], ids=["rushlight", "torch"])
def test_matplotlib_draws_tensors_of_two_axes(library):
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots()
    lines = axes.plot(library.arange(4.0), library.ones(4, 3))
    axes.contour(library.arange(3.0), library.arange(4.0), library.rand(4, 3))
    assert [line.get_ydata().tolist() for line in lines] == [[1.0] * 4] * 3
    plt.close(figure)
