"""What a replayed forward leaves on the tape is what the plain one leaves: gradients, hooks, second derivatives."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.compiler.api import capture_of
from tests.compiler.both_ways import bits


def net_and_made():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    made = torch.compile(net)
    for _ in range(3):
        made(torch.ones(1, 3))
        made(torch.ones(1, 3, requires_grad=True))
    return net, made


@pytest.fixture
def pair():
    net, made = net_and_made()
    yield net, made
    assert capture_of(made).replays >= 3


def test_second_derivatives(pair):
    def penalty(f):
        x = torch.linspace(0, 1, 3).reshape(1, 3).requires_grad_()
        (g,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
        return torch.autograd.grad((g * g).sum(), list(pair[0].parameters())[:3])

    assert bits(penalty(pair[0])) == bits(penalty(pair[1]))


def test_intermediate_gradients_and_hooks(pair):
    def run(f):
        seen = []
        x = torch.ones(1, 3, requires_grad=True)
        h = x * 2
        h.requires_grad_()
        h.retain_grad()
        y = f(h)
        y.register_hook(lambda g: seen.append(g.sum().item()))
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return seen, x.grad, h.grad

    assert bits(run(pair[0])) == bits(run(pair[1]))


def test_grad_fn(pair):
    x = torch.ones(1, 3, requires_grad=True)
    names = [type(f(x).grad_fn).__name__ for f in pair]
    assert names[0] == names[1] == "Linear"


def test_shared_weights_inside_and_outside():
    torch.manual_seed(0)
    net = nn.Linear(3, 3)
    made = torch.compile(lambda x: net(net(x)))
    xs = [torch.randn(2, 3) for _ in range(6)]
    for x in xs:
        grads = []
        for f in (lambda x: net(net(x)), made):
            net.zero_grad()
            net(f(net(x))).sum().backward()
            grads.append(bits([p.grad for p in net.parameters()]))
        assert grads[0] == grads[1]


def test_several_results():
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4)
    made = torch.compile(lstm)
    for pick in (0, 1, 2, 0, 1, 2):
        grads = []
        for f in (lstm, made):
            lstm.zero_grad()
            y, (h, c) = f(torch.ones(5, 2, 3))
            (y, h, c)[pick].sum().backward()
            grads.append(bits([p.grad for p in lstm.parameters()]))
        assert grads[0] == grads[1]
    assert capture_of(made).replays >= 4


def test_in_place_after_a_replay(pair):
    def run(f):
        x = torch.ones(1, 3, requires_grad=True)
        y = f(x)
        y.mul_(3)
        y.sum().backward()
        return y, x.grad

    assert bits(run(pair[0])) == bits(run(pair[1]))


def test_results_that_are_arguments_or_parameters(pair):
    net = pair[0]
    made = torch.compile(lambda x: (x, net[0].weight, x + 1))
    for _ in range(4):
        x = torch.ones(2)
        same, weight, _ = made(x)
        assert same is x and weight is net[0].weight
    assert capture_of(made).replays == 2


def test_views_of_arguments_are_views():
    made = torch.compile(lambda x: x.view(4))
    for _ in range(4):
        x = torch.zeros(2, 2)
        made(x).add_(1)
        assert x.sum() == 4


def test_writing_to_an_argument():
    def add_one(x):
        x.add_(1)
        return x * 2

    made = torch.compile(add_one)
    for _ in range(4):
        x = torch.zeros(2)
        assert made(x).tolist() == [2, 2] and x.tolist() == [1, 1]
    assert capture_of(made).replays == 2
