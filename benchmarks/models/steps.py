"""One training step (forward, loss, backward, optimizer) of networks of several kinds.

Those called "replayed" are the same steps under Rushlight's `torch.compile`, beside PyTorch's as they are written."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from case import Call, Case


def mlp(torch: Any, *sizes: int) -> Any:
    nn = torch.nn
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def cnn(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def resnet(torch: Any) -> Any:
    """ResNet-18 for images of 32 x 32."""
    nn = torch.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, i: int, o: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
            self.conv2, self.norm2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            down = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
            self.short = nn.Identity() if stride == 1 and i == o else down

        def forward(self, x: Any) -> Any:
            y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
            return torch.relu(y + self.short(x))

    widths = [
        (64, 64, 1),
        (64, 64, 1),
        (64, 128, 2),
        (128, 128, 1),
        (128, 256, 2),
        (256, 256, 1),
        (256, 512, 2),
        (512, 512, 1),
    ]
    stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
    return nn.Sequential(stem, *[Block(*w) for w in widths], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def reader(torch: Any) -> Any:
    """An LSTM that predicts the next word."""
    nn = torch.nn

    class Reader(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(1000, 128), nn.LSTM(128, 128, batch_first=True)
            self.head = nn.Linear(128, 1000)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.rnn(self.embedding(tokens))[0]).reshape(-1, 1000)

    return Reader()


def transformer(torch: Any) -> Any:
    """Four layers of 128 that classify sequences of 64 tokens."""
    nn = torch.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, activation="gelu", batch_first=True)
            self.embedding, self.encoder = nn.Embedding(65, 128), nn.TransformerEncoder(layer, 4)
            self.head = nn.Linear(128, 10)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.encoder(self.embedding(tokens)).mean(1))

    return Classifier()


def step(name: str, build: Callable[[Any], Any], inputs: Callable[[Any], Any], classes: int, optimizer: str) -> Case:
    """The training step of a classifier."""

    def make(torch: Any) -> Call:
        torch.manual_seed(0)
        model, x = build(torch), inputs(torch)
        with torch.no_grad():
            rows = model(x).shape[0]
        y = torch.randint(0, classes, (rows,))
        update = getattr(torch.optim, optimizer)(model.parameters(), lr=1e-4)

        def call() -> None:
            loss = torch.nn.functional.cross_entropy(model(x), y)
            update.zero_grad()
            loss.backward()
            update.step()

        return call

    return Case(name, make)


def replayed(case: Case) -> Case:
    """The same step, which Rushlight replays (its first calls are not counted)."""

    def make(torch: Any) -> Call:
        call = case.make(torch)
        if torch.__name__ != "rushlight":
            return call
        compiled: Call = torch.compile(call)
        for _ in range(15):
            compiled()
        return compiled

    return Case(f"{case.name}, replayed", make)


def act(torch: Any) -> Call:
    """An agent's choice: scores of one observation, without gradients."""
    torch.manual_seed(0)
    model, x = mlp(torch, 4, 64, 64, 2), torch.randn(1, 4)

    def call() -> Any:
        with torch.no_grad():
            return model(x)

    return call


STEPS = [
    step("mlp 4-64-64-2, batch 1", lambda t: mlp(t, 4, 64, 64, 2), lambda t: t.randn(1, 4), 2, "Adam"),
    step("mlp 4-64-64-2, batch 8", lambda t: mlp(t, 4, 64, 64, 2), lambda t: t.randn(8, 4), 2, "Adam"),
    step("mlp 4-64-64-2, batch 32", lambda t: mlp(t, 4, 64, 64, 2), lambda t: t.randn(32, 4), 2, "Adam"),
    step("mlp 784-128-64-10, batch 64", lambda t: mlp(t, 784, 128, 64, 10), lambda t: t.randn(64, 784), 10, "SGD"),
    step(
        "mlp 784-1024-1024-10, batch 512", lambda t: mlp(t, 784, 1024, 1024, 10), lambda t: t.randn(512, 784), 10, "SGD"
    ),
    step("cnn on 28 x 28, batch 64", cnn, lambda t: t.randn(64, 1, 28, 28), 10, "Adam"),
    step("resnet18 on 32 x 32, batch 32", resnet, lambda t: t.randn(32, 3, 32, 32), 10, "SGD"),
    step("lstm 128, 32 x 50 words", reader, lambda t: t.randint(0, 1000, (32, 50)), 1000, "Adam"),
    step("transformer 4 x 128, 16 x 64 tokens", transformer, lambda t: t.randint(0, 65, (16, 64)), 10, "Adam"),
]
CASES = [Case("mlp 4-64-64-2, batch 1, inference", act)]
CASES += [each for case in STEPS for each in (case, replayed(case))]
