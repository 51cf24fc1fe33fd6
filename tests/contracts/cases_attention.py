"""Scaled dot product and multi-head attention, distances."""

import numpy as np
from harness import Case, Refusal

F = "nn.functional."
SDPA = F + "scaled_dot_product_attention"


def cases():
    yield from attention()
    yield from multi_head()
    yield from distances()


def attention():
    yield Case(SDPA, lambda t: (t(2, 3, 4), t(2, 5, 4), t(2, 5, 2)))
    yield Case(SDPA, lambda t: (t(2, 2, 4, 3), t(2, 2, 4, 3), t(2, 2, 4, 3)), {"is_causal": True}, id="causal")
    yield Case(SDPA, lambda t: (t(3, 4), t(2, 4), t(2, 4)), {"is_causal": True, "scale": 0.3}, id="causal-uneven")
    yield Case(SDPA, lambda t: (t(2, 3, 4), t(2, 5, 4), t(2, 5, 2), t(3, 5)), id="float-mask")
    yield Case(SDPA, lambda t: (t(2, 3, 4), t(2, 3, 4), t(2, 3, 2), t.const(np.tri(3, dtype=bool))), id="bool-mask")
    yield Case(
        SDPA,
        lambda t: (t(1, 2, 4), t(1, 2, 4), t(1, 2, 2), t.const([[True, False], [False, False]])),
        id="blind-row",
    )
    yield Case(SDPA, lambda t: (t(1, 4, 2, 3), t(1, 2, 3, 3), t(1, 2, 3, 3)), {"enable_gqa": True}, id="grouped-heads")
    yield Case(SDPA, lambda t: (t(2, 2, 3, 4), t(3, 4), t(3, 4)), id="broadcast")
    yield Case(
        SDPA,
        lambda t: (t(2, 2, 33, 16), t(2, 2, 33, 16), t(2, 2, 33, 16)),
        {"is_causal": True},
        id="larger",
        grad=False,
    )


def multi_head():
    def heads(t, **kwargs):
        return dict(training=False, **kwargs)

    def arguments(t):
        return (t(3, 2, 4), t(5, 2, 4), t(5, 2, 4), 4, 2, t(12, 4), t(12), None, None, False, 0.0, t(4, 4), t(4))

    name = F + "multi_head_attention_forward"
    yield Case(name, arguments, heads)
    yield Case(name, arguments, lambda t: heads(t, need_weights=False), id="no-weights")
    yield Case(name, arguments, lambda t: heads(t, attn_mask=t(3, 5), average_attn_weights=False), id="mask")
    yield Case(
        name,
        arguments,
        lambda t: heads(t, key_padding_mask=t.const(np.array([[0, 0, 1, 1, 1], [0] * 5], bool)), need_weights=False),
        id="padding",
    )
    yield Case(
        name,
        lambda t: (t(3, 4), t(2, 4), t(2, 4), 4, 2, t(12, 4), t(12), t(1, 1, 4), t(1, 1, 4), True, 0.0, t(4, 4), t(4)),
        heads,
        id="unbatched-bias",
    )
    yield Case(
        name,
        lambda t: (t(3, 2, 4), t(3, 2, 3), t(3, 2, 2), 4, 2, None, t(12), None, None, False, 0.0, t(4, 4), t(4)),
        lambda t: heads(
            t, use_separate_proj_weight=True, q_proj_weight=t(4, 4), k_proj_weight=t(4, 3), v_proj_weight=t(4, 2)
        ),
        id="separate",
    )


def distances():
    yield Case("cosine_similarity", lambda t: (t(3, 4), t(3, 4)))
    yield Case(F + "cosine_similarity", lambda t: (t(1, 3, 4), t(2, 1, 4)), {"dim": -1}, id="broadcast")
    yield Case("pairwise_distance", lambda t: (t(3, 4), t(3, 4)))
    yield Case(F + "pairwise_distance", lambda t: (t(3, 4), t(3, 4)), {"p": 1.5, "keepdim": True}, id="p")
    for p in (0.5, 1, 2, 3, float("inf")):
        yield Case("cdist", lambda t: (t.distinct(2, 3, 2), t(2, 4, 2)), {"p": p}, id=str(p))
        yield Case("pdist", lambda t: (t(4, 3),), {"p": p}, id=str(p))


def refusals():
    yield Refusal(SDPA, lambda t: (t(2, 3), t(2, 4), t(2, 4)), RuntimeError, r"query \(2, 3\) and key \(2, 4\)")
    yield Refusal(SDPA, lambda t: (t(2, 3), t(2, 3), t(4, 3)), RuntimeError, r"key \(2, 3\) and value \(4, 3\)")
    yield Refusal(SDPA, lambda t: (t(2, 3), t(2, 3), t(2, 3), t(2, 2)), RuntimeError, "is_causal", {"is_causal": True})
    yield Refusal(
        "cdist", lambda t: (t(2, 3), t(2, 4)), RuntimeError, "cdist: X1 and X2 must have the same number of columns"
    )
    yield Refusal("pdist", lambda t: (t(2, 3, 4),), RuntimeError, "pdist: only supports 2D")
    yield Refusal("cosine_similarity", lambda t: (t.ints(3, 4), t.ints(3, 4)), RuntimeError, "floating point")
