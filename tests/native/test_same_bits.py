"""Results do not depend on the number of threads: the same bits from operators at sizes that threads share, and from
whole training steps."""

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim
from rushlight.kernels import native
from rushlight.nn import functional as F

pytestmark = pytest.mark.skipif(native is None, reason="no native build")

IMAGES = (8, 64, 20, 20)
ROWS = (600, 300)
OPERATORS = {
    "linear": (F.linear, ROWS, (500, 300), (500,)),
    "linear, few entries": (F.linear, (20, 5000), (30, 5000), (30,)),
    "linear, one row": (F.linear, (1, 3000), (900, 3000), (900,)),
    "matmul": (rushlight.matmul, (300, 500), (500, 400)),
    "bmm": (rushlight.bmm, (24, 60, 70), (24, 70, 80)),
    "conv2d by Winograd": (lambda x, w, b: F.conv2d(x, w, b, padding=1), IMAGES, (96, 64, 3, 3), (96,)),
    "conv2d, strided": (lambda x, w: F.conv2d(x, w, stride=2, padding=2), IMAGES, (96, 64, 5, 5)),
    "conv2d, 1 x 1": (F.conv2d, IMAGES, (96, 64, 1, 1)),
    "conv2d of planes": (lambda x, w: F.conv2d(x, w, padding=1), (16, 3, 40, 40), (32, 3, 3, 3)),
    "conv2d, groups": (lambda x, w: F.conv2d(x, w, groups=4), IMAGES, (96, 16, 3, 3)),
    "conv2d, groups of 4": (lambda x, w: F.conv2d(x, w, padding=1, groups=16), IMAGES, (64, 4, 3, 3)),
    "conv2d, groups of 16": (lambda x, w: F.conv2d(x, w, stride=2, groups=4), IMAGES, (64, 16, 3, 3)),
    "conv2d, depthwise": (lambda x, w: F.conv2d(x, w, groups=64), IMAGES, (64, 1, 3, 3)),
    "conv1d": (F.conv1d, (16, 32, 400), (64, 32, 5)),
    "conv3d": (lambda x, w: F.conv3d(x, w, padding=1), (2, 16, 12, 12, 12), (16, 16, 3, 3, 3)),
    "conv_transpose2d": (lambda x, w: F.conv_transpose2d(x, w, stride=2), IMAGES, (64, 32, 4, 4)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGES),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGES),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 7), IMAGES),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), IMAGES, (64,), (64,)),
    "group_norm": (lambda x, w, b: F.group_norm(x, 8, w, b), IMAGES, (64,), (64,)),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (300,), w, b), ROWS, (300,), (300,)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (300,), w), ROWS, (300,)),
    "softmax": (lambda x: F.softmax(x, 1), ROWS),
    "log_softmax": (lambda x: F.log_softmax(x, 1), ROWS),
    "cross_entropy": (lambda x: F.cross_entropy(x, rushlight.arange(600) % 300), ROWS),
    "attention": (F.scaled_dot_product_attention, (4, 4, 100, 32), (4, 4, 100, 32), (4, 4, 100, 32)),
    "embedding": (lambda w: F.embedding(rushlight.arange(5000) * 7 % 900, w), (900, 64)),
    "gelu": (F.gelu, ROWS),
    "silu": (F.silu, ROWS),
    "tanh": (rushlight.tanh, ROWS),
    "sigmoid": (rushlight.sigmoid, ROWS),
    "relu": (F.relu, ROWS),
    "sum": (lambda x: x.sum(), ROWS),
    "sum over rows": (lambda x: x.sum(0), ROWS),
    "mean over columns": (lambda x: x.mean(1), ROWS),
    "arithmetic": (lambda x, y: (x * y + x.exp()) / (1 + y.abs()), ROWS, ROWS),
}


@pytest.fixture(autouse=True)
def threads():
    before = rushlight.get_num_threads()
    yield
    rushlight.set_num_threads(before)


def same_bits(compute):
    """Whether compute(), a list of Tensors or arrays, gives the same bits with 1, 2 and 3 threads."""
    results = []
    for count in (1, 2, 3):
        rushlight.set_num_threads(count)
        rushlight.manual_seed(0)
        results.append([np.array(getattr(r, "_array", r)) for r in compute()])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    function, *shapes = OPERATORS[name]

    def compute():
        operands = [rushlight.randn(*shape, requires_grad=True) for shape in shapes]
        y = function(*operands)
        return y, *rushlight.autograd.grad(y, operands, rushlight.randn_like(y))

    same_bits(compute)


def images():
    net = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(64, 64, 3, 2), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 10)),
    )
    return net, rushlight.randn(16, 3, 24, 24)


class Words(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.embedding, self.cell = nn.Embedding(50, 48), cell(48, 64, batch_first=True)
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 10)

    def forward(self, x):
        return self.head(F.gelu(self.norm(self.cell(self.embedding(x))[0][:, -1])))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(50, 64), nn.Linear(64, 10)
        self.layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)

    def forward(self, x):
        return self.head(self.layer(self.embedding(x)).mean(1))


def words(net):
    return net, rushlight.randint(0, 50, (16, 30))


MODELS = {
    "images": images,
    "LSTM": lambda: words(Words(nn.LSTM)),
    "GRU": lambda: words(Words(nn.GRU)),
    "RNN": lambda: words(Words(nn.RNN)),
    "transformer": lambda: words(Transformer()),
}
RULES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"]
STEPS = [(model, RULES[i % 3]) for i, model in enumerate(MODELS)] + [("images", rule) for rule in RULES[1:]]


@pytest.mark.parametrize("model, rule", STEPS)
def test_training_steps(model, rule):
    def compute():
        net, x = MODELS[model]()
        optimizer, target = getattr(optim, rule)(net.parameters(), lr=0.01), rushlight.randint(0, 10, (16,))
        losses = []
        for _ in range(3):
            loss = F.cross_entropy(net(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return [*losses, *(p.detach() for p in net.parameters())]

    same_bits(compute)
