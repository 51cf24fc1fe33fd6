"""The training steps of benchmarks/models/steps.py in JAX, compiled: the same sizes, losses and optimizers.

    python benchmarks/jax_steps.py [--seconds 2]        (needs `pip install jax`; prints milliseconds, medians)

Each is one function under `jax.jit` that takes parameters, state and a batch and returns the new ones, in float32;
images have their channels last, which JAX's libraries prefer.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, nn, random

Array = Any
Params = Any


def keys() -> Callable[[], Array]:
    """A source of random keys."""
    state = [random.PRNGKey(0)]

    def take() -> Array:
        state[0], key = random.split(state[0])
        return key

    return take


new_key = keys()


def weight(*shape: int) -> Array:
    return random.normal(new_key(), shape) / math.prod(shape[:-1]) ** 0.5


def linear(i: int, o: int) -> Params:
    return {"w": weight(i, o), "b": jnp.zeros(o)}


def affine(p: Params, x: Array) -> Array:
    return x @ p["w"] + p["b"]


def cross_entropy(scores: Array, y: Array) -> Array:
    return -jnp.take_along_axis(nn.log_softmax(scores), y[:, None], 1).mean()


# --------------------------------------------------------------------------------------------------------- networks


def mlp(params: Params, x: Array, key: Array) -> Array:
    for p in params[:-1]:
        x = nn.relu(affine(p, x))
    return affine(params[-1], x)


def convolve(w: Array, x: Array, stride: int = 1, pad: int = 0) -> Array:
    return lax.conv_general_dilated(
        x, w, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def dropout(x: Array, rate: float, key: Array) -> Array:
    return jnp.where(random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def cnn(p: Params, x: Array, key: Array) -> Array:
    first, second = random.split(key)
    for name in ("c1", "c2"):
        x = nn.relu(convolve(p[name]["w"], x) + p[name]["b"])
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = dropout(x, 0.25, first).reshape(len(x), -1)
    return affine(p["f2"], dropout(nn.relu(affine(p["f1"], x)), 0.5, second))


def batch_norm(p: Params, x: Array) -> Array:
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["w"] + p["b"]


def norm(width: int) -> Params:
    return {"w": jnp.ones(width), "b": jnp.zeros(width)}


WIDTHS = [
    (64, 64, 1),
    (64, 64, 1),
    (64, 128, 2),
    (128, 128, 1),
    (128, 256, 2),
    (256, 256, 1),
    (256, 512, 2),
    (512, 512, 1),
]


def resnet_params() -> Params:
    blocks = []
    for i, o, stride in WIDTHS:
        block = {"c1": weight(3, 3, i, o), "n1": norm(o), "c2": weight(3, 3, o, o), "n2": norm(o)}
        if stride != 1:
            block |= {"short": weight(1, 1, i, o), "ns": norm(o)}
        blocks.append(block)
    return {"stem": weight(3, 3, 3, 64), "norm": norm(64), "blocks": blocks, "head": linear(512, 10)}


def resnet(p: Params, x: Array, key: Array) -> Array:
    x = nn.relu(batch_norm(p["norm"], convolve(p["stem"], x, 1, 1)))
    for block, (_, _, stride) in zip(p["blocks"], WIDTHS, strict=True):
        y = nn.relu(batch_norm(block["n1"], convolve(block["c1"], x, stride, 1)))
        y = batch_norm(block["n2"], convolve(block["c2"], y, 1, 1))
        x = nn.relu(y + (batch_norm(block["ns"], convolve(block["short"], x, stride)) if stride != 1 else x))
    return affine(p["head"], x.mean((1, 2)))


def lstm(p: Params, tokens: Array, key: Array) -> Array:
    def cell(state: tuple[Array, Array], gates: Array) -> Any:
        h, c = state
        i, f, g, o = jnp.split(gates + h @ p["hh"], 4, -1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    gates = affine(p["ih"], p["emb"][tokens]).swapaxes(0, 1)
    start = jnp.zeros((len(tokens), p["hh"].shape[0]))
    _, out = lax.scan(cell, (start, start), gates)
    return affine(p["head"], out.swapaxes(0, 1).reshape(-1, out.shape[-1]))


def layer_norm(p: Params, x: Array) -> Array:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["w"] + p["b"]


def gpt_params(d: int = 128, layers: int = 4, vocabulary: int = 65, length: int = 64) -> Params:
    def block() -> Params:
        return {
            "n1": norm(d), "qkv": linear(d, 3 * d), "proj": linear(d, d),
            "n2": norm(d), "up": linear(d, 4 * d), "down": linear(4 * d, d),
        }  # fmt: skip

    return {
        "tok": weight(vocabulary, d), "pos": weight(length, d), "blocks": [block() for _ in range(layers)],
        "norm": norm(d), "head": linear(d, vocabulary),
    }  # fmt: skip


def gpt(p: Params, tokens: Array, key: Array, heads: int = 4) -> Array:
    x = p["tok"][tokens] + p["pos"]
    batch, length, d = x.shape
    causal = jnp.tril(jnp.ones((length, length), bool))
    for block in p["blocks"]:
        qkv = affine(block["qkv"], layer_norm(block["n1"], x)).reshape(batch, length, 3, heads, d // heads)
        q, k, v = (qkv[:, :, j].swapaxes(1, 2) for j in range(3))
        scores = jnp.where(causal, q @ k.swapaxes(2, 3) / (d // heads) ** 0.5, -jnp.inf)
        y = (nn.softmax(scores) @ v).swapaxes(1, 2).reshape(batch, length, d)
        x = x + affine(block["proj"], y)
        x = x + affine(block["down"], nn.gelu(affine(block["up"], layer_norm(block["n2"], x)), approximate=False))
    return affine(p["head"], layer_norm(p["norm"], x)).reshape(batch * length, -1)


# ------------------------------------------------------------------------------------------------------- optimizers


def zeros(params: Params) -> Params:
    return jax.tree.map(jnp.zeros_like, params)


def sgd(params: Params, grads: Params, state: Params) -> tuple[Params, Params]:
    momentum = jax.tree.map(lambda m, g: 0.9 * m + g, state, grads)
    return jax.tree.map(lambda p, m: p - 0.01 * m, params, momentum), momentum


def adam(params: Params, grads: Params, state: Params) -> tuple[Params, Params]:
    t = state["t"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], grads)
    scale, root = 1e-3 / (1 - 0.9**t), (1 - 0.999**t) ** 0.5
    new = jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) / root + 1e-8), params, m, v)
    return new, {"m": m, "v": v, "t": t}


def floats(*shape: int) -> Array:
    return random.normal(new_key(), shape)


def whole(limit: int, *shape: int) -> Array:
    return random.randint(new_key(), shape, 0, limit)


def layers(*sizes: int) -> Params:
    return [linear(a, b) for a, b in pairwise(sizes)]


def cnn_params() -> Params:
    convolutions = {
        f"c{k}": {"w": weight(3, 3, i, o), "b": jnp.zeros(o)} for k, (i, o) in enumerate([(1, 32), (32, 64)], 1)
    }
    return convolutions | {"f1": linear(9216, 128), "f2": linear(128, 10)}


def lstm_params() -> Params:
    return {"emb": weight(1000, 128), "ih": linear(128, 512), "hh": weight(128, 512), "head": linear(128, 1000)}


# name: network, its parameters, inputs, classes and labels, optimizer
STEPS: dict[str, tuple[Any, ...]] = {
    "mlp 4-64-64-2, batch 1": (mlp, lambda: layers(4, 64, 64, 2), lambda: floats(1, 4), (2, 1), adam),
    "mlp 4-64-64-2, batch 32": (mlp, lambda: layers(4, 64, 64, 2), lambda: floats(32, 4), (2, 32), adam),
    "mlp_small": (mlp, lambda: layers(784, 128, 64, 10), lambda: floats(64, 784), (10, 64), sgd),
    "mlp_wide": (mlp, lambda: layers(784, 1024, 1024, 10), lambda: floats(512, 784), (10, 512), sgd),
    "cnn": (cnn, cnn_params, lambda: floats(64, 28, 28, 1), (10, 64), adam),
    "resnet18": (resnet, resnet_params, lambda: floats(32, 32, 32, 3), (10, 32), sgd),
    "lstm": (lstm, lstm_params, lambda: whole(1000, 32, 50), (1000, 1600), adam),
    "gpt": (gpt, gpt_params, lambda: whole(65, 16, 64), (65, 1024), adam),
}


def milliseconds(name: str, seconds: float) -> float:
    """The median of steps for so long, after a few that compile and warm up."""
    network, make, data, labels, update = STEPS[name]
    params, x, y = make(), data(), whole(*labels)
    state = {"m": zeros(params), "v": zeros(params), "t": jnp.zeros(())} if update is adam else zeros(params)

    @jax.jit
    def step(params: Params, state: Params, key: Array, x: Array, y: Array) -> Any:
        key, used = random.split(key)
        loss, grads = jax.value_and_grad(lambda p: cross_entropy(network(p, x, used), y))(params)
        return *update(params, grads, state), key, loss

    key, times = new_key(), []
    end = time.perf_counter() + seconds
    while len(times) < 8 or time.perf_counter() < end:
        start = time.perf_counter()
        params, state, key, _ = jax.block_until_ready(step(params, state, key, x, y))
        times.append(time.perf_counter() - start)
    return statistics.median(times[5:]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    print(f"jax {jax.__version__}, {os.cpu_count()} cores")
    for name in STEPS:
        print(f"{name:24} {milliseconds(name, arguments.seconds):10.3f} ms", flush=True)


if __name__ == "__main__":
    main()
