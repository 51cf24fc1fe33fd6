"""Compiled trainings have the bits of plain ones: by module and by whole step, several optimizers and schedules."""

import pytest

import rushlight as torch
import rushlight.nn.functional as F
from rushlight import nn, optim
from tests.compiler.both_ways import same_bits

STEPS = 40


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 3)])
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.drop(F.relu(layer(x)))
        return self.layers[-1](x)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
        )
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4 * 3 * 3, 3)

    def forward(self, x):
        x = self.features(x.view(-1, 1, 6, 6))
        x = x + F.relu(x)
        x = self.drop(x.view(x.size(0), -1))
        return self.head(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.LSTM(3, 5, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        y, (h, _) = self.cells(x.view(x.shape[0], -1, 3))
        return self.head(y[:, -1]) + h[-1].sum() * 0


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def attend(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (each.view(B, T, self.heads, C // self.heads).transpose(1, 2) for each in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(7, 8), nn.Embedding(6, 8)
        self.blocks = nn.ModuleList([Block(8, 2) for _ in range(2)])
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = (x[:, :6].abs() * 3).long().clamp(0, 6)
        _, t = tokens.size()
        pos = torch.arange(0, t, dtype=torch.long)
        x = self.tokens(tokens) + self.places(pos)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, -1, :])


MODELS = {Mlp: 6, Cnn: 36, Recurrent: 12, Gpt: 6}
OPTIMIZERS = {
    "sgd": lambda params: optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "adam": lambda params: optim.Adam(params),
    "adamw": lambda params: optim.AdamW(params, lr=1e-3, amsgrad=True),
    "rmsprop": lambda params: optim.RMSprop(params, lr=1e-3),
}


def batches(width, count=STEPS):
    return [(torch.randn(5, width), torch.randint(0, 3, (5,))) for _ in range(count)]


def by_module(kind, optimizer):
    def scenario(compile_):
        model = kind()
        net, opt = compile_(model), OPTIMIZERS[optimizer](model.parameters())
        scheduler = optim.lr_scheduler.CosineAnnealingLR(opt, 10)
        losses = []
        for x, y in batches(MODELS[kind]):
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            scheduler.step()
            losses.append(loss)
        net.eval()
        with torch.no_grad():
            losses += [net(x) for x, _ in batches(MODELS[kind], 4)]
        return losses, model.state_dict(), opt.state_dict()["state"]

    return scenario


def by_step(kind, optimizer):
    def scenario(compile_):
        model, criterion = kind(), nn.CrossEntropyLoss()
        opt = OPTIMIZERS[optimizer](model.parameters())
        scheduler = optim.lr_scheduler.StepLR(opt, 7, 0.5)

        @compile_
        def step(x, y):
            opt.zero_grad()
            logits = model(x)
            loss = criterion(logits, y)
            loss.backward()
            opt.step()
            return loss, (logits.argmax(1) == y).sum().item()

        found = []
        for x, y in batches(MODELS[kind]):
            found.append(step(x, y))
            scheduler.step()
        return found, model.state_dict(), [p.grad for p in model.parameters()], opt.state_dict()["state"]

    return scenario


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_by_module(kind, optimizer):
    if optimizer in ("rmsprop", "adamw") and kind is not Mlp:
        pytest.skip("one model is enough")
    capture = same_bits(by_module(kind, optimizer))
    assert capture.replays >= STEPS - 3 and not capture.refusals, capture.refusals


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_by_step(kind, optimizer):
    if optimizer in ("rmsprop", "adamw") and kind is not Mlp:
        pytest.skip("one model is enough")
    capture = same_bits(by_step(kind, optimizer))
    assert capture.replays >= STEPS - 15 and not capture.refusals, capture.refusals
