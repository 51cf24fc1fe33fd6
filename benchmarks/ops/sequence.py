"""Attention, recurrent layers, embeddings."""

from typing import Any

from case import Call, Case, pair


def attention(torch: Any, q: Any, k: Any, v: Any) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def recurrent(kind: str) -> Case:
    """A layer of 128 over 50 steps of 32 sequences, with all gradients."""

    def make(torch: Any) -> Call:
        layer, x = getattr(torch.nn, kind)(128, 128, batch_first=True), torch.randn(32, 50, 128).requires_grad_()

        def call() -> None:
            layer.zero_grad()
            layer(x)[0].sum().backward()

        return call

    gates = {"LSTM": 4, "GRU": 3}[kind]
    return Case(f"{kind} (32, 50, 128) -> 128, both ways", make, flops=3 * 2 * 32 * 50 * 128 * 2 * gates * 128)


def embedding(torch: Any) -> Call:
    weight, tokens = torch.randn(10_000, 128).requires_grad_(), torch.randint(0, 10_000, (32, 64))

    def call() -> None:
        weight.grad = None
        torch.nn.functional.embedding(tokens, weight).sum().backward()

    return call


CASES = [
    *pair("attention, causal (16, 4, 64, 32)", attention, *[(16, 4, 64, 32)] * 3, flops=2 * 2 * 16 * 4 * 64 * 64 * 32),
    *pair("attention, causal (4, 8, 512, 64)", attention, *[(4, 8, 512, 64)] * 3, flops=2 * 2 * 4 * 8 * 512 * 512 * 64),
    recurrent("LSTM"),
    recurrent("GRU"),
    Case("embedding (32, 64) of (10000, 128), both ways", embedding),
]
