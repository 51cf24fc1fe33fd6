"""What programs find below `torch` besides tensors and layers, beside PyTorch's own."""

import sys
import types

import numpy as np
import pytest

import rushlight
from tests.both import same, torch

BOTH = pytest.mark.parametrize("library", [torch, rushlight], ids=["torch", "rushlight"])


def test_variables():
    same(lambda t: t.autograd.Variable(t.ones(2), requires_grad=True).requires_grad)
    same(lambda t: isinstance(t.ones(1), t.autograd.Variable))
    same(lambda t: t.autograd.Variable([1.0]))

    def shares(t):
        x = t.zeros(2, requires_grad=True)
        v = t.autograd.Variable(x)
        v.fill_(3)
        return x, v.requires_grad, v.is_leaf, t.autograd.Variable().numel()

    same(shares)
    with pytest.warns(UserWarning, match="volatile"):
        rushlight.autograd.Variable(rushlight.ones(1), volatile=True)


CLOSE = [
    (lambda t: (t.ones(3), t.tensor([1, 1, 2.0])), {}),
    (lambda t: (t.ones(2), t.ones(3)), {}),
    (lambda t: ({"a": t.ones(2)}, {"a": t.zeros(2)}), {}),
    (lambda t: ({"a": 1}, {"b": 1}), {}),
    (lambda t: ([t.ones(2), 1.0], [t.ones(2), 1.1]), {}),
    (lambda t: (1.0, 1.1), {}),
    (lambda t: (1, 1), {}),
    (lambda t: (None, 1), {}),
    (lambda t: (t.ones(2), t.ones(2).double()), {}),
    (lambda t: (t.ones(2), t.ones(2).double()), {"check_dtype": False}),
    (lambda t: (t.ones(2) * 1.001, t.ones(2)), {"rtol": 0.01, "atol": 0}),
    (lambda t: (t.tensor([1, 2]), t.tensor([1, 3])), {}),
    (lambda t: (t.tensor(float("nan")), t.tensor(float("nan"))), {"equal_nan": True}),
    (lambda t: (t.tensor(float("nan")), t.tensor(float("nan"))), {}),
    (lambda t: (t.ones(2), [1, 1]), {}),
    (lambda t: (t.ones(2, 3).t(), t.ones(3, 2)), {"check_stride": True}),
    (lambda t: (t.ones(2), t.zeros(2)), {"msg": "mine"}),
    (lambda t: (t.ones(2), t.ones(2)), {"rtol": 1.0}),
]


@pytest.mark.parametrize("case", CLOSE)
def test_assert_close(case):
    arguments, options = case
    same(lambda t: t.testing.assert_close(*arguments(t), **options), message=False)


def test_what_assert_close_says():
    def text(t):
        try:
            t.testing.assert_close([t.tensor([[1.0, 2.0]])], [t.tensor([[1.0, 2.5]])])
        except AssertionError as error:
            return str(error)

    same(text)


def test_make_tensor():
    for shape, dtype in (((2, 3), "float32"), ((4,), "int64"), ((), "bool"), ((5,), "complex64"), ((3, 2), "uint8")):
        made = rushlight.testing.make_tensor(shape, dtype=getattr(rushlight, dtype), device="cpu")
        assert made.shape == shape and str(made.dtype) == f"torch.{dtype}"
    x = rushlight.testing.make_tensor(4, 8, dtype=rushlight.float32, device="cpu", low=1, high=2, noncontiguous=True)
    assert not x.is_contiguous() and 1 <= x.min() and x.max() < 2 and x.std() > 0.1
    assert rushlight.testing.make_tensor(
        99, dtype=rushlight.int64, device="cpu", low=0, high=2, exclude_zero=True
    ).all()


def test_storages():
    def look(t):
        x = t.arange(6.0).reshape(2, 3)
        storage, bytes_ = x.storage(), x[1].untyped_storage()
        storage[0] = 9.0
        same_memory = x.data_ptr() == storage.data_ptr() == bytes_.data_ptr() == x.t().storage().data_ptr()
        return (
            x,
            len(storage),
            storage.tolist(),
            storage.nbytes(),
            bytes_.nbytes(),
            len(bytes_),
            same_memory,
            storage.type(),
            t.is_storage(storage),
            isinstance(storage, t.FloatStorage),
            isinstance(storage, t.LongStorage),
            list(t.FloatStorage([1, 2])),
            repr(t.LongStorage([1, 2])),
            t.ones(1).untyped_storage() == t.ones(1).untyped_storage(),
        )

    with pytest.warns(UserWarning, match="TypedStorage"):  # PyTorch's
        same(look)


@BOTH
def test_futures(library):
    future = library.futures.Future()
    later = future.then(lambda done: done.value() + 1).then(lambda done: done.value() * 2)
    assert not later.done()
    future.set_result(1)
    assert later.wait() == 4
    with pytest.raises(RuntimeError):
        future.set_result(2)
    failed = library.futures.Future()
    failed.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        failed.wait()
    both = library.futures.collect_all([future, later])
    assert [f.value() for f in both.wait()] == [1, 4]
    assert library.jit.wait(library.jit.fork(lambda x: x + 1, 1)) == 2


@BOTH
def test_gpu_questions(library):
    cuda = library.cuda
    assert not cuda.is_available() and cuda.device_count() == 0 and not cuda.is_initialized()
    assert cuda.memory_allocated() == cuda.max_memory_allocated() == 0
    assert cuda.get_rng_state_all() == [] and not isinstance(library.ones(1), cuda.FloatTensor)
    cuda.manual_seed_all(1)
    cuda.empty_cache()
    for use in (cuda.current_device, cuda.get_device_name, lambda: library.ones(1).cuda(), lambda: cuda.FloatTensor(2)):
        with pytest.raises((AssertionError, TypeError)):
            use()
    with cuda.device(-1), cuda.stream(None):
        pass
    assert not library.backends.mps.is_available() and not library.accelerator.is_available()
    assert library.accelerator.current_accelerator() is None and library.accelerator.device_count() == 0
    with library.accelerator.device_index(None):
        pass
    assert library.backends.cudnn.version() is None and library.get_default_device() == library.device("cpu")
    with library.device("cpu"):
        assert library.ones(1).device.type == "cpu"


def test_default_backends_of_devices():
    for device in ("cpu", "cuda:1", "mps"):
        same(lambda t: t.distributed.get_default_backend_for_device(device))
    same(lambda t: t.distributed.get_default_backend_for_device("meta"))


def test_backend_switches_are_kept():
    cudnn = rushlight.backends.cudnn
    assert cudnn.enabled and not cudnn.benchmark
    with cudnn.flags(benchmark=True):
        assert cudnn.benchmark
    assert not cudnn.benchmark
    rushlight.backends.cuda.matmul.allow_tf32 = True
    rushlight.backends.cuda.enable_flash_sdp(False)
    assert not rushlight.backends.cuda.flash_sdp_enabled()
    rushlight.backends.cuda.enable_flash_sdp(True)
    rushlight.set_float32_matmul_precision("high")
    assert rushlight.get_float32_matmul_precision() == "high"
    rushlight.set_float32_matmul_precision("highest")
    with pytest.raises(RuntimeError, match="lowest"):
        rushlight.set_float32_matmul_precision("lowest")


@BOTH
def test_deterministic_switch(library):
    library.use_deterministic_algorithms(True, warn_only=True)
    assert library.are_deterministic_algorithms_enabled() and library.get_deterministic_debug_mode() == 1
    library.set_deterministic_debug_mode("default")
    assert not library.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("name", ["inf", "nan", "pi", "e", "newaxis"])
def test_constants(name):
    assert str(getattr(rushlight, name)) == str(getattr(torch, name))


def test_typename():
    same(lambda t: (t.typename(t.ones(1)), t.typename(1), t.typename(str)))


def test_scripts_and_traces_are_what_they_were():
    net = rushlight.nn.Linear(2, 1)
    assert rushlight.jit.script(net) is net is rushlight.jit.trace(net, rushlight.ones(1, 2))

    @rushlight.jit.ignore
    def plain(x):
        return x

    @rushlight.jit.unused
    def other(x):
        return x

    assert plain(1) == other(1) == 1 and not rushlight.jit.is_scripting()
    with pytest.raises(NotImplementedError, match="state_dict"):
        rushlight.jit.save(net, "x")


def test_data_parallel():
    def run(t):
        t.manual_seed(0)
        net = t.nn.DataParallel(t.nn.Linear(2, 1))
        return net(t.ones(3, 2)), list(net.state_dict()), net.device_ids

    same(run)


def test_data_parallel_as_a_function():
    net = rushlight.nn.Linear(2, 1)
    x = rushlight.ones(3, 2)
    assert rushlight.equal(rushlight.nn.parallel.data_parallel(net, x), net(x))


def test_attention_backends_are_accepted():
    def run(t):
        attention = t.nn.attention
        with attention.sdpa_kernel(attention.SDPBackend.MATH):
            return t.nn.functional.scaled_dot_product_attention(t.ones(1, 2, 4), t.ones(1, 2, 4), t.ones(1, 2, 4))

    same(run)


def test_subclasses_and_element_functions():
    class Mine(rushlight.Tensor):
        pass

    x = rushlight.ones(2, requires_grad=True).as_subclass(Mine)
    assert type(x) is Mine and x.requires_grad
    same(lambda t: t.arange(4.0).reshape(2, 2).t().apply_(lambda v: v * 2))
    same(lambda t: t.arange(6.0).reshape(2, 3).map_(t.tensor([10.0, 20, 30]), lambda v, w: v * w))
    same(lambda t: t.ones(2, requires_grad=True).apply_(abs))
    same(lambda t: t.ones(2, requires_grad=True).map_(t.ones(2), max))
    same(lambda t: t.ones(2).map_(t.ones(2, dtype=t.int64), max))


def test_downloads(tmp_path, monkeypatch):
    import hashlib

    rushlight.save({"w": rushlight.ones(2)}, tmp_path / "made.pt")
    digest = hashlib.sha256((tmp_path / "made.pt").read_bytes()).hexdigest()
    source = tmp_path / f"net-{digest[:8]}.pt"
    (tmp_path / "made.pt").rename(source)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    load = rushlight.hub.load_state_dict_from_url
    assert load(source.as_uri(), progress=False, check_hash=True)["w"].tolist() == [1, 1]
    source.unlink()
    assert load(source.as_uri(), progress=False)["w"].tolist() == [1, 1]  # kept
    other = tmp_path / "net-01234567.pt"
    other.write_bytes(b"changed")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        rushlight.utils.model_zoo.load_url(other.as_uri(), progress=False, check_hash=True)
    assert not list((tmp_path / "home").rglob("net-0123*"))


class Recorder:
    """Stands for tensorboardX's writer."""

    def __init__(self, *args):
        self.calls = [args]

    def add_scalar(self, *args, **kwargs):
        self.calls.append((args, kwargs))

    def close(self):
        self.calls.append("closed")


def test_summary_writer_hands_arrays_to_tensorboardx(monkeypatch, tmp_path):
    module = types.ModuleType("tensorboardX")
    module.SummaryWriter = Recorder
    module.__spec__ = types.SimpleNamespace()
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    with rushlight.utils.tensorboard.SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", rushlight.ones(1, requires_grad=True), 3, new_style=True)
    (first, (args, kwargs), last) = writer._writer.calls
    assert first[0] == str(tmp_path) == writer.get_logdir() and last == "closed"
    assert args[0] == "loss" and isinstance(args[1], np.ndarray) and kwargs == {"new_style": True}
    with pytest.raises(NotImplementedError, match="add_graph"):
        writer.add_graph(None)


def test_summary_writer_without_any_package(monkeypatch):
    monkeypatch.setattr("rushlight.utils.tensorboard.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboardX"):
        rushlight.utils.tensorboard.SummaryWriter()


def test_timer():
    timer = rushlight.utils.benchmark.Timer("x + 1", globals={"x": rushlight.ones(3)}, label="sum")
    result = timer.blocked_autorange(min_run_time=0.01)
    assert 0 < result.median < 1 and result.times and repr(result).startswith("sum\n  Median:")


class Like:
    """Takes over functions that are given to it."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return "taken", args


def test_overrides():
    o = rushlight.overrides
    assert o.is_tensor_like(Like()) and o.has_torch_function((1, Like()))
    assert not o.has_torch_function((rushlight.ones(1),))

    @o.wrap_torch_function(lambda x: (x,))
    def double(x):
        return x * 2

    assert double(3) == 6 and double(Like())[0] == "taken"
    with pytest.raises(TypeError):
        o.handle_torch_function(double, (1,), 1)
