"""Multi-head attention as a layer."""

from __future__ import annotations

from typing import Any

from ..ops.attention import canonical_mask
from ..ops.creation import empty
from ..tensor import Tensor
from . import functional as F
from . import init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter
from .sdpa import SDPBackend, sdpa_kernel

__all__ = ["MultiheadAttention", "SDPBackend", "sdpa_kernel"]  # the last two where PyTorch has them


class MultiheadAttention(Module):
    """Attention in several subspaces, with learned projections into and out of them.

    See `functional.multi_head_attention_forward`.

    Args:
        embed_dim: E, width of queries and outputs. num_heads: divides E.
        dropout: of the attention weights, in training.
        bias: of the projections.
        add_bias_kv: one more key and value, learned. add_zero_attn: one more of zeros.
        kdim, vdim: widths of keys and values; E by default.
        batch_first: inputs and outputs are (N, L, E) instead of (L, N, E).

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E), and weights (N, L, S) averaged over heads.

    Attributes:
        in_proj_weight: (3E, E), or q_, k_ and v_proj_weight where widths differ. in_proj_bias: (3E,). out_proj: Linear.
        bias_k, bias_v: (1, 1, E).

    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    in_proj_weight: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    in_proj_bias: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        for name, shape in self._projection_shapes().items():
            self.register_parameter(
                name, None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
            )
        self.register_parameter(
            "in_proj_bias", Parameter(empty(3 * embed_dim, device=device, dtype=dtype)) if bias else None
        )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k: Any = None
        self.bias_v: Any = None
        if add_bias_kv:
            self.bias_k = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
            self.bias_v = Parameter(empty((1, 1, embed_dim), device=device, dtype=dtype))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _projection_shapes(self) -> dict[str, Any]:
        """In the order in which PyTorch registers them; None for those that are not there."""
        e = self.embed_dim
        if self._qkv_same_embed_dim:
            return {"in_proj_weight": (3 * e, e), "q_proj_weight": None, "k_proj_weight": None, "v_proj_weight": None}
        return {
            "q_proj_weight": (e, e),
            "k_proj_weight": (e, self.kdim),
            "v_proj_weight": (e, self.vdim),
            "in_proj_weight": None,
        }

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)  # type: ignore[arg-type]
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = _swapped(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            not self._qkv_same_embed_dim,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return output.transpose(0, 1) if swap else output, weights

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one, (N, heads, L, L), and which there were: 1 padding only, 2 attention, None neither."""
        padding, mask = (
            canonical_mask(key_padding_mask, "key_padding_mask", query),
            canonical_mask(attn_mask, "attn_mask", query),
        )
        if mask is None:
            return padding, None if padding is None else 1
        n, length, _ = query.shape
        mask = (
            mask.reshape(n, -1, length, length) if mask.dim() == 3 else mask.expand(n, self.num_heads, length, length)
        )
        return mask if padding is None else mask + padding.reshape(n, 1, 1, length), 2


def _swapped(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, L, E) as (L, N, E); what was one tensor stays one, so that its projections share a product."""
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    return q, k, k if value is key else value.transpose(0, 1)
