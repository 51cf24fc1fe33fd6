"""The containers against PyTorch's, method by method."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from both import same


def layer(lib: Any, name: str = "") -> Any:
    """A module that adds a constant and shows its name."""

    class Layer(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            return x + len(name)

        def extra_repr(self) -> str:
            return name

    return Layer()


def names(module: Any) -> list[tuple[str, str]]:
    return [(n, repr(m)) for n, m in module.named_children()]


def sequential(lib: Any, text: str = "abc") -> Any:
    return lib.nn.Sequential(*(layer(lib, c) for c in text))


SEQUENTIAL = {
    "call": lambda lib, s: s(lib.ones(2)),
    "named": lambda lib, s: lib.nn.Sequential(OrderedDict(x=layer(lib, "x"), y=layer(lib, "y"))),
    "index": lambda lib, s: (s[0], s[-1], s[lib.tensor(1)]),
    "slice": lambda lib, s: s[1:],
    "index too large": lambda lib, s: s[3],
    "assign": lambda lib, s: s.__setitem__(1, layer(lib, "z")),
    "assign too large": lambda lib, s: s.__setitem__(3, layer(lib, "z")),
    "delete": lambda lib, s: s.__delitem__(0),
    "delete slice": lambda lib, s: s.__delitem__(slice(0, 2)),
    "append": lambda lib, s: s.append(layer(lib, "d")),
    "append a number": lambda lib, s: s.append(3),
    "extend": lambda lib, s: s.extend([layer(lib, "d"), layer(lib, "e")]),
    "extend by itself": lambda lib, s: s.extend(list(s)),
    "insert": lambda lib, s: s.insert(1, layer(lib, "z")),
    "insert at the end": lambda lib, s: s.insert(3, layer(lib, "z")),
    "insert from behind": lambda lib, s: s.insert(-1, layer(lib, "z")),
    "insert too far": lambda lib, s: s.insert(9, layer(lib, "z")),
    "pop": lambda lib, s: s.pop(1),
    "pop slice": lambda lib, s: s.pop(slice(1, 3)),
    "add": lambda lib, s: s + sequential(lib, "de"),
    "add a list": lambda lib, s: s + [],
    "iadd": lambda lib, s: s.__iadd__(sequential(lib, "de")),
    "iadd a list": lambda lib, s: s.__iadd__([]),
    "multiply": lambda lib, s: s * 2,
    "multiply, left": lambda lib, s: 2 * s,
    "multiply by zero": lambda lib, s: s * 0,
    "multiply by text": lambda lib, s: s * "a",
    "imul": lambda lib, s: s.__imul__(3),
    "imul by zero": lambda lib, s: s.__imul__(0),
    "len": lambda lib, s: len(s),
    "iterate": lambda lib, s: [repr(m) for m in s],
    "not a module": lambda lib, s: lib.nn.Sequential(3),
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential(name: str) -> None:
    def scenario(lib: Any) -> Any:
        s = sequential(lib)
        result = SEQUENTIAL[name](lib, s)
        return repr(result) if isinstance(result, (lib.nn.Module, tuple)) else result, repr(s), names(s)

    same(scenario, message=name != "insert a number")


LISTS = {
    "index": lambda lib, m: (m[0], m[-1]),
    "slice": lambda lib, m: m[:2],
    "too large": lambda lib, m: m[3],
    "assign": lambda lib, m: m.__setitem__(-1, layer(lib, "z")),
    "delete": lambda lib, m: m.__delitem__(1),
    "delete slice": lambda lib, m: m.__delitem__(slice(1, None)),
    "insert": lambda lib, m: m.insert(1, layer(lib, "z")),
    "append": lambda lib, m: m.append(layer(lib, "a")),
    "pop": lambda lib, m: m.pop(0),
    "extend": lambda lib, m: m.extend(layer(lib, "c") for _ in range(3)),
    "extend by a number": lambda lib, m: m.extend(3),
    "add": lambda lib, m: m + [layer(lib, "d")],
    "iadd": lambda lib, m: m.__iadd__([layer(lib, "d")]),
    "call": lambda lib, m: m(3),
    "empty": lambda lib, m: lib.nn.ModuleList(),
    "runs": lambda lib, m: lib.nn.ModuleList(layer(lib, c) for c in "aabbba"),
    "nested": lambda lib, m: lib.nn.ModuleList(lib.nn.ModuleList(layer(lib, c) for c in "ab") for _ in range(2)),
}


@pytest.mark.parametrize("name", LISTS)
def test_module_list(name: str) -> None:
    def scenario(lib: Any) -> Any:
        m = lib.nn.ModuleList([layer(lib, c) for c in "abc"])
        result = LISTS[name](lib, m)
        return repr(result), repr(m), names(m), len(m)

    same(scenario)


DICTS = {
    "get": lambda lib, m: m["a"],
    "missing": lambda lib, m: m["z"],
    "assign": lambda lib, m: m.__setitem__("a", layer(lib, "z")),
    "assign a number": lambda lib, m: m.__setitem__("a", 3),
    "a method's name": lambda lib, m: m.__setitem__("keys", layer(lib, "z")),
    "delete": lambda lib, m: m.__delitem__("a"),
    "pop": lambda lib, m: m.pop("a"),
    "pop missing": lambda lib, m: m.pop("z"),
    "clear": lambda lib, m: m.clear(),
    "contains": lambda lib, m: ("a" in m, "z" in m, list(m), list(m.keys()), len(m)),
    "items": lambda lib, m: [(k, repr(v)) for k, v in m.items()] + [repr(v) for v in m.values()],
    "update by a dict": lambda lib, m: m.update({"z": layer(lib, "z"), "a": layer(lib, "y")}),
    "update by pairs": lambda lib, m: m.update([("z", layer(lib, "z"))]),
    "update by ModuleDict": lambda lib, m: m.update(lib.nn.ModuleDict({"q": layer(lib, "q")})),
    "update by a number": lambda lib, m: m.update(3),
    "update by numbers": lambda lib, m: m.update([3]),
    "update by triples": lambda lib, m: m.update([("a", 1, 2)]),
}


@pytest.mark.parametrize("name", DICTS)
def test_module_dict(name: str) -> None:
    def scenario(lib: Any) -> Any:
        m = lib.nn.ModuleDict({c: layer(lib, c) for c in "ba"})
        result = DICTS[name](lib, m)
        return repr(result), repr(m), names(m), len(m)

    same(scenario)


PARAMETERS = {
    "get": lambda lib, m: (m[0], m[-1]),
    "too large": lambda lib, m: m[9],
    "slice": lambda lib, m: list(m[1:]),
    "assign": lambda lib, m: m.__setitem__(0, lib.ones(4)),
    "assign another kind": lambda lib, m: m.__setitem__(2, "text"),
    "append": lambda lib, m: m.append(lib.zeros(3)),
    "extend": lambda lib, m: m.extend([lib.zeros(3), 4]),
    "iadd": lambda lib, m: m.__iadd__([lib.zeros(3)]),
    "extend by a tensor": lambda lib, m: m.extend(lib.zeros(3)),
    "call": lambda lib, m: m(3),
    "nested": lambda lib, m: m.append(lib.nn.ParameterList([lib.ones(1)])),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_list(name: str) -> None:
    def scenario(lib: Any) -> Any:
        m = lib.nn.ParameterList([lib.nn.Parameter(lib.ones(2)), lib.zeros(2, 3), "other"])
        result = PARAMETERS[name](lib, m)
        result = result if not isinstance(result, lib.nn.Module) else None
        return result, repr(m), [(n, tuple(p.shape)) for n, p in m.named_parameters()], list(m.state_dict()), len(m)

    same(scenario)


PARAMETER_DICTS = {
    "get": lambda lib, m: (m["b"], m.get("z"), m.get("z", 3)),
    "missing": lambda lib, m: m["z"],
    "assign": lambda lib, m: m.__setitem__("a", lib.ones(4)),
    "key no string": lambda lib, m: m.__setitem__(3, lib.ones(4)),
    "delete": lambda lib, m: m.__delitem__("a"),
    "delete missing": lambda lib, m: m.__delitem__("z"),
    "pop": lambda lib, m: m.pop("a"),
    "popitem": lambda lib, m: m.popitem(),
    "setdefault": lambda lib, m: (m.setdefault("a", lib.ones(4)), m.setdefault("z", lib.ones(4))),
    "clear": lambda lib, m: m.clear(),
    "copy": lambda lib, m: list(m.copy().items()),
    "fromkeys": lambda lib, m: list(m.fromkeys(["x", "y"], 3).items()),
    "contains": lambda lib, m: ("a" in m, "z" in m, list(m), list(reversed(m)), list(m.values())),
    "update": lambda lib, m: m.update({"z": lib.ones(1), "y": lib.ones(2)}),
    "update, ordered": lambda lib, m: m.update(OrderedDict(z=lib.ones(1), y=lib.ones(2))),
    "update by pairs": lambda lib, m: m.update([("z", lib.ones(1))]),
    "update by a number": lambda lib, m: m.update(3),
    "or": lambda lib, m: list((m | lib.nn.ParameterDict({"z": lib.ones(1)})).keys()),
    "ior": lambda lib, m: m.__ior__(lib.nn.ParameterDict({"z": lib.ones(1)})),
    "call": lambda lib, m: m(3),
}


@pytest.mark.parametrize("name", PARAMETER_DICTS)
def test_parameter_dict(name: str) -> None:
    def scenario(lib: Any) -> Any:
        m = lib.nn.ParameterDict({"b": lib.nn.Parameter(lib.ones(2)), "a": lib.zeros(2, 3), "c": "other"})
        result = PARAMETER_DICTS[name](lib, m)
        result = result if not isinstance(result, lib.nn.Module) else None
        return result, repr(m), [(n, tuple(p.shape)) for n, p in m.named_parameters()], list(m.state_dict()), len(m)

    same(scenario)
