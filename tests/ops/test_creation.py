"""Tensors made of Python's data: exact in the dtype that is asked for."""

from __future__ import annotations

import pytest

import rushlight

torch = pytest.importorskip("torch")


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
