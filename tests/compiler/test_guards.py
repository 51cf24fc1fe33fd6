"""Everything that can change between two calls: a replay takes it into account, or the call is recorded anew or runs as
it is. Each test changes one thing in the middle of a training that is replayed, and expects the plain one's bits."""

import copy
import threading

import numpy as np
import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.compiler.api import capture_of, explain
from tests.compiler.both_ways import bits, same_bits

FACTOR = 2.0
TABLE = [1.0, 2.0]
FLAGS = {"double": False}


class Net(nn.Module):
    """Reads what programs read: flags, numbers, lists, globals."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(4)
        self.scale, self.use_norm = 0.5, True
        self.weights = [1.0, 1.0]
        self.register_buffer("offset", torch.zeros(4))

    def forward(self, x, gain=1.0):
        x = self.drop(F.relu(self.first(x)))
        if self.use_norm:
            x = self.norm(x)
        x = (x + self.offset) * (self.scale * FACTOR * TABLE[0] * gain)
        if FLAGS["double"]:
            x = x * 2
        for weight in self.weights:
            x = x * weight
        return self.second(x)


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 0.5


def swap_layer(net, opt):
    net.second = Halved(4, 2)
    opt.add_param_group({"params": net.second.parameters()})


def swap_parameter(net, opt):
    net.first.weight = nn.Parameter(torch.ones(4, 4) * 0.1)


def halve(net, opt):
    for group in opt.param_groups:
        group["lr"] *= 0.5


def patch_class(net, opt):
    Net.forward, Net.other = Net.other, Net.forward


def other(self, x, gain=1.0):
    return self.second(self.first(x))


Net.other = other


def set_global(value):
    def change(net, opt):
        globals()["FACTOR"] = value

    return change


def shadow_forward(net, opt):
    net.first.forward = lambda x: F.linear(x, net.first.weight) * 3


def hook(net, opt):
    net.first.register_forward_hook(lambda module, args, out: out * 2)


def backward_hook(net, opt):
    net.second.weight.register_hook(lambda grad: grad * 2)


CHANGES = {
    "eval": lambda net, opt: net.eval(),
    "eval of a part": lambda net, opt: net.drop.eval(),
    "number attribute": lambda net, opt: setattr(net, "scale", 0.25),
    "flag attribute": lambda net, opt: setattr(net, "use_norm", False),
    "list attribute": lambda net, opt: net.weights.append(0.5),
    "list item": lambda net, opt: net.weights.__setitem__(0, 0.5),
    "global number": set_global(3.0),
    "global list": lambda net, opt: TABLE.__setitem__(0, 4.0),
    "global dict": lambda net, opt: FLAGS.update(double=True),
    "dropout rate": lambda net, opt: setattr(net.drop, "p", 0.1),
    "momentum of the norm": lambda net, opt: setattr(net.norm, "momentum", 0.3),
    "frozen parameter": lambda net, opt: net.first.weight.requires_grad_(False),
    "frozen module": lambda net, opt: net.first.requires_grad_(False),
    "layer": swap_layer,
    "parameter": swap_parameter,
    "parameter's data": lambda net, opt: setattr(net.first.weight, "data", torch.ones(4, 4) * 0.1),
    "parameter in place": lambda net, opt: net.first.weight.data.mul_(0.5),
    "buffer": lambda net, opt: setattr(net, "offset", torch.ones(4)),
    "buffer in place": lambda net, opt: net.offset.fill_(0.5),
    "state dict": lambda net, opt: net.load_state_dict({k: v * 0.5 for k, v in net.state_dict().items()}),
    "learning rate": halve,
    "weight decay": lambda net, opt: opt.param_groups[0].update(weight_decay=0.1),
    "class": patch_class,
    "forward of an instance": shadow_forward,
    "hook": hook,
    "hook of a gradient": backward_hook,
    "double": lambda net, opt: net.double(),
    "seed": lambda net, opt: torch.manual_seed(5),
}


@pytest.fixture(autouse=True)
def restored():
    before = FACTOR, list(TABLE), dict(FLAGS), Net.forward, Net.other
    yield
    globals()["FACTOR"], Net.forward, Net.other = before[0], before[3], before[4]
    TABLE[:], FLAGS["double"] = before[1], before[2]["double"]


def undo():
    globals()["FACTOR"], TABLE[:], FLAGS["double"] = 2.0, [1.0, 2.0], False


def training(change, whole):
    def scenario(compile_):
        undo()
        net = Net()
        opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(called(x), y)
            loss.backward()
            opt.step()
            return loss

        called = net if whole else compile_(net)
        step = compile_(step) if whole else step
        losses = []
        for i in range(24):
            if i == 18:
                change(net, opt)
            x = torch.randn(6, 4, dtype=net.first.weight.dtype)
            losses.append(step(x, torch.randint(0, 2, (6,))))
        return losses, net.state_dict(), [p.grad for p in net.parameters() if p.grad is not None]

    return scenario


@pytest.mark.parametrize("whole", [False, True], ids=["module", "step"])
@pytest.mark.parametrize("name", CHANGES)
def test_change(name, whole):
    forward, other_ = Net.forward, Net.other

    def change(net, opt):
        CHANGES[name](net, opt)

    def scenario(compile_):
        Net.forward, Net.other = forward, other_
        return training(change, whole)(compile_)

    capture = same_bits(scenario)
    assert capture.replays >= (4 if whole else 14), explain(capture)


# ------------------------------------------------------------------------------------------------ arguments and modes


def replayed(function, *calls):
    """Calls a compiled function with each tuple of arguments in turn, three times over; returns it and its results."""
    made = torch.compile(function)
    results = [made(*args) for _ in range(3) for args in calls]
    for result, args in zip(results, calls * 3):
        assert bits(result) == bits(function(*args))
    return made, results


def test_arguments():
    x = torch.randn(2, 3)
    calls = [
        (x, 1.0),
        (x, 2.0),
        (x, -0.0),
        (x, 0.0),
        (torch.randn(4, 3), 1.0),
        (torch.randn(3, 2).t(), 1.0),
        (x.double(), 1.0),
    ]
    made, _ = replayed(lambda x, factor: (x * factor).exp() / x, *calls)
    assert capture_of(made).replays >= len(calls)


def test_the_same_tensor_twice():
    a, b = torch.randn(3), torch.randn(3)
    replayed(lambda x, y: x * y if x is y else x + y, (a, b), (a, a), (b, b), (b, a))


def test_containers_and_names():
    def scaled(batch, *, scale=1.0):
        first, second = batch["pair"]
        return {"sum": (first + second) * scale, "parts": [first, second * 2]}

    made = torch.compile(scaled)
    for i in range(6):
        batch = {"pair": (torch.full((2,), float(i)), torch.ones(2))}
        assert bits(made(batch, scale=2.0)) == bits(scaled(batch, scale=2.0))
    assert capture_of(made).replays >= 3
    assert made({"pair": [torch.ones(1), torch.ones(1)]})["sum"].item() == 2


def test_closures_and_defaults():
    factor, table = 2.0, torch.ones(2)

    def scaled(x, shift=1.0):
        return x * factor + table + shift

    made = torch.compile(scaled)
    for change in (None, None, None, "factor", "in place", "tensor", "default"):
        if change == "factor":
            factor = 3.0
        elif change == "in place":
            table.mul_(5)
        elif change == "tensor":
            table = torch.zeros(2)
        elif change == "default":
            scaled.__defaults__ = (7.0,)
        for _ in range(3):
            assert bits(made(torch.ones(2))) == bits(scaled(torch.ones(2)))
    assert capture_of(made).replays >= 10


def test_grad_modes():
    net = nn.Linear(2, 2)
    made = torch.compile(net)
    x = torch.ones(1, 2)
    for _ in range(4):
        assert made(x).requires_grad
        with torch.no_grad():
            assert not made(x).requires_grad
        with torch.inference_mode():
            assert not made(x).requires_grad
        y = x.clone().requires_grad_()
        made(y).sum().backward()
        assert bits(y.grad) == bits(net.weight.sum(0, keepdim=True))
    assert capture_of(made).replays >= 6


def test_autocast_vmap_and_anomaly_mode_run_as_they_are():
    net = nn.Linear(2, 2)
    made = torch.compile(net)
    for _ in range(3):
        made(torch.ones(1, 2))
    before = capture_of(made).replays
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(torch.ones(1, 2)).dtype == torch.bfloat16
    assert torch.vmap(made)(torch.ones(5, 2)).shape == (5, 2)
    with torch.autograd.set_detect_anomaly(True):
        made(torch.ones(1, 2)).sum().backward()
    assert capture_of(made).replays == before
    made(torch.ones(1, 2))
    assert capture_of(made).replays == before + 1


def test_profiles_see_operators():
    net = nn.Linear(2, 2)
    made = torch.compile(net)
    for _ in range(3):
        made(torch.ones(1, 2))
    names = []

    def around(entry, kind, function, args):
        names.append(type(entry).__name__)
        return function(entry, *args)

    with torch.autograd.watch.watching(around):
        made(torch.ones(1, 2))
    assert names == ["Linear"]


def test_default_dtype():
    made = torch.compile(lambda x: x + torch.ones(2))
    x = torch.ones(2, dtype=torch.int64)
    assert [made(x).dtype for _ in range(3)] == [torch.float32] * 3
    torch.set_default_dtype(torch.float64)
    try:
        assert made(x).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_threads_replay_at_once():
    net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 4))
    made = torch.compile(net)
    inputs = [torch.randn(3, 8) for _ in range(4)]
    expected = [bits(net(x)) for x in inputs]
    for _ in range(3):
        made(inputs[0])
    wrong = []

    def work(i):
        wrong.extend(i for _ in range(100) if bits(made(inputs[i])) != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_number_of_threads_does_not_matter():
    net = nn.Linear(64, 64)
    made = torch.compile(net)
    x, before = torch.randn(64, 64), torch.get_num_threads()
    found = {bits(made(x))[2] for _ in range(3)}
    torch.set_num_threads(1)
    try:
        found.add(bits(made(x))[2])
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


def test_recompile_limit():
    made = torch.compile(lambda x, n: x + n)
    for n in range(20):
        assert made(torch.zeros(1), n).item() == n
    assert len(capture_of(made).recordings) == torch._dynamo.config.recompile_limit


def test_memory_does_not_grow():
    import gc

    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    made = torch.compile(net)
    for _ in range(5):
        made(torch.ones(1, 4)).sum().backward()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        made(torch.ones(1, 4)).sum().backward()
    gc.collect()
    assert len(gc.get_objects()) <= before + 20


def test_a_compiled_model_is_let_go():
    import gc
    import weakref

    net = nn.Linear(2, 2)
    made = torch.compile(net)
    for _ in range(4):
        made(torch.ones(1, 2))
    ref = weakref.ref(net)
    del net, made
    gc.collect()
    assert ref() is None


def test_copies():
    net = torch.compile(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    for _ in range(3):
        net(torch.ones(1, 2))
    twin = copy.deepcopy(net)
    assert list(twin.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    twin.eval()
    with torch.no_grad():
        twin._orig_mod[0].weight.zero_()
    assert net.training and not twin.training
    for _ in range(3):
        assert bits(twin(torch.ones(1, 2))) == bits(twin._orig_mod[0].bias.reshape(1, 2))
    assert np.any(net._orig_mod[0].weight.detach().numpy())
