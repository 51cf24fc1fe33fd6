"""Vision transformer: patches of an image as a sequence.

Source: Dosovitskiy et al. 2020, arXiv:2010.11929.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ... import nn, ops
from ...errors import ArgumentError, AssertError
from ...nn.functional import interpolate
from ...tensor import Tensor
from ..ops.misc import MLP, Conv2dNormActivation
from .weights import WeightsEnum, force, published, weights_enum

__all__ = [
    "ViT_B_16_Weights",
    "ViT_B_32_Weights",
    "ViT_H_14_Weights",
    "ViT_L_16_Weights",
    "ViT_L_32_Weights",
    "VisionTransformer",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]

Make = Callable[..., nn.Module]
LAYER_NORM: Make = partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """A convolution in front of the transformer."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Make = nn.BatchNorm2d
    activation_layer: Make = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with gelu between them."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)  # type: ignore[arg-type]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any) -> None:
        """In files of the first version, as published, the layers are called linear_1 and linear_2."""
        if (local_metadata.get("version") or 1) < 2:
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for name in ("weight", "bias"):
                    if f"{prefix}{old}.{name}" in state_dict:
                        state_dict[f"{prefix}{new}.{name}"] = state_dict.pop(f"{prefix}{old}.{name}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class EncoderBlock(nn.Module):
    """Attention, then a perceptron, each on normalized values and added to what it was given."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Make = LAYER_NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions are added, then come the blocks: (N, L, D)."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: Make = LAYER_NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(ops.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for i in range(num_layers):
            block = EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
            self.layers.add_module(f"encoder_layer_{i}", block)
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


def _filled(layer: nn.Linear | nn.Conv2d) -> None:
    """Normal numbers that keep the size of values, bias 0."""
    nn.init.trunc_normal_(layer.weight, std=math.sqrt(1 / layer.weight[0].numel()))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class VisionTransformer(nn.Module):
    """Patches, a token for the class, an encoder, and a classifier of what becomes of the token.

    Args:
        image_size: height and width of the images.
        patch_size: of the patches.
        num_layers, num_heads, hidden_dim, mlp_dim: of the encoder.
        dropout, attention_dropout: the parts that are dropped.
        num_classes: how many classes.
        representation_size: values of a layer before the classifier; None: there is none.
        norm_layer: makes a normalization.
        conv_stem_configs: convolutions in place of a single one that reads the patches.

    Raises:
        AssertionError: patches do not fill the image.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: Make = LAYER_NORM,
        conv_stem_configs: Sequence[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise AssertError("Input shape indivisible by patch size!")
        self.image_size, self.patch_size, self.hidden_dim, self.mlp_dim = image_size, patch_size, hidden_dim, mlp_dim
        self.dropout, self.attention_dropout, self.norm_layer = dropout, attention_dropout, norm_layer
        self.num_classes, self.representation_size = num_classes, representation_size
        if conv_stem_configs is None:
            self.conv_proj: Any = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        else:
            self.conv_proj = _stem(conv_stem_configs, hidden_dim)
        self.class_token = nn.Parameter(ops.zeros(1, 1, hidden_dim))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        self.heads: Any = nn.Sequential()
        if representation_size is not None:
            self.heads.add_module("pre_logits", nn.Linear(hidden_dim, representation_size))
            self.heads.add_module("act", nn.Tanh())
        self.heads.add_module("head", nn.Linear(representation_size or hidden_dim, num_classes))
        self._fill_weights()

    def _fill_weights(self) -> None:
        if isinstance(self.conv_proj, nn.Conv2d):
            _filled(self.conv_proj)
        else:
            last = self.conv_proj.conv_last
            nn.init.normal_(last.weight, 0.0, math.sqrt(2.0 / last.out_channels))
            nn.init.zeros_(last.bias)
        if self.representation_size is not None:
            _filled(self.heads.pre_logits)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        for name, side in (("height", x.shape[2]), ("width", x.shape[3])):
            if side != self.image_size:
                raise AssertError(f"Wrong image {name}! Expected {self.image_size} but got {side}!")
        patches = self.conv_proj(x).flatten(2).permute(0, 2, 1)  # (N, D, H, W) -> (N, H W, D)
        tokens = ops.cat([self.class_token.expand(x.shape[0], -1, -1), patches], 1)
        return self.heads(self.encoder(tokens)[:, 0])


def _stem(configs: Sequence[ConvStemConfig], hidden_dim: int) -> nn.Sequential:
    stem, channels = nn.Sequential(), 3
    for i, config in enumerate(configs):
        options: Any = config._asdict()
        stem.add_module(f"conv_bn_relu_{i}", Conv2dNormActivation(channels, **options))
        channels = config.out_channels
    stem.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
    return stem


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: dict[str, Tensor],
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> dict[str, Tensor]:
    """A state dict for images of another size: the positions are interpolated.

    Args:
        image_size, patch_size: of the model that it is for.
        model_state: the state dict.
        interpolation_mode: see `nn.functional.interpolate`.
        reset_heads: leave the classifier out.

    Raises:
        ValueError: positions that are no square.
    """
    positions = model_state["encoder.pos_embedding"]
    n, length, width = positions.shape
    if n != 1:
        raise ArgumentError(f"Unexpected position embedding shape: {positions.shape}")
    side, new_side = math.isqrt(length - 1), image_size // patch_size
    if side == new_side:
        return model_state
    if side * side != length - 1:
        raise ArgumentError(f"seq_length is not a perfect square! Got {length - 1} positions")
    plane = positions[:, 1:].permute(0, 2, 1).reshape(1, width, side, side)
    plane = interpolate(plane, size=new_side, mode=interpolation_mode, align_corners=True)
    moved = ops.cat([positions[:, :1], plane.flatten(2).permute(0, 2, 1)], 1)
    state = {**model_state, "encoder.pos_embedding": moved}
    return {key: value for key, value in state.items() if not (reset_heads and key.startswith("heads"))}


def _same_size(weights: WeightsEnum, config: dict[str, Any]) -> None:
    force(config, "image_size", weights.meta["min_size"][0])


def _vit(patch_size: int, layers: int, heads: int, width: int, kwargs: dict[str, Any]) -> VisionTransformer:
    return VisionTransformer(kwargs.pop("image_size", 224), patch_size, layers, heads, width, 4 * width, **kwargs)


ViT_B_16_Weights = weights_enum("ViT_B_16_Weights")
ViT_B_32_Weights = weights_enum("ViT_B_32_Weights")
ViT_L_16_Weights = weights_enum("ViT_L_16_Weights")
ViT_L_32_Weights = weights_enum("ViT_L_32_Weights")
ViT_H_14_Weights = weights_enum("ViT_H_14_Weights")


@published(ViT_B_16_Weights, _same_size)
def vit_b_16(**kwargs: Any) -> VisionTransformer:
    """The base vision transformer with patches of 16 x 16 pixels."""
    return _vit(16, 12, 12, 768, kwargs)


@published(ViT_B_32_Weights, _same_size)
def vit_b_32(**kwargs: Any) -> VisionTransformer:
    """The base vision transformer with patches of 32 x 32 pixels."""
    return _vit(32, 12, 12, 768, kwargs)


@published(ViT_L_16_Weights, _same_size)
def vit_l_16(**kwargs: Any) -> VisionTransformer:
    """The large vision transformer with patches of 16 x 16 pixels."""
    return _vit(16, 24, 16, 1024, kwargs)


@published(ViT_L_32_Weights, _same_size)
def vit_l_32(**kwargs: Any) -> VisionTransformer:
    """The large vision transformer with patches of 32 x 32 pixels."""
    return _vit(32, 24, 16, 1024, kwargs)


@published(ViT_H_14_Weights, _same_size)
def vit_h_14(**kwargs: Any) -> VisionTransformer:
    """The huge vision transformer with patches of 14 x 14 pixels."""
    return _vit(14, 32, 16, 1280, kwargs)
