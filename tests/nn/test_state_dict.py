"""State dicts against PyTorch's: keys, messages, hooks, versions; and that a failed load changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from both import same

import rushlight
from rushlight import nn


def net(lib: Any, width: int = 2) -> Any:
    class Layer(lib.nn.Module):
        _version = 2

        def __init__(self, n: int) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(lib.ones(n, 3))
            self.register_buffer("mean", lib.zeros(n))
            self.register_buffer("count", lib.tensor(0))
            self.register_buffer("scratch", lib.zeros(n), persistent=False)

    class Net(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = lib.nn.Parameter(lib.ones(width))
            self.layers = lib.nn.ModuleList([Layer(width), Layer(2)])

    return Net()


def changed(lib: Any, state: Any) -> Any:
    return OrderedDict((k, v + 1) for k, v in state.items())


def test_keys_and_metadata() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        state = m.state_dict()
        prefixed = m.state_dict(prefix="model.")
        into = {"own": 1}
        m.state_dict(destination=into)
        kept = m.state_dict(keep_vars=True)
        return (
            dict(state),
            dict(state._metadata),
            list(prefixed),
            dict(prefixed._metadata),
            list(into),
            [state["bias"].requires_grad, kept["bias"].requires_grad, kept["bias"] is m.bias],
            type(state).__name__,
        )

    same(scenario)


def test_memory_is_shared() -> None:
    m = net(rushlight)
    m.state_dict()["bias"]._array[0] = 7
    assert m.bias._array[0] == 7


def test_what_load_returns() -> None:
    same(lambda lib: repr(lib.nn.Linear(1, 1).load_state_dict({"weight": lib.ones(1, 1), "more": 1}, strict=False)))
    same(lambda lib: repr(lib.nn.Linear(1, 1).load_state_dict(lib.nn.Linear(1, 1).state_dict())))


def test_round_trip() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        weight = m.layers[0].weight
        result = m.load_state_dict(changed(lib, m.state_dict()))
        return repr(result), tuple(result), dict(m.state_dict()), m.layers[0].weight is weight

    same(scenario)


def wrong(lib: Any, m: Any) -> dict[str, Any]:
    """State dicts that do not fit, by what is wrong with them."""
    state = dict(changed(lib, m.state_dict()))
    return {
        "missing": {k: v for k, v in state.items() if "weight" not in k},
        "unexpected": {**state, "more": lib.ones(1), "layers.0.more.x": lib.ones(1), "layers.7.weight": lib.ones(1)},
        "shape": {**state, "bias": lib.ones(5), "layers.1.weight": lib.ones(2, 4)},
        "all": {"bias": lib.ones(5), "more": lib.ones(1), "layers.0.mean": lib.ones(2)},
        "kind": {**state, "bias": [1.0, 2.0]},
        "extra state": {**state, "_extra_state": 3},
        "scalar of older versions": {**state, "layers.0.count": lib.ones(1)},
        "scalar of two": {**state, "layers.0.count": lib.ones(2)},
    }


CASES = ["missing", "unexpected", "shape", "all", "kind", "extra state", "scalar of older versions", "scalar of two"]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit(case: str, strict: bool) -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        return tuple(m.load_state_dict(wrong(lib, m)[case], strict=strict)), dict(m.state_dict())

    same(scenario)


@pytest.mark.parametrize("case", [c for c in CASES if c != "scalar of older versions"])
@pytest.mark.parametrize("hooked", [False, True])
def test_a_failed_load_changes_nothing(case: str, hooked: bool) -> None:
    m = net(rushlight)
    if hooked:
        m.layers[0].register_load_state_dict_post_hook(lambda mod, keys: None)
    before = {k: v.numpy().copy() for k, v in m.state_dict().items()}
    parameters = list(m.parameters())
    with pytest.raises(RuntimeError, match="Error\\(s\\) in loading state_dict for Net"):
        m.load_state_dict(wrong(rushlight, m)[case])
    for key, value in m.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert all(a is b for a, b in zip(parameters, m.parameters()))


def test_a_failed_load_by_assignment_changes_nothing() -> None:
    m = net(rushlight)
    m.layers[0].register_load_state_dict_post_hook(lambda mod, keys: None)
    bias = m.bias
    with pytest.raises(RuntimeError, match="Missing"):
        m.load_state_dict({"bias": rushlight.zeros(2)}, assign=True)
    assert m.bias is bias and m.bias.tolist() == [1.0, 1.0]


def test_dtypes_are_converted() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        state = {k: v.double() + 0.25 for k, v in m.state_dict().items()}
        m.load_state_dict(state)
        return {k: (str(v.dtype), v) for k, v in m.state_dict().items()}

    same(scenario)


def test_assign() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m.bias.requires_grad_(False)
        state = changed(lib, m.state_dict())
        state["layers.0.weight"] = lib.nn.Parameter(lib.zeros(2, 3, dtype=lib.float64))
        m.load_state_dict(state, assign=True)
        return (
            m.layers[0].weight is state["layers.0.weight"],
            m.layers[0].mean is state["layers.0.mean"],
            m.bias.requires_grad,
            isinstance(m.bias, lib.nn.Parameter),
            dict(m.state_dict()),
        )

    same(scenario)


def test_extra_state() -> None:
    def scenario(lib: Any) -> Any:
        class Counting(lib.nn.Module):
            count = 3

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"] + 1

        m = lib.nn.Sequential(Counting())
        state = m.state_dict()
        m.load_state_dict(state)
        missing = m.load_state_dict({}, strict=False)
        return dict(state), m[0].count, tuple(missing)

    same(scenario)


def test_save_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        m = net(lib)
        m.register_state_dict_pre_hook(lambda mod, prefix, keep: seen.append((prefix, keep)))
        m.layers[0].register_state_dict_post_hook(lambda mod, state, prefix, meta: state.update({prefix + "x": 1}))
        handle = m._register_state_dict_hook(lambda mod, state, prefix, meta: OrderedDict(only=list(state)))
        first = dict(m.state_dict())
        handle.remove()
        return first, list(m.state_dict()), seen

    same(scenario)


def test_a_post_hook_that_returns() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m.register_state_dict_post_hook(lambda mod, state, prefix, meta: state)
        m.state_dict()

    same(scenario)


def test_load_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        m = net(lib)
        layer = m.layers[0]

        def rename(module: Any, state: Any, prefix: str, meta: Any, strict: bool, *lists: Any) -> None:
            seen.append((module is layer, prefix, dict(meta), strict))
            state[prefix + "weight"] = state.pop(prefix + "kernel")

        layer.register_load_state_dict_pre_hook(rename)
        layer._register_load_state_dict_pre_hook(lambda state, prefix, *a: seen.append(prefix))
        m.register_load_state_dict_post_hook(lambda mod, keys: seen.append((mod is m, list(keys.missing_keys))))
        m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
        state = changed(lib, m.state_dict())
        state["layers.0.kernel"] = state.pop("layers.0.weight")
        del state["bias"]
        return tuple(m.load_state_dict(state)), seen, dict(m.state_dict())

    same(scenario)


def test_a_load_hook_that_returns() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m.register_load_state_dict_post_hook(lambda mod, keys: keys)
        m.load_state_dict(m.state_dict())

    same(scenario)


def test_load_overridden() -> None:
    """The usual way of reading older checkpoints: change the dict, then call the base class."""

    def scenario(lib: Any) -> Any:
        class Old(lib.nn.Module):
            _version = 3

            def __init__(self) -> None:
                super().__init__()
                self.weight = lib.nn.Parameter(lib.ones(2))

            def _load_from_state_dict(self, state: Any, prefix: str, meta: Any, *rest: Any) -> None:
                if meta.get("version", 1) < 3:
                    state[prefix + "weight"] = state.pop(prefix + "w")
                super()._load_from_state_dict(state, prefix, meta, *rest)

        m = lib.nn.Sequential(Old())
        return tuple(m.load_state_dict({"0.w": lib.zeros(2)})), m[0].weight

    same(scenario)


def test_values_come_at_once_when_called_by_hand() -> None:
    m = nn.ParameterList([rushlight.ones(2)])
    m._load_from_state_dict({"0": rushlight.zeros(2)}, "", {}, True, [], [], [])
    assert m[0].tolist() == [0.0, 0.0]


def test_writing_is_noticed_by_the_tape() -> None:
    weight = nn.Parameter(rushlight.ones(2))
    m = nn.ParameterList([weight])
    y = (weight * weight).sum()
    m.load_state_dict({"0": rushlight.zeros(2)})
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
