"""Whole steps as programs write them: two networks that take turns, gradients of several batches, tied weights, cells
in a loop, a policy with its critic."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn, optim
from rushlight.compiler.api import explain
from tests.compiler.both_ways import same_bits


def adversaries(compile_):
    generator = nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(8, 1))
    make, judge = optim.Adam(generator.parameters(), lr=1e-3), optim.Adam(critic.parameters(), lr=1e-3)

    @compile_
    def step(real):
        n = real.size(0)
        fake = generator(torch.randn(n, 3))
        judge.zero_grad()
        loss = F.binary_cross_entropy_with_logits(critic(real), torch.ones(n, 1))
        loss = loss + F.binary_cross_entropy_with_logits(critic(fake.detach()), torch.zeros(n, 1))
        loss.backward()
        judge.step()
        make.zero_grad()
        fooled = F.binary_cross_entropy_with_logits(critic(fake), torch.ones(n, 1))
        fooled.backward()
        make.step()
        return loss.item(), fooled.item()

    return [step(torch.randn(4, 2)) for _ in range(40)], generator.state_dict(), critic.state_dict()


def accumulated(compile_):
    net = nn.Linear(3, 2)
    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    @compile_
    def part(x, y):
        loss = F.mse_loss(net(x), y) / 2
        loss.backward()
        return loss.detach()

    losses = []
    for i in range(60):
        losses.append(part(torch.randn(4, 3), torch.randn(4, 2)))
        if i % 2:
            opt.step()
            opt.zero_grad()
    return losses, net.state_dict()


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.cell, self.head = nn.Embedding(9, 6), nn.GRUCell(6, 6), nn.Linear(6, 9, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        x, h, states = self.words(tokens), torch.zeros(tokens.size(0), 6), []
        for i in range(tokens.size(1)):
            h = self.cell(x[:, i], h)
            states.append(h)
        return self.head(torch.stack(states, 1))


def tied(compile_):
    model = Tied()
    opt = optim.AdamW(model.parameters(), lr=1e-2)

    @compile_
    def step(tokens):
        opt.zero_grad(set_to_none=True)
        scores = model(tokens[:, :-1])
        loss = F.cross_entropy(scores.reshape(-1, 9), tokens[:, 1:].reshape(-1))
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        return loss, norm

    return [step(torch.randint(0, 9, (3, 5))) for _ in range(40)], model.state_dict()


def policy(compile_):
    body, actions, worth = nn.Sequential(nn.Linear(4, 16), nn.Tanh()), nn.Linear(16, 2), nn.Linear(16, 1)
    opt = optim.Adam([*body.parameters(), *actions.parameters(), *worth.parameters()], lr=1e-2)

    @compile_
    def update(x, taken, reward):
        h = body(x)
        logp, value = F.log_softmax(actions(h), -1), worth(h).squeeze(-1)
        advantage = (reward - value).detach()
        loss = -(logp * taken).sum(-1).mul(advantage).mean() + F.smooth_l1_loss(value, reward)
        loss = loss + 0.01 * (logp.exp() * logp).sum(-1).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    @compile_
    def act(x):
        with torch.no_grad():
            return F.softmax(actions(body(x)), -1)

    losses = []
    for _ in range(40):
        x = torch.randn(5, 4)
        taken = F.one_hot(torch.multinomial(act(x), 1).squeeze(-1), 2).float()
        losses.append(update(x, taken, torch.randn(5)))
    return losses, body.state_dict()


@pytest.mark.parametrize("program", [adversaries, accumulated, tied, policy], ids=lambda program: program.__name__)
def test_program(program):
    capture = same_bits(program)
    assert capture.replays >= 20 and not capture.refusals, explain(capture)
