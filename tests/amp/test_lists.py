"""What autocast casts, operator by operator, against PyTorch: the dtype of each result."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight

torch = pytest.importorskip("torch")


def normal(lib: Any, *shape: int) -> Any:
    return lib.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def spd(lib: Any) -> Any:
    return lib.eye(3) * 3 + normal(lib, 3, 3).sign() / 4


CALLS: dict[str, Any] = {
    "linear": lambda t, F, x: F.linear(x, normal(t, 4, 3), normal(t, 4)),
    "matmul": lambda t, F, x: (x @ x.mT, t.matmul(x[0], x[0]), x.matmul(x[0]), t.mm(x, x.T), x.T.mm(x)),
    "mv, dot and outer": lambda t, F, x: (t.mv(x, x[0]), t.dot(x[0], x[0]), t.outer(x[0], x[0])),
    "bmm": lambda t, F, x: (t.bmm(x[None], x.T[None]), t.baddbmm(x.T[None], x.T[None], x.T[None] @ x[None])[..., 0]),
    "addmm": lambda t, F, x: (t.addmm(x[0], x, spd(t)), t.addbmm(x[0], x[None], spd(t)[None])),
    "einsum": lambda t, F, x: (t.einsum("ij,kj->ik", x, x), t.einsum("ij->j", x), t.tensordot(x, x, 2)),
    "chains": lambda t, F, x: (t.linalg.multi_dot([x, x.T, x]), t.inner(x, x), t.linalg.vecdot(x, x)),
    "conv": lambda t, F, x: (
        F.conv1d(x[None], normal(t, 2, x.shape[0], 2)),
        F.conv2d(x[None, None], normal(t, 2, 1, 2, 2), normal(t, 2)),
        F.conv3d(x[None, None, None], normal(t, 2, 1, 1, 2, 2)),
        F.conv_transpose1d(x[None], normal(t, x.shape[0], 2, 2)),
        F.conv_transpose2d(x[None, None], normal(t, 1, 2, 2, 2)),
    ),
    "attention": lambda t, F, x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "attention with a mask": lambda t, F, x: F.scaled_dot_product_attention(x[None], x[None], x[None], x @ x.T),
    "prelu": lambda t, F, x: F.prelu(x, normal(t, 1)),
    "losses": lambda t, F, x: (
        F.mse_loss(x, x * 2),
        F.l1_loss(x, x * 2),
        F.smooth_l1_loss(x, x * 2),
        F.huber_loss(x, x * 2),
        F.cross_entropy(x, t.ones(len(x), dtype=t.int64)),
        F.nll_loss(x, t.ones(len(x), dtype=t.int64)),
        F.kl_div(x, x.softmax(-1), reduction="batchmean"),
        F.poisson_nll_loss(x, x),
        F.soft_margin_loss(x, x.sign()),
        F.hinge_embedding_loss(x, x.sign()),
    ),
    "losses of pairs": lambda t, F, x: (
        F.binary_cross_entropy(x.sigmoid(), x.sigmoid()),
        F.binary_cross_entropy_with_logits(x, x.sigmoid()),
        F.cosine_embedding_loss(x, x * 2, t.ones(len(x))),
        F.margin_ranking_loss(x, x * 2, x.sign()),
        F.triplet_margin_loss(x, x + 1, x - 2),
        F.multi_margin_loss(x, t.ones(len(x), dtype=t.int64)),
    ),
    "pools of volumes": lambda t, F, x: (
        F.max_pool3d(x[None, None], 1),
        F.avg_pool3d(x[None, None], 1),
        F.adaptive_avg_pool3d(x[None, None], 1),
    ),
    "pools of images": lambda t, F, x: (F.max_pool2d(x[None], 2), F.avg_pool2d(x[None], 2)),
    "padding": lambda t, F, x: (
        F.pad(x, (1, 1), "reflect"), F.pad(x, (1, 1), mode="replicate"), F.pad(x, (1, 1)), F.pad(x, (1, 1), "circular")
    ),
    "numbers that need precision": lambda t, F, x: (x.prod(), x.prod(0), t.cdist(x, x), t.trace(x), x.quantile(0.5)),
    "sums and norms": lambda t, F, x: (x.sum(), x.mean(0), t.linalg.norm(x), x.std(), t.cumsum(x, 0)),
    "activations and norms": lambda t, F, x: (F.gelu(x), x.softmax(-1), F.layer_norm(x, (3,)), x.exp(), x * 2),
    "fft": lambda t, F, x: (t.fft.rfft(x), t.fft.fft2(x), t.fft.irfft(t.fft.rfft(x), 3)),
    "matrices": lambda t, F, x: (
        t.linalg.inv(spd(t).to(x.dtype)),
        t.linalg.solve(spd(t).to(x.dtype), x.T),
        t.linalg.svdvals(x),
        t.linalg.qr(x)[1],
        t.linalg.cholesky(spd(t).to(x.dtype) @ spd(t).mT),
        t.linalg.eigvalsh(spd(t).to(x.dtype)),
        t.inverse(spd(t).to(x.dtype)),
    ),
    "det": lambda t, F, x: t.linalg.det(spd(t)),
    "joining": lambda t, F, x: (t.cat([x, normal(t, 1, 3)]), t.stack([x[0], normal(t, 3)]), t.cat([x, x])),
    "mixed arithmetic": lambda t, F, x: (x + normal(t, 3), x.mul(normal(t, 3)), t.where(x > 0, x, normal(t, 3))),
    "integers and float64": lambda t, F, x: (x.long() @ x.long().T, x.double() @ x.double().T),
    "grid_sample": lambda t, F, x: F.grid_sample(x[None, None], normal(t, 1, 2, 2, 2), align_corners=False),
}  # fmt: skip

LAYERS: dict[str, Any] = {
    "LSTM": lambda nn: nn.LSTM(3, 4),
    "two layers, both ways": lambda nn: nn.LSTM(3, 4, 2, bidirectional=True),
    "GRU": lambda nn: nn.GRU(3, 4),
    "RNN": lambda nn: nn.RNN(3, 4),
    "MLP": lambda nn: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2)),
    "CNN": lambda nn: nn.Sequential(nn.Unflatten(1, (1, 2)), nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.ReLU()),
    "Transformer": lambda nn: nn.Sequential(nn.Linear(3, 4), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)),
    "Bilinear": lambda nn: nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 2)),
}


def dtypes(values: Any) -> list[str]:
    values = values if isinstance(values, (tuple, list)) else (values,)
    return [d for v in values for d in (dtypes(v) if isinstance(v, (tuple, list)) else [str(v.dtype)])]


@pytest.mark.parametrize("given", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("fast", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_dtypes(name: str, fast: str, given: str) -> None:
    def outcome(lib: Any) -> Any:
        x = normal(lib, 4, 3).to(getattr(lib, given))
        try:
            with lib.autocast("cpu", getattr(lib, fast)):
                return dtypes(CALLS[name](lib, lib.nn.functional, x))
        except RuntimeError as error:
            return str(error)[:20]

    theirs = outcome(torch)
    if isinstance(theirs, list):
        assert outcome(rushlight) == theirs


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, given: str) -> None:
    """Results and gradients have PyTorch's dtypes and, as far as bfloat16 goes, numbers."""

    def outcome(lib: Any) -> Any:
        lib.manual_seed(0)
        layer = LAYERS[name](lib.nn)
        x = normal(lib, 5, 2, 3).to(getattr(lib, given))
        x = x.abs().long() % 3 if name == "Bilinear" else x
        with lib.autocast("cpu"):
            out = layer(x)
        first = out[0] if isinstance(out, tuple) else out
        first.float().sin().sum().backward()
        grads = [p.grad for p in layer.parameters()]
        return dtypes([out, grads]), [v.detach().float().numpy() for v in (first, *grads)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (kinds, values), (expected_kinds, expected) = outcome(rushlight), outcome(torch)
    assert kinds == expected_kinds
    for mine, theirs in zip(values, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, 0.1, 0.1)
