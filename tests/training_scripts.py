"""Training scripts written once against PyTorch's API: data, model, initialisation and shuffle all come from the seed.

Each takes the library and returns the losses of 100 steps. `python training_scripts.py` records PyTorch's in
golden/losses.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = 100
GOLDEN = Path(__file__).parent / "golden" / "losses.json"


def train(
    torch: Any, model: Any, optimizer: Any, x: Any, y: Any, after: Callable[[], Any] | None = None
) -> list[float]:
    """The plain loop over batches of 30, until 100 steps are done; `after` is called after each."""
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=30, shuffle=True)
    loss_of = torch.nn.CrossEntropyLoss()
    losses: list[float] = []
    while True:
        for inputs, targets in loader:
            loss = loss_of(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == STEPS:
                return losses
            if after is not None:
                after()


def mlp(torch: Any) -> list[float]:
    """Three linear layers, SGD with momentum, on classes that a random linear map gives."""
    nn = torch.nn
    torch.manual_seed(2)
    x = torch.randn(600, 20)
    y = (x @ torch.randn(20, 5)).argmax(1)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return train(torch, model, optimizer, x, y)


def cnn(torch: Any) -> list[float]:
    """Convolution, batch norm and pooling, Adam and a schedule, on images with a bright corner to be named."""
    nn = torch.nn
    torch.manual_seed(1)
    y = torch.randint(0, 4, (400,))
    x = torch.randn(400, 1, 12, 12)
    for corner in range(4):
        rows, columns = 6 * (corner // 2), 6 * (corner % 2)
        x[y == corner, :, rows : rows + 6, columns : columns + 6] += 0.5
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 4),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=STEPS)
    return train(torch, model, optimizer, x, y, schedule.step)


def lstm(torch: Any) -> list[float]:
    """An embedding, two LSTM layers and a head, AdamW and clipped gradients: names the symbol that came most often."""
    nn = torch.nn
    torch.manual_seed(2)
    x = torch.randint(0, 6, (300, 9))
    y = nn.functional.one_hot(x, 6).sum(1).argmax(1)

    class Reader(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(6, 12)
            self.rnn = nn.LSTM(12, 24, num_layers=2, batch_first=True)
            self.head = nn.Linear(24, 6)

        def forward(self, tokens: Any) -> Any:
            states, _ = self.rnn(self.embedding(tokens))
            return self.head(states[:, -1])

    model = Reader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

    def clip(*_: Any) -> None:
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)

    optimizer.register_step_pre_hook(clip)
    return train(torch, model, optimizer, x, y)


SCRIPTS = {"mlp": mlp, "cnn": cnn, "lstm": lstm}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    text = json.dumps({"torch": torch.__version__, **{name: run(torch) for name, run in SCRIPTS.items()}}, indent=1)
    GOLDEN.write_text(text + "\n", encoding="utf-8")
