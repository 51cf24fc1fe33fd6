"""Starting values for weights: the functions of `torch.nn.init`, each of which fills a tensor in place and returns it.

The same seed gives PyTorch's values bit for bit, except for `orthogonal_`, whose QR decomposition rounds differently.
None of this is recorded on the tape.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from ..autograd.tape import TensorBase, touch
from ..errors import DTypeError

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Generator = Any  # a rushlight.Generator, or None for the default one


def _memory(tensor: Tensor, name: str) -> Array:
    """The array to write to. Its later readers on the tape are told."""
    if not isinstance(tensor, TensorBase):
        raise DTypeError(f"{name}: expected a Tensor, got {type(tensor).__name__}")
    array = tensor._pin()
    touch(array)
    return array


def _uniform(tensor: Tensor, low: float, high: float, generator: Generator, name: str) -> Tensor:
    random.uniform_(_memory(tensor, name), generator, low=low, high=high)
    return tensor


def _normal(tensor: Tensor, mean: float, std: float, generator: Generator, name: str) -> Tensor:
    random.normal_(_memory(tensor, name), generator, mean, std)
    return tensor


def _fill(tensor: Tensor, value: Any, name: str) -> Tensor:
    _memory(tensor, name)[...] = value
    return tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a layer's standard deviation is to grow so that the nonlinearity behind it keeps the
    variance.

    Args:
        nonlinearity: 'linear', 'conv1d' ... 'conv_transpose3d', 'sigmoid' (1), 'tanh' (5/3), 'relu' (sqrt 2),
            'leaky_relu' (sqrt(2 / (1 + slope^2))), 'selu' (3/4).
        param: the slope of 'leaky_relu'; 0.01 by default.

    Raises:
        ValueError: another name, or a slope that is no number.

    Example:
        >>> calculate_gain("leaky_relu", 0.2)
        1.3867504905630728
    """
    gains = {"sigmoid": 1, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    linear = ["linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))]
    if nonlinearity in linear:
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform in [a, b).

    Example:
        >>> uniform_(rushlight.ones(2)).shape
        torch.Size([2])
    """
    return _uniform(tensor, a, b, generator, "uniform_")


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None) -> Tensor:
    """Normal with this mean and standard deviation."""
    return _normal(tensor, mean, std, generator, "normal_")


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere."""
    return _fill(tensor, val, "constant_")


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return _fill(tensor, 1, "ones_")


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return _fill(tensor, 0, "zeros_")


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    Raises:
        ValueError: the tensor does not have 2 dimensions.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    array = _memory(tensor, "eye_")
    array[...] = np.eye(*array.shape, dtype=array.dtype)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The convolution weight (O, C/groups, *K) that passes its input channels on unchanged, group by group.

    Raises:
        ValueError: not 3, 4 or 5 dimensions, or O is not divisible by groups.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    array = _memory(tensor, "dirac_")
    array[...] = 0
    per_group = array.shape[0] // groups
    kept = np.arange(min(per_group, array.shape[1]))
    centre = tuple(n // 2 for n in array.shape[2:])
    for group in range(groups):
        array[(group * per_group + kept, kept, *centre)] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output sees and how many outputs an input reaches, for a weight (O, C, *K)."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[0 if mode.lower() == "fan_in" else 1]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform in [-a, a), a = gain * sqrt(6 / (fan_in + fan_out)).

    Raises:
        ValueError: the tensor has fewer than 2 dimensions.

    Source: Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
    """
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    bound = math.sqrt(3.0) * std
    return _uniform(tensor, -bound, bound, generator, "xavier_uniform_")


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)); see `xavier_uniform_`."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return _normal(tensor, 0.0, std, generator, "xavier_normal_")


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator = None
) -> Tensor:
    """Uniform in [-b, b), b = gain * sqrt(3 / fan), fan that of `mode`, gain that of the nonlinearity.

    Args:
        a: the slope of 'leaky_relu'.
        mode: 'fan_in' keeps the variance going forward, 'fan_out' going backward.
        nonlinearity: what follows the layer; see `calculate_gain`.

    Raises:
        ValueError: fewer than 2 dimensions, another mode or nonlinearity.

    Source: He et al. 2015, arXiv:1502.01852, eq. 10 and 14.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return _uniform(tensor, -bound, bound, generator, "kaiming_uniform_")


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator = None
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan); see `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return _normal(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator, "kaiming_normal_")


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator = None
) -> Tensor:
    """Normal numbers, those outside [a, b] drawn anew until they lie inside.

    Where the interval holds less than 30 % of the distribution, uniform numbers in [a, b] are drawn instead, each kept
    with probability density(x) / (greatest density in [a, b]).
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    array = _memory(tensor, "trunc_normal_")
    if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
        _redraw_outside(array, mean, std, a, b, generator)
    else:
        _accept_or_reject(array, mean, std, a, b, generator)
    return tensor


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _redraw_outside(array: Array, mean: float, std: float, a: float, b: float, generator: Generator) -> None:
    low, high = array.dtype.type(a), array.dtype.type(b)
    random.normal_(array, generator, mean, std)
    while (outside := (array < low) | (array > high)).any():
        # torch: numbers are drawn for all places, and the others thrown away
        np.copyto(array, random.normal_(np.empty_like(array), generator, mean, std), where=outside)


def _accept_or_reject(array: Array, mean: float, std: float, a: float, b: float, generator: Generator) -> None:
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2  # log of the greatest density in [a, b]
    scalar = array.dtype.type
    waiting = np.ones_like(array, bool)
    while waiting.any():
        candidates = random.uniform_(np.empty_like(array), generator, low=a, high=b)
        log_density = ((candidates - scalar(mean)) / scalar(std)) ** 2 * scalar(-0.5) - scalar(peak)
        np.copyto(array, candidates, where=waiting)
        with np.errstate(divide="ignore"):
            waiting &= np.log(random.uniform_(np.empty_like(array), generator)) > log_density


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator = None) -> Tensor:
    """A matrix (the trailing dimensions flattened) with orthonormal rows or columns, times `gain`.

    Raises:
        ValueError: fewer than 2 dimensions.

    Source: Saxe et al. 2013, arXiv:1312.6120.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    array = _memory(tensor, "orthogonal_")
    if array.size == 0:
        return tensor
    rows = array.shape[0]
    source = random.source(generator, tensor.device)
    noise = random.normal(source, (rows, array.size // rows), array.dtype).astype(np.float64)
    q, r = np.linalg.qr(noise.T if rows < noise.shape[1] else noise)
    q *= np.sign(np.diag(r))  # makes the decomposition unique, and the distribution uniform
    array[...] = (q.T if rows < noise.shape[1] else q).reshape(array.shape)
    array *= array.dtype.type(gain)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator = None) -> Tensor:
    """Normal numbers around 0, and in each column of the matrix the fraction `sparsity` of zeros.

    Raises:
        ValueError: the tensor does not have 2 dimensions.

    Source: Martens 2010, "Deep learning via Hessian-free optimization".
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    array = _memory(tensor, "sparse_")
    random.normal_(array, generator, 0, std)
    zeros = math.ceil(sparsity * array.shape[0])
    for column in range(array.shape[1]):  # torch: the places come from the default generator, whatever was given
        array[random.permutation(None, array.shape[0])[:zeros], column] = 0
    return tensor


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its name of old, without the underscore."""
    name = function.__name__[:-1]

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    renamed.__name__ = name
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
