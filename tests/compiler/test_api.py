"""torch.compile and its surroundings take what PyTorch's take."""

import pickle

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.compiler.api import capture_of, explain
from tests.compiler.both_ways import bits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.size = 3

    def forward(self, x):
        return self.layer(x)

    def doubled(self, x):
        return self(x) * 2


def scaled(x):
    return x * 2


def test_a_module():
    net = Net()
    made = torch.compile(net)
    assert isinstance(made, torch.compiler.OptimizedModule) and isinstance(made, torch._dynamo.OptimizedModule)
    assert isinstance(made, nn.Module) and made._orig_mod is net
    assert list(made.state_dict()) == ["_orig_mod.layer.weight", "_orig_mod.layer.bias"]
    assert [name for name, _ in made.named_parameters()] == list(made.state_dict())
    assert made.size == 3 and made.layer is net.layer and bits(made.doubled(torch.ones(1, 2)))
    made.size = 4
    assert net.size == 4
    made.eval()
    assert not net.training and not made.training and not net.layer.training
    made.train()
    assert net.training and made.training
    with pytest.raises(AttributeError, match="missing"):
        made.missing
    made.load_state_dict({name: value * 0 for name, value in made.state_dict().items()})
    assert not net.layer.weight.any()
    assert "OptimizedModule(" in repr(made) and "(_orig_mod): Net(" in repr(made)
    assert torch.compile(made) is made


def test_other_modules_stay_quick():
    """A `__getattr__` of Module's own would slow every attribute down (see Module.__init_subclass__)."""
    assert "__getattr__" in vars(torch.compiler.OptimizedModule)


def test_pickles():
    made = pickle.loads(pickle.dumps(torch.compile(nn.Linear(2, 2))))
    assert bits(made(torch.ones(1, 2))) == bits(made._orig_mod(torch.ones(1, 2)))


def test_a_function_and_a_decorator():
    made = torch.compile(scaled)
    assert made.__name__ == "scaled" and made(torch.ones(1)).item() == 2

    @torch.compile
    def plain(x):
        """Adds one."""
        return x + 1

    @torch.compile(fullgraph=True, dynamic=True, mode="reduce-overhead")
    def optioned(x):
        return x + 2

    assert plain.__doc__ == "Adds one." and optioned(torch.ones(1)).item() == 3
    assert [plain(torch.ones(1)).item() for _ in range(4)] == [2] * 4 and capture_of(plain).replays == 2


def test_methods():
    class Model(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        @torch.compile
        def forward(self, x):
            return x * self.factor

    one, two = Model(1), Model(2)
    for _ in range(4):
        assert (one(torch.ones(1)).item(), two(torch.ones(1)).item()) == (1, 2)
    assert capture_of(Model.forward).replays >= 4


def test_a_compiled_part_of_a_compiled_whole():
    part = torch.compile(nn.Linear(2, 2))
    whole = torch.compile(nn.Sequential(part, nn.ReLU()))
    plain = nn.Sequential(part._orig_mod, nn.ReLU())
    for _ in range(4):
        x = torch.randn(3, 2)
        assert bits(whole(x)) == bits(plain(x))
    assert capture_of(whole).replays == 2


def test_module_compile():
    net = Net()
    plain = Net()
    plain.load_state_dict(net.state_dict())
    assert net.compile() is None
    for _ in range(4):
        x = torch.randn(1, 2)
        assert bits(net(x)) == bits(plain(x))
    assert capture_of(net).replays == 2 and list(net.state_dict()) == ["layer.weight", "layer.bias"]
    twin = pickle.loads(pickle.dumps(net))
    assert "forward" not in vars(twin) and bits(twin(x)) == bits(net(x))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"backend": "nothing"}, RuntimeError, "Invalid backend: 'nothing'"),
        ({"mode": "fastest"}, RuntimeError, "Unrecognized mode=fastest"),
        ({"mode": "default", "options": {}}, RuntimeError, "Either mode or options"),
        ({"backend": lambda graph, inputs: graph}, NotImplementedError, "backend of your own"),
    ],
)
def test_refused_options(options, error, match):
    with pytest.raises(error, match=match):
        torch.compile(nn.Linear(1, 1), **options)
    with pytest.raises(error, match=match):
        nn.Linear(1, 1).compile(**options)


def test_what_is_no_model():
    with pytest.raises(RuntimeError, match="expects a callable"):
        torch.compile(3)


def test_as_it_is():
    net = nn.Linear(1, 1)
    assert torch.compile(net, disable=True) is net is torch.compile(net, backend="eager")
    net.compile(backend="eager")
    assert "forward" not in vars(net)
    assert torch.compiler.list_backends() == ["cudagraphs", "inductor"]


def test_reset_and_stances():
    made = torch.compile(scaled)
    for _ in range(4):
        made(torch.ones(1))
    torch.compiler.reset()
    assert explain(made) == "0 of 0 calls replayed; 0 recordings"
    with torch.compiler.set_stance("force_eager"):
        made(torch.ones(1))
    for _ in range(4):
        made(torch.ones(1))
    with torch.compiler.set_stance("eager_on_recompile"):
        made(torch.ones(1))
        made(torch.ones(2))
    assert explain(made) == "3 of 6 calls replayed; 1 recording"
    with pytest.raises(NotImplementedError, match="set_stance"):
        torch.compiler.set_stance("fail_on_recompile")
    torch._dynamo.reset()
    assert not torch.compiler.is_compiling() and not torch._dynamo.is_compiling()


def test_without_native_kernels(monkeypatch):
    monkeypatch.setattr("rushlight.compiler.capture.native", None)
    made = torch.compile(scaled)
    assert [made(torch.ones(1)).item() for _ in range(3)] == [2] * 3 and not capture_of(made).recordings


def test_explain_takes_what_was_compiled():
    with pytest.raises(TypeError, match="expected what compile returned"):
        explain(scaled)


def test_disable():
    @torch.compiler.disable(reason="it counts")
    def counting(x):
        return x

    assert torch.compile(counting) is counting and counting(1) == 1
    outer = torch.compiler.disable(lambda x: counting(x) + 1, recursive=False)
    assert torch.compile(outer) is outer and outer(1) == 2


def test_after_walks_were_looked_at():
    """utils.checkpoint leaves an observer of walks behind, which is told of the graph's walks and changes none."""
    x = torch.ones(2, requires_grad=True)
    torch.utils.checkpoint.checkpoint(scaled, x, use_reentrant=False).sum().backward()
    made = torch.compile(scaled)
    assert [made(torch.ones(1)).item() for _ in range(4)] == [2] * 4 and capture_of(made).recordings
