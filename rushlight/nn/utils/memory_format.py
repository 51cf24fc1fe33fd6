"""Convolution weights in another memory format."""

from __future__ import annotations

from typing import Any

from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module


def _convert(module: Module, kinds: tuple[type[Module], ...], memory_format: Any) -> Any:
    convolutions: list[Any] = [each for each in module.modules() if isinstance(each, kinds)]
    for each in convolutions:
        each.weight.data = each.weight.detach().clone(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: Module, memory_format: Any) -> Any:
    """Gives the weights of all two-dimensional convolutions in `module` this memory format; returns it."""
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Module, memory_format: Any) -> Any:
    """Gives the weights of all three-dimensional convolutions in `module` this memory format; returns it."""
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format)
