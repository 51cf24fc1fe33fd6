"""Attention, recurrent layers, embeddings."""

from typing import Any

from case import Call, Case, pair


def attention(torch: Any, q: Any, k: Any, v: Any) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def masked(boolean: bool) -> Any:
    def call(torch: Any, q: Any, k: Any, v: Any) -> Any:
        n = q.shape[-2]
        mask = torch.ones(n, n, dtype=torch.bool).tril() if boolean else torch.zeros(n, n)
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    return call


def spelled_out(torch: Any, q: Any, k: Any, v: Any) -> Any:
    """Attention as many programs write it."""
    n = q.shape[-2]
    hidden = torch.ones(n, n).tril() == 0
    scores = (q @ k.transpose(-2, -1) / 8).masked_fill(hidden, float("-inf"))
    return scores.softmax(-1) @ v


def multihead(torch: Any) -> Call:
    layer, x = torch.nn.MultiheadAttention(128, 4, batch_first=True), torch.randn(16, 64, 128).requires_grad_()
    hidden = torch.nn.Transformer.generate_square_subsequent_mask(64)

    def call() -> None:
        layer.zero_grad()
        layer(x, x, x, attn_mask=hidden, need_weights=False)[0].sum().backward()

    return call


def encoder(torch: Any) -> Call:
    layer = torch.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
    x = torch.randn(16, 64, 128).requires_grad_()

    def call() -> None:
        layer.zero_grad()
        layer(x).sum().backward()

    return call


def recurrent(kind: str, label: str = "", **options: Any) -> Case:
    """A layer of 128 over 50 steps of 32 sequences, with all gradients."""

    def make(torch: Any) -> Call:
        layer = getattr(torch.nn, kind)(128, 128, batch_first=True, **options)
        x = torch.randn(32, 50, 128).requires_grad_()

        def call() -> None:
            layer.zero_grad()
            layer(x)[0].sum().backward()

        return call

    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    flops = 0 if options else 3 * 2 * 32 * 50 * 128 * 2 * gates * 128
    return Case(f"{kind}{label} (32, 50, 128) -> 128, both ways", make, flops=flops)


def cell(kind: str) -> Case:
    """One step at a time, as a decoder takes them."""

    def make(torch: Any) -> Call:
        layer, x = getattr(torch.nn, kind)(128, 128), torch.randn(32, 128)

        def call() -> Any:
            layer.zero_grad()
            state = None
            for _ in range(8):
                state = layer(x, state)
            (state[0] if kind == "LSTMCell" else state).sum().backward()

        return call

    return Case(f"{kind}, 8 steps of (32, 128), both ways", make)


def looked_up(torch: Any) -> Call:
    weight, tokens = torch.randn(10_000, 128), torch.randint(0, 10_000, (32, 64))
    return lambda: torch.nn.functional.embedding(tokens, weight)


def embedding(torch: Any) -> Call:
    weight, tokens = torch.randn(10_000, 128).requires_grad_(), torch.randint(0, 10_000, (32, 64))

    def call() -> None:
        weight.grad = None
        torch.nn.functional.embedding(tokens, weight).sum().backward()

    return call


CASES = [
    *pair("attention, causal (16, 4, 64, 32)", attention, *[(16, 4, 64, 32)] * 3, flops=2 * 2 * 16 * 4 * 64 * 64 * 32),
    *pair("attention, causal (4, 8, 512, 64)", attention, *[(4, 8, 512, 64)] * 3, flops=2 * 2 * 4 * 8 * 512 * 512 * 64),
    *pair("attention, bool mask (16, 4, 64, 32)", masked(True), *[(16, 4, 64, 32)] * 3),
    *pair("attention, float mask (16, 4, 64, 32)", masked(False), *[(16, 4, 64, 32)] * 3),
    *pair("attention spelled out (16, 4, 64, 64)", spelled_out, *[(16, 4, 64, 64)] * 3),
    Case("MultiheadAttention, masked (16, 64, 128), both ways", multihead),
    Case("TransformerEncoderLayer (16, 64, 128), both ways", encoder),
    *pair("einsum bij,bjk->bik (16, 64, 64)", lambda t, x, y: t.einsum("bij,bjk->bik", x, y), *[(16, 64, 64)] * 2),
    *pair(
        "einsum bhqd,bhkd->bhqk (16, 4, 64, 32)",
        lambda t, x, y: t.einsum("bhqd,bhkd->bhqk", x, y),
        *[(16, 4, 64, 32)] * 2,
    ),
    *pair("einsum blh,nh->bln (16, 64, 128)", lambda t, x, y: t.einsum("blh,nh->bln", x, y), (16, 64, 128), (96, 128)),
    recurrent("LSTM"),
    recurrent("GRU"),
    recurrent("RNN"),
    recurrent("LSTM", ", 2 layers both directions", num_layers=2, bidirectional=True),
    recurrent("GRU", ", 2 layers both directions", num_layers=2, bidirectional=True),
    recurrent("LSTM", " with projection", proj_size=64),
    cell("LSTMCell"),
    cell("GRUCell"),
    Case("embedding (32, 64) of (10000, 128)", looked_up),
    Case("embedding (32, 64) of (10000, 128), both ways", embedding),
]
