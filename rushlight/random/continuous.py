"""Samples of continuous distributions: uniform, normal, exponential, Cauchy, log-normal.

Every sampler takes a generator (None: the default one), the shape of its result and a NumPy dtype, and gives a new
array in C order that equals, bit for bit, what PyTorch writes into a contiguous tensor. How many words of the generator
a sampler uses is part of that equality: float32 and narrower uniforms use 24 bits of one word, everything that PyTorch
computes in double 53 bits of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OperatorError, UnsupportedError
from ..kernels import kernel
from .arithmetic import DIGITS, FLOAT32, FLOAT64, LARGEST, Array, exp, fma32, fma64, libm, libm_log1p, rounded
from .box_muller import BLOCK, box_muller32, box_muller64
from .examples import elementwise_sampler, sampler
from .generator import Generator, default_generator

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

AT_ONCE = 1 << 15  # elements
REAL_OF: dict[np.dtype[Any], np.dtype[Any]] = {np.dtype(np.complex64): FLOAT32, np.dtype(np.complex128): FLOAT64}


def float_dtype(sampler: str, dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` if it is a real floating type, or an error."""
    found = np.dtype(dtype)
    if found not in DIGITS:
        raise UnsupportedError(f"{sampler}: cannot draw {found}; draw a floating type and convert it")
    return found


def element_count(sampler: str, shape: Sequence[int]) -> int:
    """The number of elements of `shape`, or an error."""
    if shape and min(shape) < 0:
        raise OperatorError(f"{sampler}: the shape {tuple(shape)} has a negative size")
    return math.prod(shape)


def in_blocks(draw: Callable[[int], Array], count: int) -> Array:
    """draw(count), in blocks that stay in the cache while they are made."""
    if count <= AT_ONCE:
        return draw(count)
    first = draw(AT_ONCE)
    values = np.empty(count, first.dtype)
    values[:AT_ONCE] = first
    for start in range(AT_ONCE, count, AT_ONCE):
        part = values[start : start + AT_ONCE]
        part[...] = draw(part.size)
    return values


@sampler
def uniform(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, low: float = 0.0, high: float = 1.0
) -> Array:
    """Uniform numbers: low + (high - low) u, u in [0, 1).

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: floating or complex; both parts of a complex number are drawn alike.
        low: the least number.
        high: what the numbers stay below (unless high = low).

    Raises:
        NotImplementedError: dtype is not floating or complex.
        RuntimeError: low > high, or one of them or their difference does not fit dtype, or a size is negative.

    Example:
        >>> uniform(Generator().manual_seed(0), (3,))
        array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)

    Source: the behaviour of torch.Tensor.uniform_.
    """
    if dtype is FLOAT32 and low == 0 and high == 1:  # what is drawn most: nothing to check, nothing to scale
        return (generator or default_generator).uniform24(element_count("uniform", shape)).reshape(tuple(shape))
    real = REAL_OF.get(np.dtype(dtype))
    if real is not None:
        return uniform(generator, (*shape, 2), real, low, high).view(dtype).reshape(tuple(shape))
    kind = float_dtype("uniform", dtype)
    count = element_count("uniform", shape)
    _check_bounds(kind, low, high)
    return _uniform(generator or default_generator, count, kind, low, high).reshape(tuple(shape))


def _check_bounds(dtype: np.dtype[Any], low: float, high: float) -> None:
    largest = LARGEST[dtype]
    for name, bound in (("low", low), ("high", high)):
        if not -largest <= bound <= largest:
            raise OperatorError(f"uniform: {name} = {bound} does not fit {dtype}")
    if low > high:
        raise OperatorError(f"uniform: [low, high) = [{low}, {high}) is no interval")
    if high - low > largest:
        raise OperatorError(f"uniform: the length of [{low}, {high}) does not fit {dtype}")


def _uniform(generator: Generator, count: int, dtype: np.dtype[Any], low: float, high: float) -> Array:
    draw = generator.uniform53 if dtype == FLOAT64 else generator.uniform24
    if (low, high) == (0, 1) and dtype.itemsize > 2:
        return draw(count)
    first, end = rounded(np.array(float(low)), dtype), rounded(np.array(float(high)), dtype)

    def draw_between(size: int) -> Array:
        values = rounded(_scaled(draw(size), float(low), float(high)), dtype)
        values[values == end] = first  # torch: where rounding reached the end, which is excluded
        return values

    return in_blocks(draw_between, count)


def _scaled(values: Array, low: float, high: float) -> Array:
    if values.dtype == FLOAT64:
        return fma64(values, high - low, low)
    return fma32(values, float(np.float32(high) - np.float32(low)), low)


@sampler
def normal(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """Normal numbers: mean + std z.

    torch: below 16 elements (a complex number counts twice) they are drawn in double and in pairs, the second of a pair
    waiting in the generator for the next draw; from 16 on, in blocks of 16 (see box_muller.py).

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: floating or complex; a complex number has variance std**2 over its two parts together.
        mean: of every part.
        std: at least 0.

    Raises:
        NotImplementedError: dtype is not floating or complex.
        RuntimeError: std < 0, or a size is negative.

    Example:
        >>> normal(Generator().manual_seed(0), (3,))
        array([ 1.5409961, -0.2934289, -2.1787894], dtype=float32)

    Source: the behaviour of torch.Tensor.normal_.
    """
    return _normal(normal_by_size, generator, shape, dtype, mean, std)


@sampler
def normal_one_by_one(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, mean: float = 0.0, std: float = 1.0
) -> Array:
    """`normal`, drawn as PyTorch draws for a tensor that is not contiguous: in double and in pairs, whatever the size.

    Raises:
        NotImplementedError: dtype is not floating or complex.
        RuntimeError: std < 0, or a size is negative.

    Example:
        >>> normal_one_by_one(Generator().manual_seed(0), (3,))
        array([ 1.5409961, -0.2934289, -2.1787894], dtype=float32)

    Source: the behaviour of torch.Tensor.normal_.
    """
    return _normal(normal_in_turn, generator, shape, dtype, mean, std)


def _normal(
    draw: Callable[..., Array],
    generator: Generator | None,
    shape: Sequence[int],
    dtype: DTypeLike,
    mean: float,
    std: float,
) -> Array:
    real = None if dtype is FLOAT32 else REAL_OF.get(np.dtype(dtype))
    if real is not None:
        parts = _normal(draw, generator, (*shape, 2), real, mean, std / math.sqrt(2))
        return parts.view(dtype).reshape(tuple(shape))
    kind = FLOAT32 if dtype is FLOAT32 else float_dtype("normal", dtype)
    count = element_count("normal", shape)
    if not std >= 0:
        raise OperatorError(f"normal: std = {std} is not at least 0")
    return draw(generator or default_generator, count, kind, mean, std).reshape(tuple(shape))


def normal_in_turn(
    generator: Generator, count: int, dtype: np.dtype[Any], mean: float = 0.0, std: float = 1.0
) -> Array:
    """(count,) normal numbers one after the other: how PyTorch fills small and non-contiguous tensors."""
    return rounded(fma64(standard_normals(generator, count), float(std), float(mean)), dtype)


def standard_normals(generator: Generator, count: int) -> Array:
    """(count,) standard normal numbers in float64; a pair's second half that is left over waits in the generator."""
    spare = generator.spare_normal
    waiting = int(spare is not None and count > 0)
    pairs = (count - waiting + 1) // 2
    normals = np.empty(waiting + 2 * pairs)
    normals[:waiting] = spare
    normals[waiting:] = in_blocks(lambda size: pairs_of_normals(generator.uniform53(size)), 2 * pairs)
    if count:
        generator.spare_normal = float(normals[count]) if count < normals.size else None
    return normals[:count]


@kernel
def pairs_of_normals(uniforms: Array) -> Array:
    """Of the uniform u, v in [0, 1): radius = sqrt(-2 log(1 - v)), angle = 2 pi u, cosine first."""
    radius = np.sqrt(-2.0 * libm(math.log1p, -uniforms[1::2]))
    angle = (2 * math.pi) * uniforms[0::2]
    normals = np.empty(len(uniforms))
    np.multiply(radius, libm(math.cos, angle), out=normals[0::2])
    np.multiply(radius, libm(math.sin, angle), out=normals[1::2])
    return normals


def normal_in_blocks(
    generator: Generator, count: int, dtype: np.dtype[Any], mean: float = 0.0, std: float = 1.0
) -> Array:
    """(count,) normal numbers, count >= 16, in blocks of 16; an incomplete last block is drawn anew with 16 elements.

    torch: float32 and float64 also draw the uniform numbers of the incomplete block, and drop them; float16 and
    bfloat16 do not.
    """
    wide = dtype == FLOAT64
    tail = count % BLOCK
    if not tail and count <= AT_ONCE:
        return rounded(_normal_blocks(generator, count, wide, float(mean), float(std)), dtype)
    normals = np.empty(count, FLOAT64 if wide else FLOAT32)
    draw: Callable[[int], Array] = lambda size: _normal_blocks(generator, size, wide, float(mean), float(std))
    normals[: count - tail] = in_blocks(draw, count - tail)
    if tail:
        if dtype.itemsize > 2:
            generator.words(2 * tail if wide else tail)
        normals[-BLOCK:] = draw(BLOCK)
    return rounded(normals, dtype)


def _normal_blocks(generator: Generator, count: int, wide: bool, mean: float, std: float) -> Array:
    if wide:
        return fma64(box_muller64(generator.uniform53(count)), std, mean)
    return fma32(box_muller32(generator.uniform24(count)), std, mean)


def normal_by_size(
    generator: Generator, count: int, dtype: np.dtype[Any], mean: float = 0.0, std: float = 1.0
) -> Array:
    """(count,) normal numbers as PyTorch fills a contiguous tensor."""
    draw = normal_in_blocks if count >= BLOCK else normal_in_turn
    return draw(generator, count, dtype, mean, std)


@elementwise_sampler
def normal_around(generator: Generator | None, mean: Any, std: Any) -> Array:
    """Normal numbers whose mean or standard deviation differ by element: mean + std z.

    Args:
        generator: where to draw from; None means the default generator.
        mean: a floating array, whose dtype the result has, or a number.
        std: a floating array, each element at least 0, or a number; its shape and the mean's broadcast.

    Raises:
        NotImplementedError: the dtype is not floating.
        RuntimeError: an element of std is below 0.

    Example:
        >>> normal_around(Generator().manual_seed(0), np.zeros(2, np.float32), 2.0)
        array([ 3.0819921, -0.5868578], dtype=float32)

    Source: the behaviour of torch.normal.
    """
    kind = getattr(mean if isinstance(mean, np.ndarray) else std, "dtype", FLOAT64)
    if np.min(std, initial=0) < 0:
        raise OperatorError("normal: an element of std is below 0")
    if not isinstance(std, np.ndarray):  # torch: a number scales while drawing, with one rounding
        return np.add(normal(generator, mean.shape, kind, 0.0, std), mean, dtype=kind)
    shape = np.broadcast_shapes(np.shape(mean), std.shape)
    scaled = rounded(normal(generator, shape, kind) * std, kind)  # torch: rounds between scaling and shifting
    return rounded(scaled + np.asarray(mean, kind), kind)


@sampler
def exponential(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, lambd: float = 1.0
) -> Array:
    """Exponential numbers: -log(1 - u) / lambd.

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: floating.
        lambd: the rate, above 0.

    Raises:
        RuntimeError: lambd is not above 0, dtype is not floating, or a size is negative.

    Example:
        >>> exponential(Generator().manual_seed(0), (2,))
        array([3.5083263, 1.2303847], dtype=float32)

    Source: the behaviour of torch.Tensor.exponential_.
    """
    count = element_count("exponential", shape)
    if not lambd > 0:
        raise OperatorError(f"exponential: lambd = {lambd} is not above 0")
    if np.dtype(dtype) not in DIGITS:
        raise OperatorError(f"exponential: {np.dtype(dtype)} is not a floating type")
    kind, source = np.dtype(dtype), generator or default_generator

    def draw(size: int) -> Array:
        return rounded((-1.0 / lambd) * libm_log1p(-source.uniform53(size)), kind)

    return in_blocks(draw, count).reshape(tuple(shape))


@sampler
def cauchy(
    generator: Generator | None,
    shape: Sequence[int],
    dtype: DTypeLike = FLOAT32,
    median: float = 0.0,
    sigma: float = 1.0,
) -> Array:
    """Cauchy numbers: median + sigma tan(pi (u - 1/2)).

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: floating.
        median: of the distribution.
        sigma: half the distance between the quartiles, above 0.

    Raises:
        RuntimeError: sigma is not above 0, dtype is not floating, or a size is negative.

    Example:
        >>> cauchy(Generator().manual_seed(0), (2,))
        array([10.59773  ,  0.7647673], dtype=float32)

    Source: the behaviour of torch.Tensor.cauchy_.
    """
    count = element_count("cauchy", shape)
    if not sigma > 0:
        raise OperatorError(f"cauchy: sigma = {sigma} is not above 0")
    if np.dtype(dtype) not in DIGITS:
        raise OperatorError(f"cauchy: {np.dtype(dtype)} is not a floating type")
    kind, source = np.dtype(dtype), generator or default_generator

    def draw(size: int) -> Array:
        slope = libm(math.tan, math.pi * (source.uniform53(size) - 0.5))
        return rounded(fma64(slope, float(sigma), float(median)), kind)

    return in_blocks(draw, count).reshape(tuple(shape))


@sampler
def log_normal(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, mean: float = 1.0, std: float = 2.0
) -> Array:
    """Log-normal numbers: exp(mean + std z), drawn one after the other whatever the size.

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: floating.
        mean: of the logarithm.
        std: of the logarithm, above 0.

    Raises:
        NotImplementedError: dtype is not floating.
        RuntimeError: std is not above 0, or a size is negative.

    Example:
        >>> log_normal(Generator().manual_seed(0), (1,)).dtype
        dtype('float32')

    Source: the behaviour of torch.Tensor.log_normal_.
    """
    kind = float_dtype("log_normal", dtype)
    count = element_count("log_normal", shape)
    if not std > 0:
        raise OperatorError(f"log_normal: std = {std} is not above 0")
    logarithms = normal_in_turn(generator or default_generator, count, FLOAT64, mean, std)
    return rounded(exp(logarithms), kind).reshape(tuple(shape))
