"""Layers against PyTorch's: same seed, same weights, names, text and results."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from both import torch

import rushlight
from rushlight import nn

X1, X2, X3 = (2, 4, 7), (2, 4, 6, 5), (2, 4, 4, 5, 4)

# (class, arguments, options, shapes of the inputs)
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], list[Any]]] = [
    ("Identity", (54,), {"unused": 1}, [(2, 3)]),
    ("Linear", (5, 3), {}, [(2, 5)]),
    ("Linear", (5, 3, False), {}, [(2, 4, 5)]),
    ("Bilinear", (5, 4, 3), {}, [(2, 5), (2, 4)]),
    ("Conv1d", (4, 6, 3), {"padding": "same", "padding_mode": "circular"}, [X1]),
    ("Conv2d", (4, 6, 3), {"stride": 2, "padding": 1}, [X2]),
    ("Conv2d", (4, 6, (3, 2), 1, (1, 0), (1, 2), 2, False), {}, [X2]),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "reflect"}, [X2]),
    ("Conv2d", (4, 6, 2), {"padding": "same", "padding_mode": "replicate"}, [X2]),
    ("Conv3d", (4, 2, 3), {"padding": 1}, [X3]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, [X1]),
    ("ConvTranspose2d", (4, 6, 3, 2, 1, 1, 2), {}, [X2]),
    ("ConvTranspose3d", (4, 2, 2), {"dilation": 2, "bias": False}, [X3]),
    ("MaxPool1d", (2,), {}, [X1]),
    ("MaxPool2d", (3, 2, 1), {"ceil_mode": True}, [X2]),
    ("MaxPool3d", (2,), {"return_indices": True}, [X3]),
    ("AvgPool1d", (2, 1), {}, [X1]),
    ("AvgPool2d", ((3, 2),), {"padding": 1, "count_include_pad": False}, [X2]),
    ("AvgPool3d", (2,), {"divisor_override": 3}, [X3]),
    ("LPPool2d", (2, 3), {"stride": 2}, [X2]),
    ("AdaptiveAvgPool1d", (3,), {}, [X1]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [X2]),
    ("AdaptiveMaxPool2d", (2, True), {}, [X2]),
    ("AdaptiveMaxPool3d", ((2, 3, 1),), {}, [X3]),
    ("BatchNorm1d", (4,), {}, [X1]),
    ("BatchNorm1d", (4,), {"momentum": None}, [(5, 4)]),
    ("BatchNorm2d", (4, 1e-3, 0.3), {"affine": False}, [X2]),
    ("BatchNorm2d", (4,), {"track_running_stats": False, "bias": False}, [X2]),
    ("BatchNorm3d", (4,), {}, [X3]),
    ("InstanceNorm1d", (4,), {}, [X1]),
    ("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, [X2]),
    ("InstanceNorm3d", (4,), {}, [X3]),
    ("LayerNorm", (5,), {}, [X2]),
    ("LayerNorm", ([6, 5],), {"bias": False}, [X2]),
    ("LayerNorm", ((6, 5),), {"elementwise_affine": False}, [X2]),
    ("GroupNorm", (2, 4), {}, [X2]),
    ("RMSNorm", (5,), {}, [X2]),
    ("LocalResponseNorm", (3,), {}, [X2]),
    ("ConstantPad1d", (2, 1.5), {}, [X1]),
    ("ConstantPad3d", ((1, 0, 0, 1, 2, 0), 1.5), {}, [X3]),
    ("ZeroPad2d", ((1, -1, 0, 2),), {}, [X2]),
    ("ReflectionPad1d", (2,), {}, [X1]),
    ("ReflectionPad3d", (1,), {}, [X3]),
    ("ReplicationPad2d", ((1, 2, 0, 1),), {}, [X2]),
    ("CircularPad2d", (2,), {}, [X2]),
    ("Upsample", (), {"scale_factor": (2, 1.5), "mode": "bilinear"}, [X2]),
    ("Upsample", ((8, 9),), {}, [X2]),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, [X2]),
    ("UpsamplingBilinear2d", ((3, 9),), {}, [X2]),
    ("PairwiseDistance", (), {}, [(3, 4), (3, 4)]),
    ("CosineSimilarity", (), {"dim": 0}, [(3, 4), (3, 4)]),
    ("Fold", ((4, 5), 2), {}, [(2, 8, 12)]),
    ("Unfold", ((2, 3),), {"padding": 1}, [X2]),
    ("PixelShuffle", (2,), {}, [X2]),
    ("PixelUnshuffle", (2,), {}, [(1, 2, 4, 6)]),
    ("ChannelShuffle", (2,), {}, [X2]),
    ("Flatten", (), {}, [X2]),
    ("Unflatten", (1, (2, 2)), {}, [X2]),
    ("RNN", (5, 3, 2, "relu"), {"bidirectional": True}, [(4, 2, 5)]),
    ("LSTM", (5, 3), {}, [(4, 2, 5)]),
    ("LSTM", (5, 3, 2), {"bidirectional": True, "batch_first": True, "bias": False}, [(2, 4, 5)]),
    ("LSTM", (5, 3), {"proj_size": 2}, [(4, 5)]),
    ("GRU", (5, 3, 2), {"batch_first": True}, [(2, 4, 5)]),
    ("RNNCell", (5, 3), {"nonlinearity": "relu"}, [(2, 5)]),
    ("LSTMCell", (5, 3), {}, [(5,)]),
    ("GRUCell", (5, 3, False), {}, [(2, 5)]),
    ("MultiheadAttention", (4, 2), {"add_bias_kv": True}, [(3, 2, 4), (5, 2, 4), (5, 2, 4)]),
    (
        "MultiheadAttention",
        (4, 2),
        {"kdim": 3, "vdim": 2, "batch_first": True, "bias": False},
        [(2, 3, 4), (2, 5, 3), (2, 5, 2)],
    ),
    ("TransformerEncoderLayer", (4, 2, 8, 0.0), {"activation": "gelu"}, [(3, 2, 4)]),
    ("TransformerDecoderLayer", (4, 2, 8, 0.0), {"norm_first": True, "batch_first": True}, [(2, 3, 4), (2, 5, 4)]),
    ("Transformer", (4, 2, 1, 2, 8, 0.0), {}, [(3, 2, 4), (5, 2, 4)]),
    ("LazyLinear", (3,), {}, [(2, 5)]),
    ("LazyConv2d", (6, 3, 1, 1), {"bias": False}, [X2]),
    ("LazyConvTranspose1d", (6, 3), {"stride": 2}, [X1]),
    ("LazyBatchNorm2d", (), {"momentum": 0.5}, [X2]),
    ("LazyInstanceNorm1d", (), {}, [X1]),
]


def made(lib: Any, name: str, args: Any, kwargs: Any) -> Any:
    lib.manual_seed(7)
    return getattr(lib.nn, name)(*args, **kwargs)


def flat(result: Any) -> list[Any]:
    return [t for r in result for t in flat(r)] if isinstance(result, tuple) else [] if result is None else [result]


def arrays(tensors: Any) -> list[Any]:
    return [t.detach().numpy() for t in tensors]


def run(lib: Any, spec: Any) -> Any:
    """Text, names, first weights, outputs, gradients, and the state after two calls in training, one in evaluation."""
    name, args, kwargs, shapes = spec
    layer = made(lib, name, args, kwargs)
    texts, results = [repr(layer), list(layer.state_dict())], []
    if not name.startswith("Lazy"):
        results += arrays(layer.state_dict().values())
    inputs = [
        lib.tensor(np.random.default_rng(i).standard_normal(s).astype(np.float32), requires_grad=True)
        for i, s in enumerate(shapes)
    ]
    for training in (True, True, False):
        outputs = flat(layer.train(training)(*inputs))
        results += arrays(outputs)
        loss = sum(
            (out * lib.tensor(np.random.default_rng(9).standard_normal(tuple(out.shape)).astype(np.float32))).sum()
            for out in outputs
            if out.requires_grad
        )
        wanted = [*inputs, *(p for p in layer.parameters())]
        results += [None if g is None else g.numpy() for g in lib.autograd.grad(loss, wanted, allow_unused=True)]
    return [*texts, repr(layer), [n for n, _ in layer.named_parameters()]], results + arrays(
        layer.state_dict().values()
    )


@pytest.mark.parametrize("spec", LAYERS, ids=lambda spec: spec[0])
def test_layer(spec: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        texts, results = run(rushlight, spec)
        expected_texts, expected = run(torch, spec)
    assert texts == expected_texts
    assert len(results) == len(expected)
    for a, b in zip(results, expected):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    "spec",
    [s for s in LAYERS if s[0] in ("Conv2d", "BatchNorm2d", "LSTM", "Transformer", "MultiheadAttention")],
    ids=lambda s: s[0],
)
def test_same_first_weights_bit_for_bit(spec: Any) -> None:
    ours, theirs = (made(lib, *spec[:3]).state_dict() for lib in (rushlight, torch))
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name].numpy(), theirs[name].numpy())


@pytest.mark.parametrize("spec", LAYERS, ids=lambda spec: spec[0])
def test_copies(spec: Any) -> None:
    """deepcopy and pickle give equal layers."""
    layer = made(rushlight, *spec[:3])
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        if not spec[0].startswith("Lazy"):
            for a, b in zip(layer.state_dict().values(), twin.state_dict().values()):
                np.testing.assert_array_equal(a.numpy(), b.numpy())


# ----------------------------------------------------------------------------------------------- what is particular


def test_lazy_state_dict_gives_shapes() -> None:
    lazy, ready = nn.LazyLinear(3), nn.Linear(5, 3)
    lazy.load_state_dict(ready.state_dict())
    np.testing.assert_array_equal(lazy.weight.detach().numpy(), ready.weight.detach().numpy())
    assert lazy(rushlight.ones(2, 5)).shape == (2, 3)
    assert type(lazy) is nn.Linear


def test_lazy_refuses_before_it_knows() -> None:
    lazy = nn.LazyConv1d(3, 2)
    with pytest.raises(ValueError, match="uninitialized"):
        lazy.weight + 1
    with pytest.raises(RuntimeError, match="LazyConv1d"):
        lazy(rushlight.ones(3))


def test_cumulative_batch_norm() -> None:
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = [np.random.default_rng(i).standard_normal((5, 2)).astype(np.float32) for i in range(3)]
    for batch in batches:
        layer(rushlight.tensor(batch))
    np.testing.assert_allclose(
        layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-4)


def test_batch_norm_reads_old_state_dicts() -> None:
    layer, state = nn.BatchNorm1d(2), nn.BatchNorm1d(2).state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 0


def test_sync_batch_norm_conversion() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert type(converted[1]) is nn.SyncBatchNorm
    assert converted(rushlight.randn(2, 1, 3, 3)).shape == (2, 2, 3, 3)


def test_adaptive_softmax() -> None:
    x = np.random.default_rng(0).standard_normal((9, 8)).astype(np.float32)
    target = np.array([0, 3, 4, 9, 11, 1, 5, 10, 2])
    results = []
    for lib in (rushlight, torch):
        layer = made(lib, "AdaptiveLogSoftmaxWithLoss", (8, 12, [4, 9]), {"div_value": 2.0, "head_bias": True})
        output, loss = layer(lib.tensor(x), lib.tensor(target))
        loss.backward()
        one = layer(lib.tensor(x[0]), lib.tensor(7))
        grads = [p.grad for p in layer.parameters()]
        results.append(
            arrays([output, loss, *one, layer.log_prob(lib.tensor(x)), layer.predict(lib.tensor(x)), *grads])
        )
        with pytest.raises(RuntimeError, match="Target values should be in"):
            layer(lib.tensor(x), lib.tensor(target + 3))
        with pytest.raises(ValueError, match="cutoffs"):
            lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [4, 4])
    for a, b in zip(*results):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_embedding() -> None:
    ours, theirs = (made(lib, "Embedding", (6, 3), {"padding_idx": 2}) for lib in (rushlight, torch))
    np.testing.assert_array_equal(ours.weight.detach().numpy(), theirs.weight.detach().numpy())
    index = np.array([[1, 2, 5], [2, 2, 0]])
    for layer, lib in ((ours, rushlight), (theirs, torch)):
        layer(lib.tensor(index)).pow(2).sum().backward()
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy())
    assert repr(ours) == repr(theirs)
    frozen = nn.Embedding.from_pretrained(rushlight.ones(2, 3))
    assert not frozen.weight.requires_grad


@pytest.mark.parametrize(
    "options", [{"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0, "padding_idx": 1}, {"scale_grad_by_freq": True}]
)
def test_embedding_options(options: Any) -> None:
    index = np.array([[1, 4, 4], [4, 2, 1]])
    weights = []
    for lib in (rushlight, torch):
        layer = made(lib, "Embedding", (6, 3), options)
        (layer(lib.tensor(index)) ** 2).sum().backward()
        weights += [layer.weight.detach().numpy(), layer.weight.grad.numpy()]
    np.testing.assert_allclose(weights[0], weights[2], rtol=1e-5)
    np.testing.assert_allclose(weights[1], weights[3], rtol=1e-5)


def test_convolution_asked_for_a_size() -> None:
    for lib in (rushlight, torch):
        layer = lib.nn.ConvTranspose2d(1, 1, 3, stride=2)
        x = lib.ones(1, 1, 4, 4)
        assert tuple(layer(x, output_size=(10, 10)).shape) == (1, 1, 10, 10)
        with pytest.raises(ValueError, match="requested an output size"):
            layer(x, output_size=(12, 12))


def test_old_options_are_refused() -> None:
    for lib in (rushlight, torch):
        for make, error in (
            (lambda nn: nn.Conv2d(3, 4, 3, groups=2), ValueError),
            (lambda nn: nn.Conv2d(4, 4, 3, padding="full"), ValueError),
            (lambda nn: nn.Conv2d(4, 4, 3, padding_mode="mirror"), ValueError),
            (lambda nn: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), ValueError),
            (lambda nn: nn.LSTM(3, 2, proj_size=2), ValueError),
            (lambda nn: nn.GRU(3, 2, proj_size=1), ValueError),
            (lambda nn: nn.RNN(3, 2, nonlinearity="gelu"), ValueError),
            (lambda nn: nn.LSTM(3, 2, dropout=2), ValueError),
            (lambda nn: nn.LSTM(3, 2, bias=1), TypeError),
            (lambda nn: nn.GroupNorm(2, 3), ValueError),
            (lambda nn: nn.MultiheadAttention(5, 2), AssertionError),
            (lambda nn: nn.Embedding(3, 2, padding_idx=3), AssertionError),
            (lambda nn: nn.Unflatten(1, 5), TypeError),
            (lambda nn: nn.FractionalMaxPool2d(2), ValueError),
        ):
            with pytest.raises(error):
                make(lib.nn)


def test_wrong_inputs_are_refused_alike() -> None:
    for lib in (rushlight, torch):
        for layer, shape, error in (
            (lib.nn.BatchNorm2d(3), (2, 3), ValueError),
            (lib.nn.InstanceNorm2d(3), (3, 4), ValueError),
            (lib.nn.InstanceNorm1d(3, affine=True), (2, 4, 5), ValueError),
            (lib.nn.LSTM(3, 2), (3,), ValueError),
            (lib.nn.LSTM(3, 2), (4, 2, 5), RuntimeError),
            (lib.nn.GRUCell(3, 2), (2, 3, 4), ValueError),
            (lib.nn.CircularPad1d(1), (3,), ValueError),
            (lib.nn.Linear(3, 2), (2, 4), RuntimeError),
        ):
            with pytest.raises(error):
                layer(lib.ones(*shape))


def test_message_names_the_module() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match=r"linear: .*\(2, 4\).*1 \(Linear\)"):
        net(rushlight.ones(2, 4))


def test_cross_map_lrn_is_local_response_norm() -> None:
    """torch: its own running sum over channels never lets go of the first ones; ours is the formula."""
    x = rushlight.randn(2, 6, 3, 3)
    ours, formula = nn.CrossMapLRN2d(3, alpha=0.5)(x), torch.nn.LocalResponseNorm(3, alpha=0.5)(torch.tensor(x.numpy()))
    np.testing.assert_allclose(ours.numpy(), formula.numpy(), rtol=1e-5)


# ------------------------------------------------------------------------------------------------------- transformer


def test_causal_masks() -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    np.testing.assert_array_equal(mask.numpy(), torch.nn.Transformer.generate_square_subsequent_mask(3).numpy())
    results = []
    for lib in (rushlight, torch):
        lib.manual_seed(0)
        layer = lib.nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True)
        stack = lib.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        x = lib.tensor(np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32))
        m = lib.nn.Transformer.generate_square_subsequent_mask(3)
        padding = lib.tensor([[False, False, True], [False, False, False]])
        results.append(
            [stack(x, m), stack(x, m, is_causal=True), stack(x, src_key_padding_mask=padding), stack(x, m == 0)]
        )
    for a, b in zip(*results):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_dropout_in_layers_repeats_torch() -> None:
    """The masks of dropout between recurrent layers and inside attention are drawn alike."""
    x = np.random.default_rng(0).standard_normal((5, 3, 8)).astype(np.float32)
    results = []
    for lib in (rushlight, torch):
        lib.manual_seed(3)
        lstm = lib.nn.LSTM(8, 8, 2, dropout=0.5)
        block = lib.nn.TransformerEncoderLayer(8, 2, 16, 0.3)
        results.append([lstm(lib.tensor(x))[0], block(lib.tensor(x))])
    for a, b in zip(*results):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
