"""Collation and conversion of every container, against PyTorch's."""

from __future__ import annotations

from collections import OrderedDict, UserDict, UserList, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")
Point = namedtuple("Point", "x y")


class Tagged(dict):
    """A dict with an attribute, which a batch of it keeps."""

    tag = "none"


def tagged(**entries):
    made = Tagged(entries)
    made.tag = "mine"
    return made


def tensor(t, values, dtype=np.float32):
    return t.from_numpy(np.array(values, dtype))


BATCHES = {
    "floats": lambda t: [1.0, 2.0],
    "integers": lambda t: [1, 2],
    "bools": lambda t: [True, False],
    "mixed numbers": lambda t: [1, 2.5],
    "texts": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "tensors": lambda t: [tensor(t, [1, 2]), tensor(t, [3, 4])],
    "0-d tensors": lambda t: [tensor(t, 1, np.int64), tensor(t, 3, np.int64)],
    "arrays": lambda t: [np.array([1, 2], np.int16), np.array([3, 4], np.int16)],
    "0-d arrays": lambda t: [np.array(1.5), np.array(2.5)],
    "numpy floats": lambda t: [np.float32(1), np.float32(2)],
    "numpy doubles": lambda t: [np.float64(1), np.float64(2)],
    "numpy integers": lambda t: [np.int32(1), np.int32(2)],
    "numpy bools": lambda t: [np.bool_(True), np.bool_(False)],
    "tuples": lambda t: [(1, 2.0, "a"), (3, 4.0, "b")],
    "lists": lambda t: [[1, 2], [3, 4]],
    "named tuples": lambda t: [Point(1, "a"), Point(2, "b")],
    "dicts": lambda t: [{"a": 1, "b": [1.0]}, {"a": 2, "b": [2.0]}],
    "ordered dicts": lambda t: [OrderedDict(a=1, b=2), OrderedDict(a=3, b=4)],
    "default dicts": lambda t: [defaultdict(int, a=1), defaultdict(int, a=2)],
    "proxies": lambda t: [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    "tagged dicts": lambda t: [tagged(a=1), tagged(a=2)],
    "user dicts": lambda t: [UserDict(a=1), UserDict(a=2)],
    "user lists": lambda t: [UserList([1, 2]), UserList([3, 4])],
    "ranges": lambda t: [range(2), range(2)],
    "nested": lambda t: [({"x": tensor(t, [1.0])}, [(1, "u")]), ({"x": tensor(t, [2.0])}, [(2, "v")])],
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches_equal_pytorchs(name, plain):
    ours = rushlight.utils.data.default_collate(BATCHES[name](rushlight))
    theirs = torch.utils.data.default_collate(BATCHES[name](torch))
    assert plain(ours) == plain(theirs)
    assert getattr(ours, "tag", None) == getattr(theirs, "tag", None)


@pytest.mark.parametrize("name", BATCHES)
def test_conversions_equal_pytorchs(name, plain):
    ours = rushlight.utils.data.default_convert(BATCHES[name](rushlight)[0])
    theirs = torch.utils.data.default_convert(BATCHES[name](torch)[0])
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize("value", [np.array(["a", "b"]), np.array([object()]), None, {1, 2}])
def test_what_is_not_converted_stays(value, library):
    assert library.utils.data.default_convert(value) is value


REFUSED = {
    "sets": (lambda t: [{1}, {2}], TypeError, "batch must contain tensors"),
    "nothing": (lambda t: [None, None], TypeError, "NoneType"),
    "text arrays": (lambda t: [np.array(["a"]), np.array(["b"])], TypeError, "batch must contain"),
    "lengths": (lambda t: [[1, 2], [3]], RuntimeError, "should be of equal size"),
    "shapes": (
        lambda t: [tensor(t, [1, 2]), tensor(t, [1])],
        RuntimeError,
        r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[1\] at entry 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, library):
    make, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text):
        library.utils.data.default_collate(make(library))


def test_a_map_of_ones_own(plain):
    from torch.utils.data._utils import collate as theirs

    from rushlight.utils.data import collate as ours

    class Money:
        def __init__(self, cents):
            self.cents = cents

    results = []
    for module in (ours, theirs):
        functions = {Money: lambda batch, *, collate_fn_map=None: sum(m.cents for m in batch)}
        batch = [(Money(3), {"a": Money(1)}), (Money(4), {"a": Money(2)})]
        results.append(plain(module.collate(batch, collate_fn_map=functions)))
        with pytest.raises(TypeError):
            module.collate([1.0], collate_fn_map=functions)
    assert results[0] == results[1]


def test_gradients_reach_the_samples():
    samples = [rushlight.ones(2, requires_grad=True) for _ in range(3)]
    rushlight.utils.data.default_collate(samples).sum().backward()
    assert all(s.grad.tolist() == [1, 1] for s in samples)
