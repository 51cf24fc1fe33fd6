"""What libraries written for PyTorch reach for beyond its public names, beside PyTorch's own."""

import importlib
import typing

import pytest

import rushlight
from rushlight.compat.private import _HOMES
from rushlight.utils.flop_counter import FlopCounterMode
from tests.both import same, torch


def test_the_package_has_metadata(passes):
    passes(
        """
        from importlib import metadata
        assert metadata.version("torch") == "2.13.0+rushlight"
        assert any(package.metadata["Name"] == "torch" for package in metadata.distributions())
        try:
            metadata.version("torch_that_is_not_there")
        except metadata.PackageNotFoundError:
            pass
        import torch
        assert torch.torch is torch and "Rushlight" in torch.__config__.show() and torch.__config__.parallel_info()
        """
    )


def test_private_names_are_pytorchs_own():
    for name in _HOMES:
        module, _, own = name.rpartition(".")
        assert hasattr(importlib.import_module(module), own), name


def test_private_names_are_answered(passes):
    passes(
        """
        import importlib
        from rushlight.compat.private import _HOMES
        import torch
        for name in _HOMES:
            module, _, own = name.rpartition(".")
            assert getattr(importlib.import_module(module), own) is not None, name
        from torch.utils.dlpack import from_dlpack
        from torch.utils.data._utils.collate import default_collate
        from torch.nn.modules.module import _IncompatibleKeys
        assert isinstance(torch.nn.Linear(1, 1).load_state_dict(torch.nn.Linear(1, 1).state_dict()), _IncompatibleKeys)
        from torch.jit.annotations import List
        def annotated(xs: List[int]): ...
        assert torch.cuda.StreamContext and torch.cuda.graph  # classes, which annotations name
        assert torch._C._nn._parse_to("cpu", torch.float64)[:2] == (torch.device("cpu"), torch.float64)
        assert isinstance(torch.Tensor, torch._C._TensorMeta)
        """
    )


def test_files_of_ours_are_no_modules_of_pytorch(program):
    told = program("import torch.utils.data.pool").stderr
    assert "ModuleNotFoundError: No module named 'torch.utils.data.pool'" in told


def test_annotations_can_be_resolved(passes):
    for module in (rushlight, rushlight.nn, rushlight.optim, rushlight.utils.data, rushlight.distributions):
        for value in vars(module).values():
            if isinstance(value, type):
                typing.get_type_hints(value)
    passes(
        """
        import typing, torch
        class Model(torch.nn.Module):
            size: int
        assert typing.get_type_hints(Model)["size"] is int
        """
    )


FOREACH = [
    ("add", ([1.0, 2.0],)),
    ("add_", (3.0,)),
    ("mul", (2.0,)),
    ("sqrt", ()),
    ("neg_", ()),
    ("zero_", ()),
    ("maximum", (1.5,)),
    ("minimum_", (1.5,)),
    ("pow", (2.0,)),
    ("norm", ()),
]


@pytest.mark.parametrize(("name", "arguments"), FOREACH, ids=[name for name, _ in FOREACH])
def test_operators_on_lists(name, arguments):
    def run(t):
        xs = [t.tensor([1.0, 4.0]), t.tensor([[2.0]])]
        return getattr(t, f"_foreach_{name}")(xs, *arguments), xs

    same(run)


def test_operators_on_lists_of_lists():
    def run(t):
        xs, ys = [t.ones(2), t.ones(1)], [t.tensor([2.0, 4.0]), t.tensor([3.0])]
        t._foreach_addcdiv_(xs, ys, ys, [0.5, 2.0])
        t._foreach_addcmul_(xs, ys, ys, value=0.5)
        t._foreach_lerp_(xs, ys, 0.25)
        t._foreach_copy_(ys, xs)
        return xs, ys, t._foreach_sub(xs, ys, alpha=2)

    same(run)
    same(lambda t: t._foreach_add([t.ones(1)], [t.ones(1), t.ones(1)]), message=False)
    assert not hasattr(rushlight, "_foreach_no_such_method")


def test_checks(passes):
    passes(
        """
        import torch
        for check, error in (
            (torch._check, RuntimeError), (torch._check_value, ValueError), (torch._check_index, IndexError),
            (torch._check_type, TypeError), (torch._check_not_implemented, NotImplementedError),
        ):
            check(True)
            try:
                check(False, lambda: "told")
            except error as caught:
                assert str(caught) == "told"
            else:
                raise SystemExit("passed")
        torch._assert(torch.tensor(True), "fine")
        try:
            torch._assert(torch.tensor(False), "told")
        except AssertionError as caught:
            assert str(caught) == "told"
        assert torch._shape_as_tensor(torch.ones(2, 3)).tolist() == [2, 3]
        """
    )


def test_flops():
    def count(t):
        counter = FlopCounterMode if t is rushlight else torch.utils.flop_counter.FlopCounterMode
        model = t.nn.Sequential(t.nn.Linear(4, 8), t.nn.ReLU(), t.nn.Sequential(t.nn.Linear(8, 2)))
        layer = t.nn.Conv2d(3, 4, 3)
        with counter(display=False) as first:
            model(t.ones(3, 4)).sum().backward()
        with counter(display=False) as second:
            layer(t.ones(1, 3, 8, 8, requires_grad=True)).sum().backward()
        by_module = {name: sum(counts.values()) for name, counts in first.get_flop_counts().items()}
        return first.get_total_flops(), by_module, second.get_total_flops()

    import torch.utils.flop_counter

    assert "Sequential.2" in same(count)[1]
    with FlopCounterMode(display=False) as counter:
        rushlight.ones(2, 2) @ rushlight.ones(2, 2)
    assert "100.00%" in counter.get_table() and counter.get_total_flops() == 16
    with pytest.raises(NotImplementedError, match="custom_mapping"):
        FlopCounterMode(custom_mapping={1: 2})


def test_operators_of_ones_own():
    def run(t):
        calls = []

        @t.library.custom_op("tests_compat::scaled", mutates_args=())
        def scaled(x: t.Tensor, factor: float = 2.0) -> t.Tensor:
            return x * factor

        def keep(ctx, inputs, output):
            ctx.factor = inputs[1]
            calls.append(len(inputs))

        scaled.register_fake(lambda x, factor=2.0: t.empty_like(x))
        scaled.register_autograd(lambda ctx, grad: (grad * ctx.factor * 10, None), setup_context=keep)
        x = t.ones(2, requires_grad=True)
        y = scaled(x)
        y.sum().backward()
        return y, x.grad, calls

    same(run)


def test_what_operators_of_ones_own_refuse():
    library = rushlight.library
    with pytest.raises(ValueError, match="space::name"):
        library.custom_op("nameless", lambda x: x, mutates_args=())
    with pytest.raises(RuntimeError, match="no operator 'tests::absent'"):
        library.register_autograd("tests::absent", lambda ctx, grad: grad)
    writes = library.custom_op("tests_compat::writes", lambda x: x.zero_(), mutates_args=("x",))
    assert writes(rushlight.ones(2)).tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="non-functional"):
        writes.register_autograd(lambda ctx, grad: grad)
    plain = library.custom_op("tests_compat::plain", lambda x: x * 2, mutates_args=())
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        plain(rushlight.ones(2, requires_grad=True)).sum().backward()
    elsewhere = library.custom_op("tests_compat::gpu", lambda x: x, mutates_args=(), device_types="cuda")
    with pytest.raises(NotImplementedError, match="no function for the CPU"):
        elsewhere(rushlight.ones(1))
    elsewhere.register_kernel("cpu")(lambda x: x + 1)
    assert elsewhere(rushlight.ones(1)).item() == 2


def test_operators_of_ones_own_have_a_name(passes):
    passes(
        """
        import torch
        torch.library.custom_op("mine::twice", lambda x: x * 2, mutates_args=())
        assert torch.ops.mine.twice(torch.ones(1)).item() == 2 == torch.ops.mine.twice.default(torch.ones(1)).item()
        """
    )


def test_nests_of_named_tuples():
    from collections import namedtuple

    Pair = namedtuple("Pair", "a b")

    def look(t):
        tree = importlib.import_module(f"{t.__name__}.utils._pytree")
        kind = tree._get_node_type(Pair(1, 2))
        children, context = tree.SUPPORTED_NODES[kind].flatten_fn(Pair(1, 2))
        keyed, keys = tree._dict_flatten_with_keys({"a": 1})
        return children, context, [(str(key), value) for key, value in keyed], keys, kind is namedtuple

    same(look)


def test_names_of_constraints():
    theirs = set(torch.distributions.constraints.__all__)
    ours = set(rushlight.distributions.constraints.__all__)
    assert ours <= theirs and theirs - ours <= {"is_dependent", "MixtureSameFamilyConstraint"}


def test_marks_for_other_profilers_are_refused():
    from rushlight.autograd import profiler

    for mark in (profiler.emit_nvtx, profiler.emit_itt):
        with pytest.raises(NotImplementedError, match="record_function"):
            mark()
    assert not rushlight.profiler.kineto_available()
    assert {a.name for a in rushlight.profiler.supported_activities()} == {"CPU"}


def test_safetensors_reads_into_tensors(passes, tmp_path):
    pytest.importorskip("safetensors")
    passes(
        """
        import torch
        from safetensors.torch import load_file, save_file
        save_file({"a": torch.arange(6.0).reshape(2, 3)}, "x.safetensors")
        assert torch.equal(load_file("x.safetensors")["a"], torch.arange(6.0).reshape(2, 3))
        assert torch.UntypedStorage.from_file("x.safetensors", nbytes=8).nbytes() == 8
        """
    )


def test_later_transforms_import_and_are_refused(passes):
    passes(
        """
        from torchvision.transforms import v2
        from torchvision.transforms.v2 import functional as F
        try:
            v2.Resize(3)
        except NotImplementedError as error:
            assert "torchvision.transforms;" in str(error)
        else:
            raise SystemExit("not refused")
        """
    )
