"""summary: shapes, counts and totals of models, which stay as they were."""

from __future__ import annotations

import pytest

import rushlight
from rushlight import nn


class Twice(nn.Module):
    """Calls one layer twice, and one never."""

    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x, y):
        return {"one": self.used(x), "two": (self.used(y), None)}


def test_shapes_parameters_flops_and_memory():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.Linear(144, 2)))
    model[0].weight.requires_grad_(False)
    found = rushlight.summary(model, (5, 1, 8, 8))
    rows = {a.path: (a.kind, a.depth, a.output, a.parameters, a.flops) for a in found.layers}
    conv, linear = 2 * 5 * 4 * 36 * 9, 2 * 5 * 144 * 2
    assert rows == {
        "": ("Sequential", 0, [(5, 2)], 338, conv + linear),
        "0": ("Conv2d", 1, [(5, 4, 6, 6)], 40, conv),
        "1": ("BatchNorm2d", 1, [(5, 4, 6, 6)], 8, 0),
        "2": ("Sequential", 1, [(5, 2)], 290, linear),
        "2.0": ("Flatten", 2, [(5, 144)], 0, 0),
        "2.1": ("Linear", 2, [(5, 2)], 290, linear),
    }
    assert (found.parameters, found.trainable, found.flops) == (338, 302, conv + linear)
    assert found.parameter_bytes == 338 * 4 + 2 * 4 * 4 + 8
    assert found.activation_bytes == 4 * (3 * 5 * 144 + 10)


def test_layers_called_twice_or_never():
    found = rushlight.summary(Twice(), rushlight.ones(2, 3), rushlight.ones(4, 3))
    whole, used, idle = found.layers
    assert whole.output == [(2, 3), (4, 3)] and used.flops == 2 * 6 * 9 and used.memory == 6 * 3 * 4
    assert idle.output == [] and idle.flops == 0 and "not called" in str(found)


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout())
    model[2].eval()
    state, before = {name: t.clone() for name, t in model.state_dict().items()}, rushlight.get_rng_state()
    rushlight.summary(model, (4, 3))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all(rushlight.equal(t, state[name]) for name, t in model.state_dict().items())
    assert rushlight.equal(rushlight.get_rng_state(), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_shared_parameters_count_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert rushlight.summary(model, (1, 3)).parameters == 15


def test_it_needs_an_input_and_what_goes_wrong_is_told():
    with pytest.raises(TypeError, match="no input is given"):
        rushlight.summary(nn.Linear(1, 1))
    model = nn.Linear(3, 3)
    with pytest.raises(RuntimeError, match="Linear"):
        rushlight.summary(model, (2, 4))
    assert not model._forward_hooks and model.training
