"""What cannot be recorded soundly runs as it is, with the right result, and `explain` says why."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn
from rushlight.compiler.api import capture_of, explain
from tests.compiler.both_ways import bits

SEEN = []
STATE = {"calls": 0}


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


def decides(x):
    if x.sum() > 0:
        return x * 2
    return x - 1


def picks(x):
    return x[x > 0]


def appends(x):
    SEEN.append(len(SEEN))
    return x * len(SEEN)


def prints(x):
    print("called")
    return x


def counts(x):
    STATE["calls"] += 1
    return x * STATE["calls"]


def reads_numbers(x):
    return x * x.sum().item()


def reads_arrays(x):
    return torch.from_numpy(x.numpy() + 1)


def writes_items(x):
    y = x.clone()
    y[0] = 5
    return y


def yields(x):
    def inner(y):
        yield y

    return next(inner(x))


def tries(x):
    try:
        return x + 1
    finally:
        pass


def makes_classes(x):
    class Local:
        value = 2

    return x * Local.value


def takes_data(x):
    return x.data * 2


@torch.compiler.disable
def disabled(x):
    return x + 1


def calls_disabled(x):
    return disabled(x) * 2


def random_numbers(x):
    import random

    return x * random.random()


def repeats(x):
    return x.repeat(x.abs().max().long())


def indexes(x):
    return x[(x[0] > 0).long()] + 1


def narrows(x):
    return x.narrow(0, (x[0] > 0).long(), 1) + 1


def slices(x):
    return x[: (x[0] > 0).long() + 1] + 1


REFUSED = {
    decides: "the elements of a tensor decide",
    picks: "a tensor picks elements",
    appends: "a list is changed: append",
    prints: "print is called",
    counts: "an item is written to",
    reads_numbers: "a number read from a tensor is used in Python",
    reads_arrays: "numpy is called",
    writes_items: "an item is written to",
    yields: "FunctionDef in line",
    tries: "Try in line",
    makes_classes: "ClassDef in line",
    takes_data: "Tensor.data is read",
    calls_disabled: "disabled is disabled",
    repeats: "a function reads the elements of a tensor",
    indexes: "a tensor picks elements",
    narrows: "a function reads the elements of a tensor",
    slices: "a function reads the elements of a tensor",
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_refused(function):
    made = torch.compile(function)
    for sign in (1, 1, -1, 1, -1):
        x = torch.tensor([1.0, -3.0, 4.0]) * sign
        found = bits(made(x))
        SEEN[-1:] = []  # the effects of one call only, so that both see the same
        STATE["calls"] -= function is counts
        assert found == bits(function(x))
    assert REFUSED[function] in explain(made) and capture_of(made).replays == 0
    assert len(capture_of(made).refusals) == 3  # then no more is tried


def test_modules_that_change_themselves():
    made = torch.compile(Counting())
    assert [made(torch.ones(1)).item() for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert "an attribute is written to: self.calls" in explain(made)


def test_hooks_run():
    net, seen = nn.Sequential(nn.Linear(2, 2)), []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    made = torch.compile(net)
    for _ in range(5):
        made(torch.ones(1, 2))
    assert len(seen) == 5 and "Linear has hooks" in explain(made)


def test_generated_code_is_not_read():
    space = {}
    exec("def doubled(x):\n    return x * 2", space)
    made = torch.compile(space["doubled"])
    assert [made(torch.ones(1)).item() for _ in range(3)] == [2, 2, 2]
    assert "is not at hand" in explain(made)


def test_a_closure_of_an_optimizer():
    w = torch.ones(1, requires_grad=True)
    opt = torch.optim.SGD([w], lr=0.1)

    def loss():
        opt.zero_grad()
        value = (w * w).sum()
        value.backward()
        return value

    made = torch.compile(lambda: opt.step(loss))
    assert [round(made().item(), 4) for _ in range(3)] == [1.0, 0.64, 0.4096]
    assert "closure" in explain(made)


def test_fullgraph_warns():
    made = torch.compile(decides, fullgraph=True)
    made(torch.ones(1))
    with pytest.warns(torch.mistakes.Notice, match="runs as it is, unrecorded: the elements"):
        made(torch.ones(1))


# -------------------------------------------------------------------------------------------------------------- errors


def test_errors_are_those_of_plain_calls():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    made = torch.compile(net)
    for _ in range(3):
        made(torch.tensor([1, 2]))
    assert capture_of(made).replays
    for bad in (torch.tensor([1, 7]), torch.tensor([1, -1])):
        with pytest.raises(IndexError) as mine:
            made(bad)
        with pytest.raises(IndexError) as plain:
            net(bad)
        assert str(mine.value).replace("_orig_mod.", "").replace("OptimizedModule", "Sequential") == str(plain.value)


def test_wrong_targets():
    made = torch.compile(lambda x, y: F.cross_entropy(x, y))
    for _ in range(3):
        made(torch.zeros(2, 3), torch.tensor([0, 2]))
    with pytest.raises(IndexError, match=r"Target 3 is out of bounds"):
        made(torch.zeros(2, 3), torch.tensor([0, 3]))


def test_wrong_shapes():
    made = torch.compile(nn.Linear(2, 1))
    for _ in range(3):
        made(torch.ones(1, 2))
    with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied"):
        made(torch.ones(1, 3))


def test_backward_twice():
    w = torch.ones(1, requires_grad=True)

    def step(x):
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    made = torch.compile(step)
    for _ in range(4):
        loss = made(torch.ones(1))
        assert loss.requires_grad and not loss.is_leaf
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
    assert capture_of(made).replays == 2


def test_writing_to_what_was_saved():
    net = nn.Linear(2, 2)
    made = torch.compile(net)
    for _ in range(4):
        out = made(torch.ones(1, 2, requires_grad=True))
        with torch.no_grad():
            net.weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()
