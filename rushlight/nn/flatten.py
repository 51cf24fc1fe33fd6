"""Several dimensions as one, and one as several."""

from __future__ import annotations

from typing import Any

from ..mistakes import look_at_pictures, looks
from ..tensor import Tensor
from .module import Module


class Flatten(Module):
    """Dimensions `start_dim` to `end_dim` as one: by default all but the batch.

    Example:
        >>> rushlight.nn.Flatten()(rushlight.ones(32, 1, 5, 5)).shape
        torch.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        if looks.images and input._edge is None:
            look_at_pictures(input._array)
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension `dim` as several, of sizes `unflattened_size`.

    Example:
        >>> rushlight.nn.Unflatten(1, (2, 5))(rushlight.ones(3, 10)).shape
        torch.Size([3, 2, 5])
    """

    def __init__(self, dim: Any, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, str):
            raise TypeError(
                "unflattened_size with a named dim needs named tensors, which are not supported; give dim as an int"
            )
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at pos "
                    f"{i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
