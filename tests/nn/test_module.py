"""nn.Module against PyTorch's: registration, walking, hooks, conversion, text, copies; and what is ours: error
paths."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from both import same, torch

import rushlight
from rushlight import nn


def scale_class(lib: Any) -> Any:
    class Scale(lib.nn.Module):
        def __init__(self, n: int = 2, value: float = 2.0) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(lib.ones(n) * value)
            self.register_buffer("seen", lib.zeros(1))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)

        def forward(self, x: Any, factor: float = 1.0) -> Any:
            return x * self.weight * factor

        def extra_repr(self) -> str:
            return f"n={self.weight.shape[0]}"

    return Scale


def net(lib: Any) -> Any:
    Scale = scale_class(lib)

    class Net(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = Scale(value=3.0)
            self.body = lib.nn.Sequential(Scale(), lib.nn.Sequential(Scale()))
            self.tied = self.first
            self.free = lib.nn.Parameter(lib.ones(2))
            self.absent = None
            self.register_parameter("bias", None)

        def forward(self, x: Any) -> Any:
            return self.body(self.first(x)) + self.free

    return Net()


# ------------------------------------------------------------------------------------------------------ registration


def test_names_and_order() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        return {
            "parameters": [n for n, _ in m.named_parameters()],
            "all": [n for n, _ in m.named_parameters(remove_duplicate=False)],
            "own": [n for n, _ in m.named_parameters(recurse=False, prefix="x")],
            "buffers": [n for n, _ in m.named_buffers()],
            "modules": [n for n, _ in m.named_modules()],
            "modules, all": [n for n, _ in m.named_modules(prefix="p", remove_duplicate=False)],
            "children": [n for n, _ in m.named_children()],
            "counts": [len(list(f())) for f in (m.parameters, m.buffers, m.modules, m.children)],
            "state": list(m.state_dict()),
        }

    same(scenario)


def test_forward_and_gradients() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        y = m(lib.ones(2))
        y.sum().backward()
        before = [p.grad for p in m.parameters()]
        m.zero_grad(set_to_none=False)
        zeros = [p.grad for p in m.parameters()]
        m.zero_grad()
        return y, before, zeros, [p.grad for p in m.parameters()]

    same(scenario)


def test_members_are_plain_attributes() -> None:
    m = net(rushlight)
    assert "first" in vars(m) and vars(m)["free"] is m._parameters["free"]
    m._parameters["free"] = new = nn.Parameter(rushlight.zeros(2))
    assert m.free is new
    m._modules["first"] = other = nn.Sequential()
    assert m.first is other
    del m._modules["first"]
    assert not hasattr(m, "first")
    m._buffers["late"] = rushlight.ones(1)
    assert m.late is m._buffers["late"]
    assert m._parameters.pop("free") is new and not hasattr(m, "free")
    m._modules.clear()
    assert not hasattr(m, "body") and list(m.children()) == []


def test_a_module_is_freed_without_the_cycle_collector() -> None:
    gc.disable()
    try:
        m = net(rushlight)
        ref = weakref.ref(m.first)
        del m
        assert ref() is None
    finally:
        gc.enable()


ASSIGNMENTS = {
    "parameter over attribute": lambda lib, m: setattr(m, "absent", lib.nn.Parameter(lib.ones(1))),
    "module over parameter": lambda lib, m: setattr(m, "free", lib.nn.Sequential()),
    "parameter over module": lambda lib, m: setattr(m, "first", lib.nn.Parameter(lib.ones(1))),
    "None over parameter": lambda lib, m: setattr(m, "free", None),
    "None over module": lambda lib, m: setattr(m, "first", None),
    "None over buffer": lambda lib, m: setattr(m.first, "seen", None),
    "tensor over buffer": lambda lib, m: setattr(m.first, "seen", lib.ones(3)),
    "tensor over unset parameter": lambda lib, m: setattr(m, "bias", lib.ones(3)),
    "parameter over unset parameter": lambda lib, m: setattr(m, "bias", lib.nn.Parameter(lib.ones(3))),
    "buffer object": lambda lib, m: setattr(m, "extra", lib.nn.Buffer(lib.ones(3))),
    "buffer object, not saved": lambda lib, m: setattr(m, "extra", lib.nn.Buffer(lib.ones(3), persistent=False)),
    "tensor over parameter": lambda lib, m: setattr(m, "free", lib.ones(2)),
    "number over module": lambda lib, m: setattr(m, "first", 3),
    "number over buffer": lambda lib, m: setattr(m.first, "seen", 3),
    "delete parameter": lambda lib, m: delattr(m, "free"),
    "delete module": lambda lib, m: delattr(m, "body"),
    "delete buffer": lambda lib, m: delattr(m.first, "scratch"),
    "delete attribute": lambda lib, m: delattr(m, "absent"),
    "delete nothing": lambda lib, m: delattr(m, "nothing"),
    "read nothing": lambda lib, m: m.nothing,
    "parameter with a dot": lambda lib, m: m.register_parameter("a.b", lib.nn.Parameter(lib.ones(1))),
    "parameter without a name": lambda lib, m: m.register_parameter("", None),
    "parameter name no string": lambda lib, m: m.register_parameter(3, None),
    "parameter taken": lambda lib, m: m.register_parameter("first", None),
    "parameter of a tensor": lambda lib, m: m.register_parameter("p", lib.ones(1)),
    "buffer with a dot": lambda lib, m: m.register_buffer("a.b", lib.ones(1)),
    "buffer without a name": lambda lib, m: m.register_buffer("", None),
    "buffer taken": lambda lib, m: m.register_buffer("free", None),
    "buffer of a number": lambda lib, m: m.register_buffer("b", 3),
    "module with a dot": lambda lib, m: m.add_module("a.b", lib.nn.Sequential()),
    "module without a name": lambda lib, m: m.add_module("", lib.nn.Sequential()),
    "module taken": lambda lib, m: m.add_module("free", lib.nn.Sequential()),
    "module of a number": lambda lib, m: m.add_module("b", 3),
    "module name no string": lambda lib, m: m.register_module(3, lib.nn.Sequential()),
    "train by number": lambda lib, m: m.train(1),
    "forward missing": lambda lib, m: lib.nn.Module()(3),
    "argument to Module": lambda lib, m: lib.nn.Module(3),
    "keyword to Module": lambda lib, m: lib.nn.Module(size=3),
    "submodule": lambda lib, m: m.get_submodule("body.1.0").extra_repr(),
    "submodule missing": lambda lib, m: m.get_submodule("body.3"),
    "submodule no module": lambda lib, m: m.get_submodule("first.weight"),
    "itself": lambda lib, m: m.get_submodule("") is m,
    "get parameter": lambda lib, m: m.get_parameter("body.0.weight"),
    "get parameter missing": lambda lib, m: m.get_parameter("body.0.bias"),
    "get parameter, but a buffer": lambda lib, m: m.get_parameter("body.0.seen"),
    "get buffer": lambda lib, m: m.get_buffer("body.0.seen"),
    "get buffer missing": lambda lib, m: m.get_buffer("body.0.bias"),
    "get buffer, but a parameter": lambda lib, m: m.get_buffer("body.0.weight"),
    "set submodule": lambda lib, m: m.set_submodule("body.1.0", lib.nn.Sequential()),
    "set submodule, new": lambda lib, m: m.set_submodule("new", lib.nn.Sequential()),
    "set submodule, strict": lambda lib, m: m.set_submodule("body.new", lib.nn.Sequential(), strict=True),
    "set submodule, nowhere": lambda lib, m: m.set_submodule("", lib.nn.Sequential()),
    "set submodule, number": lambda lib, m: m.set_submodule("body.0", 3),
    "set submodule over a parameter": lambda lib, m: m.set_submodule("free", lib.nn.Sequential()),
    "to integers": lambda lib, m: m.to(lib.int64),
    "load a list": lambda lib, m: m.load_state_dict([1]),
}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_assignments_and_refusals(name: str) -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        result = ASSIGNMENTS[name](lib, m)
        return (
            result if not isinstance(result, lib.nn.Module) else None,
            [n for n, _ in m.named_parameters()],
            [n for n, _ in m.named_buffers()],
            [n for n, _ in m.named_modules()],
            list(m.state_dict()),
            m.absent is None if hasattr(m, "absent") else "gone",
        )

    same(scenario)


@pytest.mark.parametrize("kind", ["parameter", "module", "buffer"])
def test_without_super_init(kind: str) -> None:
    def scenario(lib: Any) -> Any:
        class Forgetful(lib.nn.Module):
            def __init__(self) -> None:
                self.number = 3
                if kind == "buffer":
                    self.register_buffer("b", lib.ones(1))
                self.x = lib.nn.Parameter(lib.ones(1)) if kind == "parameter" else lib.nn.Sequential()

        return Forgetful()

    assert "before Module.__init__() call" in same(scenario)


def test_class_attributes_and_properties() -> None:
    def scenario(lib: Any) -> Any:
        class Net(lib.nn.Module):
            depth = 3

            def __init__(self) -> None:
                super().__init__()
                self.inner = lib.nn.Parameter(lib.ones(1))
                self.depth = 4

            @property
            def weight(self) -> Any:
                return self.inner * 2

            @weight.setter
            def weight(self, value: float) -> None:
                self.inner = lib.nn.Parameter(lib.ones(1) * value)

        m = Net()
        first = m.weight
        m.weight = 5.0
        return first, m.weight, m.depth, Net.depth, [n for n, _ in m.named_parameters()]

    same(scenario)


def test_a_parameter_over_a_class_attribute_is_refused() -> None:
    def scenario(lib: Any) -> Any:
        class Net(lib.nn.Module):
            weight = None

            def __init__(self) -> None:
                super().__init__()
                self.weight = lib.nn.Parameter(lib.ones(1))

        return Net()

    same(scenario)


def test_own_getattr() -> None:
    def scenario(lib: Any) -> Any:
        class Wrapper(lib.nn.Module):
            def __init__(self, module: Any) -> None:
                super().__init__()
                self.module = module

            def __getattr__(self, name: str) -> Any:
                try:
                    return super().__getattr__(name)
                except AttributeError:
                    return getattr(self.module, name)

        w = Wrapper(net(lib))
        return w.free, w.module.free, w.nothing

    assert "no attribute 'nothing'" in same(scenario)


def test_getattr_called_by_name() -> None:
    def scenario(lib: Any) -> Any:
        class Levels(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.level_0, self.scale = lib.nn.Identity(), lib.nn.Parameter(lib.ones(2))

            def forward(self, x: Any) -> Any:
                return self.__getattr__("level_0")(x) * self.__getattr__("scale")

        levels = Levels()
        assert (levels(lib.ones(2)) == 1).all()
        return levels.__getattr__("level_1")

    assert "no attribute 'level_1'" in same(scenario)


def test_monkeypatched_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    original = nn.Module.__call__

    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(type(self).__name__)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__call__", traced)
    net(rushlight)(rushlight.ones(2))
    assert calls == ["Net", "Scale", "Sequential", "Scale", "Sequential", "Scale"]


def test_call_super_init() -> None:
    def scenario(lib: Any) -> Any:
        class Other:
            def __init__(self, a: int, b: int = 0) -> None:
                self.sum = a + b

        class Net(lib.nn.Module, Other):
            call_super_init = True

        return Net(1, b=2).sum

    assert same(scenario) == 3


def test_registration_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[str] = []
        modules = lib.nn.modules.module
        handles = [
            modules.register_module_parameter_registration_hook(lambda m, n, p: seen.append(f"parameter {n}")),
            modules.register_module_buffer_registration_hook(lambda m, n, b: seen.append(f"buffer {n}")),
            modules.register_module_module_registration_hook(lambda m, n, s: seen.append(f"module {n}")),
        ]
        net(lib)
        for handle in handles:
            handle.remove()
        net(lib)
        return seen

    same(scenario)


# ---------------------------------------------------------------------------------------------- changing the whole


@pytest.mark.parametrize("how", ["double", "half", "bfloat16", "to", "to dtype", "to tensor"])
def test_conversion(how: str) -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m.register_buffer("count", lib.zeros(1, dtype=lib.int64))
        weight = m.first.weight
        m(lib.ones(2)).sum().backward()
        if how == "to":
            m.to("cpu", lib.float64)
        elif how == "to dtype":
            m.to(dtype=lib.float16)
        elif how == "to tensor":
            m.to(lib.ones(1, dtype=lib.float64))
        else:
            getattr(m, how)()
        kinds = [str(t.dtype) for t in (*m.parameters(), *m.buffers(), *(p.grad for p in m.parameters()))]
        return kinds, weight is m.first.weight, m.count.tolist(), m.free.requires_grad, m.free.is_leaf

    same(scenario)


def test_apply_train_requires_grad() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        order: list[str] = []
        chained = m.apply(lambda each: order.append(type(each).__name__)) is m
        flags = [m.training, m.eval() is m, m.first.training, m.train().first.training]
        m.requires_grad_(False)
        return order, chained, flags, [p.requires_grad for p in m.parameters()]

    same(scenario)


def test_conversion_of_a_module_trains_on() -> None:
    m = net(rushlight).double()
    m(rushlight.ones(2, dtype=rushlight.float64)).sum().backward()
    assert m.free.grad.dtype is rushlight.float64


# ------------------------------------------------------------------------------------------------- text and copies


def test_repr_and_dir() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m.lines = lib.nn.Module()
        m.lines.extra_repr = lambda: "one\ntwo"
        return repr(m), repr(m.first), [k for k in dir(m) if not k.startswith("_")]

    mine, theirs = scenario(rushlight), scenario(torch)
    assert mine[:2] == theirs[:2]
    assert set(mine[2]) >= {"first", "free", "body", "parameters"} and "0" not in dir(m := net(rushlight).body), m


class Pickled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(rushlight.ones(2))
        self.register_buffer("seen", rushlight.zeros(1), persistent=False)
        self.inner = nn.Sequential(nn.Module())
        self.alias = self.weight


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(duplicate: Any) -> None:
    m = Pickled()
    m.register_forward_hook(print)
    twin = duplicate(m)
    assert list(twin.state_dict()) == list(m.state_dict()) == ["weight", "alias"]
    assert twin.weight is twin._parameters["weight"] and twin.alias is twin.weight
    assert twin._non_persistent_buffers_set == {"seen"} and len(twin._forward_hooks) == 1
    assert (twin.weight is m.weight) == (duplicate is copy.copy)
    twin.late = nn.Parameter(rushlight.ones(1))
    assert not hasattr(m, "late") and twin._parameters["late"] is twin.late


def test_pickled_layout_is_pytorchs() -> None:
    state = Pickled().__getstate__()
    assert (
        "weight" not in state
        and type(state["_parameters"]) is dict
        and list(state["_parameters"]) == ["weight", "alias"]
    )
    old = {k: v for k, v in state.items() if k in ("training", "_parameters", "_buffers", "_modules")}
    m = Pickled.__new__(Pickled)
    m.__setstate__(old)
    assert m.weight is state["_parameters"]["weight"] and m._forward_hooks == {}


def test_deepcopy_keeps_ties_and_gradients() -> None:
    def scenario(lib: Any) -> Any:
        m = net(lib)
        m(lib.ones(2)).sum().backward()
        twin = copy.deepcopy(m)
        twin.free.data.zero_()
        return twin.tied is twin.first, twin.free.grad, m.free, twin.free is not m.free

    same(scenario)


# ---------------------------------------------------------------------------------------------------------- hooks


def test_forward_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[Any] = []
        m = scale_class(lib)()
        m.register_forward_pre_hook(lambda mod, args: seen.append("pre 1"))
        m.register_forward_pre_hook(lambda mod, args: args[0] + 1, prepend=True)
        m.register_forward_pre_hook(lambda mod, args, kwargs: (args, {**kwargs, "factor": 3.0}), with_kwargs=True)
        m.register_forward_hook(lambda mod, args, out: seen.append((args, out)))
        handle = m.register_forward_hook(lambda mod, args, kwargs, out: out * kwargs["factor"], with_kwargs=True)
        m.register_forward_hook(lambda mod, args, out: seen.append("first"), prepend=True)
        first = m(lib.ones(2))
        handle.remove()
        return first, m(lib.ones(2), factor=1.0), seen, len(m._forward_hooks), len(m._forward_hooks_with_kwargs)

    same(scenario)


@pytest.mark.filterwarnings("ignore:module forward hook")
def test_always_called_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[str] = []
        m = scale_class(lib)()
        m.forward = lambda x: 1 / 0
        m.register_forward_hook(lambda *a: seen.append("never"))
        m.register_forward_hook(lambda *a: seen.append("always"), always_call=True)
        m.register_forward_hook(lambda *a: seen.append("kwargs") or 1 / 0, always_call=True, with_kwargs=True)
        try:
            m(lib.ones(2))
        except ZeroDivisionError:
            seen.append("raised")
        return seen

    same(scenario)


def test_bad_pre_hook() -> None:
    def scenario(lib: Any) -> Any:
        m = scale_class(lib)()
        m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
        m(lib.ones(2))

    same(scenario)


def test_global_hooks() -> None:
    def scenario(lib: Any) -> Any:
        seen: list[str] = []
        modules = lib.nn.modules.module
        handles = [
            modules.register_module_forward_pre_hook(lambda m, a: seen.append(f"pre {type(m).__name__}")),
            modules.register_module_forward_hook(lambda m, a, o: seen.append(f"post {type(m).__name__}")),
            modules.register_module_full_backward_pre_hook(lambda m, g: seen.append(f"back {type(m).__name__}")),
            modules.register_module_full_backward_hook(lambda m, gi, go: seen.append(f"done {type(m).__name__}")),
        ]
        m = net(lib)
        x = lib.ones(2).requires_grad_()
        m(x).sum().backward()
        for handle in handles:
            handle.remove()
        m(x).sum().backward()
        return seen

    same(scenario)


class TestBackwardHooks:
    def test_gradients_seen(self) -> None:
        def scenario(lib: Any) -> Any:
            seen: list[Any] = []
            m = scale_class(lib)()
            m.register_full_backward_pre_hook(lambda mod, go: seen.append(go))
            m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi, go)))
            x = lib.ones(2).requires_grad_()
            (m(x * 3) * 5).sum().backward()
            return seen, x.grad, m.weight.grad

        same(scenario)

    def test_gradients_replaced(self) -> None:
        def scenario(lib: Any) -> Any:
            m = scale_class(lib)()
            m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 10,))
            m.register_full_backward_hook(lambda mod, gi, go: (gi[0] + 100,))
            m.register_full_backward_hook(lambda mod, gi, go: (gi[0] + 1,), prepend=True)
            x = lib.ones(2).requires_grad_()
            m(x).sum().backward()
            return x.grad, m.weight.grad

        same(scenario)

    def test_no_input_requires_grad(self) -> None:
        def scenario(lib: Any) -> Any:
            seen: list[Any] = []
            m = scale_class(lib)()
            m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi, go)))
            m(lib.ones(2)).sum().backward()
            return seen, m.weight.grad

        same(scenario)

    def test_several_inputs_and_outputs(self) -> None:
        def scenario(lib: Any) -> Any:
            class Two(lib.nn.Module):
                def forward(self, x: Any, n: int, y: Any, c: Any) -> Any:
                    return x * 2 + y, y * n, c

            seen: list[Any] = []
            m = Two()
            m.register_full_backward_hook(lambda mod, gi, go: seen.append((gi, go)))
            x, y = lib.ones(2).requires_grad_(), lib.ones(2).requires_grad_()
            a, _, c = m(x, 3, y, lib.ones(2))
            (a * 7).sum().backward()
            return seen, x.grad, y.grad, c.requires_grad

        same(scenario)

    def test_without_grad(self) -> None:
        def scenario(lib: Any) -> Any:
            m = scale_class(lib)()
            m.register_full_backward_hook(lambda mod, gi, go: 1 / 0)
            with lib.no_grad():
                return m(lib.ones(2)).requires_grad

        same(scenario)

    def test_wrong_number(self) -> None:
        def scenario(lib: Any) -> Any:
            m = scale_class(lib)()
            m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
            m(lib.ones(2).requires_grad_()).sum().backward()

        same(scenario)

    def test_both_kinds_refused(self) -> None:
        def scenario(lib: Any) -> Any:
            m = scale_class(lib)()
            m.register_full_backward_hook(print)
            m.register_backward_hook(print)

        same(scenario)

    @pytest.mark.filterwarnings("ignore:Using a non-full")
    def test_older_kind(self) -> None:
        def scenario(lib: Any) -> Any:
            seen: list[Any] = []
            m = scale_class(lib)()
            m.forward = lambda x: x * m.weight
            m.register_backward_hook(lambda mod, gi, go: seen.append((gi, go)))
            x = lib.ones(2).requires_grad_()
            (m(x) * 3).sum().backward()
            return seen

        same(scenario)

    def test_second_derivative_through_a_hooked_module(self) -> None:
        def scenario(lib: Any) -> Any:
            m = scale_class(lib)()
            m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,))
            x = (lib.ones(2) * 3).requires_grad_()
            (g,) = lib.autograd.grad((m(x) * x).sum(), x, create_graph=True)
            g.sum().backward()
            return g, x.grad, m.weight.grad

        same(scenario)


# ------------------------------------------------------------------------------------------- where an error happened


def failing() -> Any:
    class Norm(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.reshape(7)

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = Norm()

        def forward(self, x: Any) -> Any:
            return self.norm1(x)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Module()
            self.encoder.layers = nn.ModuleList([Layer(), Layer()])

        def forward(self, x: Any) -> Any:
            return self.encoder.layers[1](x)

    return Model()


def test_errors_name_the_module() -> None:
    with pytest.raises(RuntimeError, match=r"reshape: .* in encoder\.layers\.1\.norm1 \(Norm\)$"):
        failing()(rushlight.ones(3))


def test_errors_name_the_module_with_hooks() -> None:
    m = failing()
    m.encoder.layers[1].register_forward_hook(print)
    with pytest.raises(RuntimeError, match=r"reshape: .* in encoder\.layers\.1\.norm1 \(Norm\)$"):
        m(rushlight.ones(3))


def test_errors_of_others_pass_untouched() -> None:
    m = failing()
    m.encoder.layers[1].norm1.forward = lambda x: (0,)[int(1e3)]
    with pytest.raises(IndexError) as caught:
        m(rushlight.ones(3))
    assert str(caught.value) == "tuple index out of range"


def test_hidden_modules_are_named_by_class() -> None:
    class Hiding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = [failing()]

        def forward(self, x: Any) -> Any:
            return self.hidden[0](x)

    with pytest.raises(RuntimeError, match=r"in Model\.encoder\.layers\.1\.norm1 \(Norm\)$"):
        Hiding()(rushlight.ones(3))


# ------------------------------------------------------------------------------------------ uninitialised parameters


def test_uninitialized_parameters() -> None:
    p = nn.UninitializedParameter(dtype=rushlight.float64)
    assert repr(p) == "<UninitializedParameter>" and isinstance(p, nn.Parameter) and p.requires_grad
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        p.shape
    with pytest.raises(ValueError, match="uninitialized parameter"):
        p + 1
    twin = pickle.loads(pickle.dumps(copy.deepcopy(p)))
    assert type(twin) is nn.UninitializedParameter and twin.dtype is rushlight.float64
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.dtype is rushlight.float64 and p.requires_grad
    m = nn.Module()
    m.late = nn.UninitializedParameter()
    m.half()
    m.late.materialize((1,))
    assert m.late.dtype is rushlight.float16
    buffer = nn.UninitializedBuffer()
    buffer.materialize((4,))
    assert type(buffer) is rushlight.Tensor and not buffer.requires_grad


def test_parameter_of_something_else() -> None:
    with pytest.raises(TypeError, match="Parameter: data is to be a Tensor, got list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(rushlight.ones(2, dtype=rushlight.int64))
    assert not nn.Parameter(rushlight.ones(2, dtype=rushlight.int64), requires_grad=False).requires_grad
    assert np.shares_memory(nn.Parameter(t := rushlight.ones(2)).detach().numpy(), t.numpy())


@pytest.mark.parametrize("given", [np.ones((1, 1, 2), "f4"), [1.0], None, 3])
def test_what_is_no_tensor_is_named(given: Any) -> None:
    told = f"argument 'input' must be Tensor, not {type(given).__name__}"
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    with pytest.raises(TypeError, match=rf"linear\(\): {told}.* in 0.0 \(Linear\)"):
        model(given)
    model.register_forward_hook(lambda module, args, out: None)
    with pytest.raises(TypeError, match=rf"linear\(\): {told}"):
        model(given)
    with pytest.raises(TypeError, match=rf"(?i:conv1d)\(\): {told}.* in Conv1d"):
        nn.Conv1d(1, 1, 1)(given)
    with pytest.raises(TypeError, match=rf"dropout\(\): {told}"):
        nn.Dropout()(given)


def test_a_missing_attribute_of_the_users_own_stays_what_it_is() -> None:
    class Model(nn.Module):
        def forward(self, x: Any) -> Any:
            return x._array_of_mine

    with pytest.raises(AttributeError, match="_array_of_mine"):
        Model()([1.0])
