"""Tensors made of Python's data: exact in the dtype that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from tests.both import same, torch


def test_floats_are_rounded_once():
    """Not to the default dtype first."""
    assert rushlight.tensor([0.1, 1e300], dtype=rushlight.float64).tolist() == [0.1, 1e300]
    assert rushlight.tensor(0.1j, dtype=rushlight.complex128).item() == 0.1j
    assert rushlight.tensor([0.1]).dtype == rushlight.float32


@pytest.mark.parametrize("value, spec, text", [(2, "", "2"), (0.5, ".2f", "0.50")])
def test_a_single_number_is_formatted_as_one(value, spec, text):
    assert format(rushlight.tensor(value), spec) == text


def test_broadcast_tensors_gives_back_what_has_the_shape():
    wide, number = rushlight.ones(2, 3), rushlight.tensor(1.0)
    a, b = rushlight.broadcast_tensors(wide, number)
    assert a is wide and tuple(b.shape) == (2, 3)


@pytest.mark.parametrize("name", ["zeros", "ones", "empty", "rand", "randn"])
def test_size_by_name(name):
    assert getattr(rushlight, name)(size=(2, 3)).shape == getattr(torch, name)(size=(2, 3)).shape
    assert getattr(rushlight, name)(size=[2], dtype=rushlight.float64).shape == (2,)


@pytest.mark.parametrize("name", ["new_zeros", "new_ones", "new_empty"])
def test_size_by_name_of_methods(name):
    assert getattr(rushlight.ones(1), name)(size=(2, 3)).shape == getattr(torch.ones(1), name)(size=(2, 3)).shape


def one(library, value=2.0, **options):
    return library.tensor([value], **options)


NESTED = {
    "of one element": lambda t: [one(t), one(t)],
    "deeper": lambda t: [[one(t)], [one(t).reshape(1, 1)]],
    "after numbers": lambda t: [1, one(t)],
    "before numbers": lambda t: [one(t), 3],
    "of none": lambda t: [[t.tensor(1), t.tensor(2)], (t.tensor(3), 4)],
    "of several dtypes": lambda t: [t.tensor(1), t.tensor(2.5), t.tensor(True)],
    "small integers": lambda t: [t.tensor(1, dtype=t.int8), 2],
    "half": lambda t: [t.tensor(1, dtype=t.float16), 2.5],
    "double": lambda t: [t.tensor(0.1, dtype=t.float64), 2.5],
    "NumPy numbers": lambda t: [np.float32(0.1), 2.5],
}


@pytest.mark.parametrize("name", NESTED)
def test_tensors_in_lists_are_numbers(name):
    """Whatever their number of dimensions, as PyTorch has it."""
    same(lambda t: (t.tensor(NESTED[name](t)), str(t.tensor(NESTED[name](t)).dtype)))
    same(lambda t: t.tensor(NESTED[name](t), dtype=t.float64))
    same(lambda t: t.as_tensor(NESTED[name](t)))


@pytest.mark.parametrize("name", ["two", "none", "later", "nothing", "dictionary"])
def test_what_is_no_number_is_refused(name):
    data = {
        "two": lambda t: [t.tensor([1.0, 2.0])],
        "none": lambda t: [t.tensor([])],
        "later": lambda t: [1.0, t.tensor([1.0, 2.0])],
        "nothing": lambda t: [None],
        "dictionary": lambda t: {1: 2},
    }[name]
    same(lambda t: t.tensor(data(t)), message=False)
    with pytest.raises((ValueError, RuntimeError), match="tensor: (only one element|Could not infer dtype of)"):
        rushlight.tensor(data(rushlight))
