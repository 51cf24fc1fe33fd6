"""Layers that models share: convolutions with what follows them, squeeze and excitation, perceptrons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn, ops
from ...tensor import Tensor

Make = Callable[..., nn.Module]


class Conv2dNormActivation(nn.Sequential):
    """A convolution that keeps the size, a normalization, an activation.

    Args:
        padding: what keeps the size, by default.
        norm_layer, activation_layer: make them; None: without.
        inplace: for the activation; None: it takes no such option.
        bias: of the convolution; by default if there is no normalization.
        others: see `nn.Conv2d`.
    """

    _conv: Any = nn.Conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any = 3,
        stride: Any = 1,
        padding: Any = None,
        groups: int = 1,
        norm_layer: Make | None = nn.BatchNorm2d,
        activation_layer: Make | None = nn.ReLU,
        dilation: Any = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        padding = _keeping(kernel_size, dilation) if padding is None else padding
        bias = norm_layer is None if bias is None else bias
        conv = self._conv(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        layers = [conv] if norm_layer is None else [conv, norm_layer(out_channels)]
        if activation_layer is not None:
            layers.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv3dNormActivation(Conv2dNormActivation):
    """The same in three dimensions; `norm_layer` must be given, BatchNorm3d for example."""

    _conv = nn.Conv3d


def _keeping(kernel_size: Any, dilation: Any) -> Any:
    """The padding that keeps the size, for odd kernels."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    dims = len(dilation if isinstance(kernel_size, int) else kernel_size)
    both = ((x,) * dims if isinstance(x, int) else x for x in (kernel_size, dilation))
    return tuple((k - 1) // 2 * d for k, d in zip(*both))


class SqueezeExcitation(nn.Module):
    """Each channel times a factor that depends on the means of all channels.

    Args:
        input_channels: how many channels.
        squeeze_channels: how many values the factors are computed from.
        activation, scale_activation: make what follows the first and the second layer.

    Source: Hu et al. 2017, arXiv:1709.01507.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Make = nn.ReLU,
        scale_activation: Make = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input))))) * input


class MLP(nn.Sequential):
    """Linear layers with normalization, activation and dropout between them, and dropout at the end.

    Args:
        in_channels: values of the input.
        hidden_channels: values after each layer.
        norm_layer, activation_layer: make what follows a layer, but for the last.
        inplace: for activation and dropout; None: as they are by themselves.
        bias: of the layers.
        dropout: the part that is dropped.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Make | None = None,
        activation_layer: Make = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options: Any = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        for i, channels in enumerate(hidden_channels, 1):
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if i < len(hidden_channels):
                layers += [] if norm_layer is None else [norm_layer(channels)]
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = channels
        super().__init__(*layers)


class Permute(nn.Module):
    """The dimensions in another order."""

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization with statistics and weights that stay.

    Args:
        num_features: how many channels.
        eps: added to the variance.
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, fill in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, ops.full((num_features,), fill))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias, mean, var = (b.view(1, -1, 1, 1) for b in self.buffers())
        scale = weight * (var + self.eps).rsqrt()
        return x * scale + (bias - mean * scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.get_buffer('weight').shape[0]}, eps={self.eps})"
