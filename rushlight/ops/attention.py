"""Attention: `scaled_dot_product_attention`, and multi-head attention with its projections.

The plain case (no mask but the causal one, no dropout) is one fused operator that keeps only the log-sum-exp of each
row of scores; everything else is spelled out in Tensors.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.tape import Operator, wrap
from ..errors import AssertError, OperatorError, ShapeError
from ..kernels import kernel, xp
from .dropout import dropout
from .joining import cat
from .linear import linear
from .padding import pad
from .promotion import all_values, in_float32, is_half
from .softmax import softmax

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


# ---------------------------------------------------------------------------------------------------------- kernels


def _transposed(x: Array) -> Array:
    return xp.moveaxis(x, -1, -2)


def _scores(q: Array, k: Array, scale: float, causal: bool) -> Array:
    """q (..., L, D), k (..., S, D) -> (..., L, S); minus infinity where a query may not look."""
    scores = (q * scale) @ _transposed(k)
    if not causal:
        return scores
    return xp.where(xp.tri(q.shape[-2], k.shape[-2], dtype=bool, like=q), scores, -math.inf)


@kernel
def attention_forward(q: Array, k: Array, v: Array, scale: float, causal: bool) -> tuple[Array, Array]:
    """y = softmax(q k^T * scale) v and lse, the log-sum-exp of each row of scores (float32 for half precision).

    q (..., L, D), k (..., S, D), v (..., S, E) -> y (..., L, E), lse (..., L). If causal, query i sees keys 0 to i.
    """
    kind = q.dtype
    if is_half(q):
        q, k, v = (x.astype(np.float32) for x in (q, k, v))
    scores = _scores(q, k, scale, causal)
    top = scores.max(axis=-1, keepdims=True)
    weights = xp.exp(scores - top)
    total = weights.sum(axis=-1, keepdims=True)
    return ((weights @ v) / total).astype(kind), (top + xp.log(total))[..., 0]


@kernel
@in_float32
def attention_backward(
    grad: Array, q: Array, k: Array, v: Array, y: Array, lse: Array, scale: float, causal: bool
) -> tuple[Array, Array, Array]:
    """grad (..., L, E) -> dq, dk, dv.

    With p = exp(scores - lse):  dv = p^T grad,  dscores = p * (grad v^T - sum(grad * y)),  dq = dscores k * scale, ...
    """
    p = xp.exp(_scores(q, k, scale, causal) - lse[..., None])
    dv = _transposed(p) @ grad
    dscores = p * (grad @ _transposed(v) - (grad * y).sum(axis=-1, keepdims=True)) * scale
    return dscores @ k, _transposed(dscores) @ q, dv


class Attention(Operator):
    @staticmethod
    def forward(ctx: Any, q: Array, k: Array, v: Array, scale: float, causal: bool) -> Array:
        y, lse = attention_forward(q, k, v, scale, causal)
        ctx.how = scale, causal
        ctx.save(q, k, v, y, lse)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        return attention_backward(grad, *ctx.saved, *ctx.how)


# ------------------------------------------------------------------------------------- scaled dot product attention


def _check_qkv(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool) -> None:
    q, k, v = query._array, key._array, value._array
    if not q.dtype == k.dtype == v.dtype:
        raise OperatorError(
            "scaled_dot_product_attention: Expected query, key, and value to have the same dtype, but got "
            f"{query.dtype}, {key.dtype} and {value.dtype}"
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError(
            "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{q.shape}, {k.shape} and {v.shape}"
        )
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"scaled_dot_product_attention: query {q.shape} and key {k.shape} must have the same last size"
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: key {k.shape} and value {v.shape} must have the same length (second size "
            "from the end)"
        )
    if attn_mask is None:
        return
    if is_causal:
        raise OperatorError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if (
        attn_mask._array.dtype.kind != "b"
        and attn_mask._array.dtype != q.dtype
        and attn_mask._array.dtype != np.float32
    ):
        raise OperatorError(
            "scaled_dot_product_attention: Expected attn_mask dtype to be bool or float or to match query dtype, but "
            f"got attn_mask.dtype: {attn_mask.dtype} and query.dtype: {query.dtype}"
        )


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`softmax(query key^T * scale + mask) value`.

    Args:
        query: (..., L, D). key: (..., S, D). value: (..., S, E).
        attn_mask: broadcasts to (..., L, S); bool (True takes part) or floats that are added to the scores.
        dropout_p: probability with which each weight is dropped. Applied whenever it is above 0: pass 0 to evaluate.
        is_causal: query i sees keys 0 to i.
        scale: 1 / sqrt(D) by default.
        enable_gqa: key and value have fewer heads (dimension -3), each shared by a group of the query's.

    Returns:
        (..., L, E). A query that sees no key gets zeros.

    Raises:
        RuntimeError: sizes or dtypes do not fit, or both attn_mask and is_causal are given.

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """
    _check_qkv(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    q, k, v = query._array, key._array, value._array
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    if attn_mask is None and dropout_p == 0 and q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and k.shape[-2]:
        return Attention.apply(query, key, value, scale, is_causal)
    if is_causal:
        attn_mask = wrap(xp.tri(q.shape[-2], k.shape[-2], dtype=bool, like=q))
    return _masked_attention(query, key, value, attn_mask, dropout_p, scale)


def _masked_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, scale: float
) -> Tensor:
    scores = (query * scale) @ key.transpose(-2, -1)
    if mask is not None:
        scores = (
            scores.masked_fill(~mask, -math.inf) if mask._array.dtype.kind == "b" else scores + mask.to(scores.dtype)
        )
    weights = _weights(scores)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return weights @ value


def _weights(scores: Tensor) -> Tensor:
    """softmax over the keys. torch: rows in which every score is minus infinity give zeros, not NaN."""
    if not scores._array.size:
        return softmax(scores, -1)
    blind = scores._array.max(-1, keepdims=True) == -math.inf
    if not all_values(blind).any():
        return softmax(scores, -1)
    return softmax(scores.masked_fill(wrap(blind), 0), -1).masked_fill(wrap(blind), 0)


def _shared_heads(query: Tensor, x: Tensor) -> Tensor:
    """`x` with each head repeated for the group of query heads that share it."""
    heads, have = query.shape[-3], x.shape[-3]
    if heads % have:
        raise ShapeError(
            "scaled_dot_product_attention: Number of heads in key and value must divide the number of heads in query "
            f"{tuple(query.shape)}, but got {tuple(x.shape)}"
        )
    return x if heads == have else x.repeat_interleave(heads // have, -3)


# --------------------------------------------------------------------------------------------- multi-head attention


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertError(f"multi_head_attention_forward: {message}")


def _check_ranks(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None, num_heads: int
) -> bool:
    """Whether there is a batch dimension; all arguments must agree about it."""
    ndim = query.ndim
    _require(ndim in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    _require(
        key.ndim == ndim and value.ndim == ndim,
        f"For {ndim}-D query, expected key and value to be {ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors "
        "respectively",
    )
    if key_padding_mask is not None:
        _require(
            key_padding_mask.ndim == ndim - 1,
            f"For {ndim}-D query, expected key_padding_mask to be None or {ndim - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead",
        )
    if attn_mask is not None:
        _require(
            attn_mask.ndim in (2, 3),
            f"expected attn_mask to be None, 2-D or 3-D but found {attn_mask.ndim}-D tensor instead",
        )
        if ndim == 2 and attn_mask.ndim == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _require(
                tuple(attn_mask.shape) == expected,
                f"Expected attn_mask shape to be {expected} but got {tuple(attn_mask.shape)}",
            )
    return ndim == 3


def canonical_mask(mask: Tensor | None, name: str, like: Tensor, other: Tensor | None = None) -> Tensor | None:
    """A mask as floats to be added to scores: True (left out) becomes minus infinity."""
    if mask is None:
        return None
    is_bool = mask._array.dtype.kind == "b"
    _require(is_bool or mask.is_floating_point(), f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype != mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both instead.", stacklevel=3
        )
    if not is_bool:
        return mask
    return wrap(np.where(mask._array, -math.inf, 0).astype(like._array.dtype))


def _packed_projections(query: Tensor, key: Tensor, value: Tensor, weight: Any, bias: Tensor | None) -> Any:
    """q, k and v by the three thirds of one weight (3E, E); inputs that are the same tensor share one product."""
    _require(weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
    e = query.shape[-1]
    if key is value and query is key:
        return linear(query, weight, bias).split(e, -1)
    if key is value:
        q_weight, kv_weight = weight.split([e, 2 * e])
        q_bias, kv_bias = (None, None) if bias is None else bias.split([e, 2 * e])
        return (linear(query, q_weight, q_bias), *linear(key, kv_weight, kv_bias).split(e, -1))
    weights = weight.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(map(linear, (query, key, value), weights, biases))


def _separate_projections(inputs: Any, weights: Any, bias: Tensor | None) -> Any:
    """q, k and v by a weight each, for inputs of different widths."""
    width = inputs[0].shape[-1]
    for name, x, w in zip(("query", "key", "value"), inputs, weights):
        _require(w is not None, f"use_separate_proj_weight is True but the {name} weight is None")
        _require(
            tuple(w.shape) == (width, x.shape[-1]),
            f"expecting {name} weights shape of {(width, x.shape[-1])}, but got {tuple(w.shape)}",
        )
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(map(linear, inputs, weights, biases))


def _check_attn_mask(mask: Tensor, batch: int, heads: int, targets: int, sources: int) -> Tensor:
    """The mask with three dimensions, (1 or N * heads, L, S)."""
    expected = (targets, sources) if mask.ndim == 2 else (batch * heads, targets, sources)
    if tuple(mask.shape) != expected:
        raise ShapeError(
            f"multi_head_attention_forward: The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should "
            f"be {expected}."
        )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _float_masks(
    query: Tensor, key: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, heads: int
) -> Any:
    """Both masks as floats to be added to scores; the first as (1 or N * heads, L, S)."""
    key_padding_mask = canonical_mask(key_padding_mask, "key_padding_mask", query, attn_mask)
    mask = canonical_mask(attn_mask, "attn_mask", query)
    if mask is not None:
        mask = _check_attn_mask(mask, query.shape[1], heads, query.shape[0], key.shape[0])
    return mask, key_padding_mask


def _heads(x: Tensor, batch: int, heads: int, static: Tensor | None = None) -> Tensor:
    """(L, N, E) -> (N * heads, L, E / heads), or what is given in place of it."""
    if static is None:
        return x.reshape(x.shape[0], batch * heads, x.shape[2] // heads).transpose(0, 1)
    rows, width = batch * heads, x.shape[2] // heads
    _require(static.shape[0] == rows, f"expecting static key or value of size(0) {rows}, but got {static.shape[0]}")
    _require(static.shape[2] == width, f"expecting static key or value of size(2) {width}, but got {static.shape[2]}")
    return static


def _append(k: Tensor, v: Tensor, more_k: Tensor, more_v: Tensor, dim: int, masks: Any) -> Any:
    """One more key and value for every query, which no mask hides."""
    return cat([k, more_k], dim), cat([v, more_v], dim), [None if m is None else pad(m, (0, 1)) for m in masks]


def _merged_mask(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, batch: int, heads: int, sources: int
) -> Tensor | None:
    """Both masks as one, (1 or N * heads, 1 or L, S)."""
    if key_padding_mask is None:
        return attn_mask
    if tuple(key_padding_mask.shape) != (batch, sources):
        raise AssertError(
            f"multi_head_attention_forward: expected key_padding_mask of shape {(batch, sources)}, got "
            f"{tuple(key_padding_mask.shape)}"
        )
    spread = key_padding_mask.reshape(batch, 1, 1, sources).expand(-1, heads, -1, -1).reshape(batch * heads, 1, sources)
    return spread if attn_mask is None else attn_mask + spread


def _with_batch(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(L, E) as (L, 1, E). What was one tensor stays one, so that its projections share a product."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, k if value is key else value.unsqueeze(1)


def _check_widths(query: Tensor, key: Tensor, value: Tensor, expected: int, heads: int, separate: bool) -> None:
    width, k, v = query.shape[-1], tuple(key.shape), tuple(value.shape)
    _require(width == expected, f"was expecting embedding dimension of {expected}, but got {width}")
    _require(width % heads == 0, f"embed_dim {width} not divisible by num_heads {heads}")
    if separate:
        _require(k[:2] == v[:2], f"key's sequence and batch dims {k[:2]} do not match value's {v[:2]}")
    else:
        _require(k == v, f"key shape {k} does not match value shape {v}")


def _attend_with_weights(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, causal: bool, batch: int
) -> tuple[Tensor, Tensor | None]:
    """(N * heads, L, E / heads), and the weights (N, heads, L, S)."""
    scores = (q * math.sqrt(1 / q.shape[-1])) @ k.transpose(-2, -1)
    weights = softmax(scores if mask is None else scores + mask, -1)
    weights = dropout(weights, dropout_p) if dropout_p > 0 else weights
    return weights @ v, weights.reshape(batch, q.shape[0] // batch, q.shape[1], k.shape[1])


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, causal: bool, batch: int
) -> tuple[Tensor, Tensor | None]:
    """(N * heads, L, E / heads), by the operator that does not keep the weights."""
    heads = q.shape[0] // batch
    q4, k4, v4 = (t.reshape(batch, heads, *t.shape[1:]) for t in (q, k, v))
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.reshape(batch, heads, *mask.shape[1:])
    return scaled_dot_product_attention(q4, k4, v4, mask, dropout_p, causal).reshape(q.shape), None


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in `num_heads` subspaces: project, attend in each, join, project. See `nn.MultiheadAttention`.

    Args:
        query: (L, N, E) or (L, E). key, value: (S, N, E) or (S, E).
        embed_dim_to_check: E. num_heads: divides E.
        in_proj_weight, in_proj_bias: (3E, E) and (3E,); or separate q_, k_ and v_proj_weight.
        bias_k, bias_v: (1, 1, E), one more key and value. add_zero_attn: one more of zeros.
        dropout_p, training: of the attention weights.
        out_proj_weight, out_proj_bias: (E, E) and (E,).
        key_padding_mask: (N, S), keys to leave out. attn_mask: (L, S) or (N * num_heads, L, S). Bool (True is left out)
            or floats to add.
        need_weights: return the weights too; average_attn_weights: their mean over heads.
        static_k, static_v: (N * num_heads, S, E / num_heads), used instead of the projections.
        is_causal: a hint that attn_mask is the causal mask.

    Returns:
        (L, N, E), and the weights (N, L, S), (N, num_heads, L, S) or None.

    Raises:
        AssertionError, RuntimeError: sizes do not fit.

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _with_batch(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    targets, batch, width = query.shape
    _check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise OperatorError("multi_head_attention_forward: Need attn_mask if specifying the is_causal hint.")
    causal = is_causal and key_padding_mask is None and not need_weights
    masks = _float_masks(query, key, None if causal else attn_mask, key_padding_mask, num_heads)
    if use_separate_proj_weight:
        weights = q_proj_weight, k_proj_weight, v_proj_weight
        q, k, v = _separate_projections((query, key, value), weights, in_proj_bias)
    else:
        q, k, v = _packed_projections(query, key, value, in_proj_weight, in_proj_bias)
    _require((bias_k is None) == (bias_v is None), "bias_k and bias_v must be given together")
    if bias_k is not None and bias_v is not None:
        _require(static_k is None and static_v is None, "bias cannot be added to static key or value")
        shape = 1, batch, width
        k, v, masks = _append(k, v, bias_k.expand(*shape), bias_v.expand(*shape), 0, masks)
    q, k, v = _heads(q, batch, num_heads), _heads(k, batch, num_heads, static_k), _heads(v, batch, num_heads, static_v)
    if add_zero_attn:
        zeros = wrap(np.zeros_like(k._array, shape=(batch * num_heads, 1, width // num_heads)))
        k, v, masks = _append(k, v, zeros, zeros, 1, masks)
    mask = _merged_mask(masks[0], masks[1], batch, num_heads, k.shape[1])
    dropout_p = dropout_p if training else 0.0
    attend = _attend_with_weights if need_weights else _attend
    y, shares = attend(q, k, v, mask, dropout_p, causal, batch)
    joined = y.transpose(0, 1).reshape(targets, batch, width)  # (N * heads, L, E / heads) -> (L, N, E)
    out = linear(joined, out_proj_weight, out_proj_bias)
    if shares is not None:
        shares = shares.mean(1) if average_attn_weights else shares
        shares = shares if batched else shares.squeeze(0)
    return out if batched else out.squeeze(1), shares
