"""Samples of discrete distributions: integers, permutations, coin tosses, dropout masks, waiting times, categories.

As in continuous.py: a sampler takes a generator (None: the default one), a shape and a NumPy dtype, and gives a new
array in C order that equals what PyTorch writes into a contiguous tensor, using the same words of the generator.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, OperatorError, UnsupportedError
from ..kernels import kernel
from .arithmetic import BFLOAT16, DIGITS, FLOAT32, FLOAT64, LARGEST, Array, log, rounded
from .continuous import AT_ONCE, element_count, exponential, in_blocks
from .examples import elementwise_sampler, sampler
from .generator import Generator, default_generator

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)
SIGNED_OR_BYTE = {np.dtype(t) for t in (np.uint8, np.int8, np.int16, np.int32, np.int64)}
UNSIGNED = {np.dtype(t) for t in (np.uint16, np.uint32, np.uint64)}
LOWEST64, HIGHEST64 = -(2**63), 2**63 - 1
NARROW_RANGE = 1 << 28  # torch: below, one word of 32 bits makes an integer; from here on, 64 bits do
FEW = (2**32 - 1) // 20  # torch: from here on, randperm takes words of 64 bits and another shuffle


@sampler
def integers(
    generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = INT64, low: int = 0, high: int | None = None
) -> Array:
    """Integers of [low, high): low + word mod (high - low).

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: integer, bool or floating.
        low: the least number.
        high: one more than the largest; None means that the largest is dtype's own, or 2**digits for a floating dtype
            of so many digits. low = -2**63 without high means all of [-2**63, 2**63).

    Raises:
        RuntimeError: the interval is empty or does not fit dtype, dtype is complex, or a size is negative.

    Example:
        >>> integers(Generator().manual_seed(0), (5,), low=0, high=10).tolist()
        [4, 9, 3, 0, 3]

    Source: the behaviour of torch.randint and torch.Tensor.random_(from, to).
    """
    kind = np.dtype(dtype)
    count = element_count("integers", shape)
    least, most = _inclusive_bounds(kind, operator.index(low), None if high is None else operator.index(high))
    source = generator or default_generator
    return in_blocks(lambda size: _integers(source, size, kind, least, most), count).reshape(tuple(shape))


def _integers(generator: Generator, count: int, dtype: np.dtype[Any], least: int, most: int) -> Array:
    length = most - least + 1
    if length == 2**64:  # torch: the bits as they are
        return rounded(generator.words64(count).view(np.int64), dtype)
    if length < NARROW_RANGE:
        return rounded(generator.remainders(count, length, least), dtype)
    words = generator.words64(count) % np.uint64(length)
    words += np.uint64(least % 2**64)  # wraps as PyTorch's unsigned arithmetic does
    return rounded(words.view(np.int64), dtype)


def _inclusive_bounds(dtype: np.dtype[Any], low: int, high: int | None) -> tuple[int, int]:
    """The least and the largest integer to draw, or an error."""
    if dtype not in DIGITS and dtype not in SIGNED_OR_BYTE and dtype not in UNSIGNED and dtype != BOOL:
        raise OperatorError(f"integers: cannot draw {dtype}")
    if high is None and low == LOWEST64:
        return _all_of_64_bits(dtype)
    if high is not None and low >= high:
        raise OperatorError(f"integers: [low, high) = [{low}, {high}) is empty")
    least, most = low, _largest_integer(dtype) if high is None else high - 1
    if dtype in DIGITS:
        least = _raised(dtype, low)
        most = most if high is None else _lowered(dtype, high) - 1
    if least > most:
        raise OperatorError(f"integers: no {dtype} lies in [low, high) = [{low}, {high})")
    for name, bound in (("low", least), ("high - 1", most)):
        if not _fits(dtype, bound):
            raise OperatorError(f"integers: {name} = {bound} does not fit {dtype}")
    return least, most


def _all_of_64_bits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype not in (INT64, FLOAT64, FLOAT32, BFLOAT16):
        raise OperatorError(f"integers: {dtype} cannot be drawn from all of [-2**63, 2**63)")
    return LOWEST64, HIGHEST64


def _largest_integer(dtype: np.dtype[Any]) -> int:
    if dtype in DIGITS:
        return 1 << DIGITS[dtype]
    return 1 if dtype == BOOL else min(int(np.iinfo(dtype).max), HIGHEST64)


def _fits(dtype: np.dtype[Any], number: int) -> bool:
    if dtype in DIGITS:
        return -LARGEST[dtype] <= number <= LARGEST[dtype]
    least = 0 if dtype.kind in "ub" else int(np.iinfo(dtype).min)
    return least <= number <= _largest_integer(dtype)


def _raised(dtype: np.dtype[Any], low: int) -> int:
    """low, or the next number that dtype holds where low + 1 would round to below low."""
    inner = _in_dtype(dtype, low + 1)
    return low if inner >= low else inner + _spacing(dtype, low + 1)


def _lowered(dtype: np.dtype[Any], high: int) -> int:
    """high, or the last number before it that dtype holds where high - 1 would round to high or beyond."""
    inner = _in_dtype(dtype, high - 1)
    return high if inner < high else inner - _spacing(dtype, high - 1)


def _in_dtype(dtype: np.dtype[Any], number: int) -> int:
    nearest = float(rounded(np.array(float(number)), dtype))
    return int(nearest) if LOWEST64 <= nearest < 2.0**63 else LOWEST64  # torch: what the processor's conversion gives


def _spacing(dtype: np.dtype[Any], number: int) -> int:
    return 1 << (abs(number).bit_length() - DIGITS[dtype])


@sampler
def random_integers(generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = INT64) -> Array:
    """Integers from 0 to dtype's largest, or to 2**digits for a floating dtype of so many digits.

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: bool, a signed integer, uint8, or floating.

    Raises:
        NotImplementedError: dtype is complex or an unsigned integer of more than 8 bits.
        RuntimeError: a size is negative.

    Example:
        >>> random_integers(Generator().manual_seed(0), (3,), np.uint8).tolist()
        [172, 47, 117]

    Source: the behaviour of torch.Tensor.random_().
    """
    kind = np.dtype(dtype)
    if kind not in DIGITS and kind not in SIGNED_OR_BYTE and kind != BOOL:
        raise UnsupportedError(f"random_integers: cannot draw {kind}; name the interval with integers(low, high)")
    source, count = generator or default_generator, element_count("random_integers", shape)
    words = source.words64(count) if kind in (INT64, FLOAT64) else source.words(count)
    words %= np.uint64(_largest_integer(kind) + 1)
    return rounded(words.view(np.int64), kind).reshape(tuple(shape))


@sampler
def permutation(generator: Generator | None, n: int, dtype: DTypeLike = INT64) -> Array:
    """0 ... n-1 in random order, by the shuffle of Fisher and Yates.

    Args:
        generator: where to draw from; None means the default generator.
        n: at least 0.
        dtype: signed integer, uint8 or floating, wide enough for n.

    Raises:
        NotImplementedError: dtype is another.
        RuntimeError: n is negative or does not fit dtype.

    Example:
        >>> permutation(Generator().manual_seed(0), 5).tolist()
        [4, 0, 1, 3, 2]

    Source: the behaviour of torch.randperm.
    """
    kind = np.dtype(dtype)
    if kind not in DIGITS and kind not in SIGNED_OR_BYTE:
        raise UnsupportedError(f"permutation: cannot draw {kind}; draw int64 and convert it")
    if n < 0:
        raise OperatorError(f"permutation: n = {n} is negative")
    if n > _largest_integer(kind) + (kind in DIGITS):
        raise OperatorError(f"permutation: n = {n} does not fit {kind}")
    source = generator or default_generator
    return rounded(shuffled(source.words(max(n - 1, 0)))[:n] if n < FEW else _shuffle_inside_out(source, n), kind)


@kernel
def shuffled(words: Array) -> Array:
    """words (n-1,) -> 0 ... n-1 in random order (n,).

    For i = 0 ... n-2: swap the elements i and target[i] = i + words[i] mod (n - i).

    The same without the loop. Step i brings to place i what the last step before it with the same target had moved
    there, or, if there was none, target[i] itself. What a step moves away from its own place i is what the last step
    with target i had moved there, and so on back to a place that was no target: these chains are short.
    """
    n = len(words) + 1
    steps = np.arange(n)
    target = steps.copy()  # the last element stays
    target[:-1] += words.astype(np.uint32) % np.arange(n, 1, -1, dtype=np.uint32)
    keys = np.sort(target << 32 | steps)  # by target, then by step
    target_sorted, step_sorted = keys >> 32, keys & 0xFFFFFFFF
    moved = steps.copy()  # what step i moves away from place i
    earlier = step_sorted < target_sorted
    moved[target_sorted[earlier]] = step_sorted[earlier]  # of several, the last assignment stays
    while not np.array_equal(moved, further := moved[moved]):
        moved = further
    again = np.flatnonzero(target_sorted[1:] == target_sorted[:-1])
    target[step_sorted[again + 1]] = moved[step_sorted[again]]
    return target


def _shuffle_inside_out(generator: Generator, n: int) -> Array:
    """For i = 0 ... n-1: element i = element j, element j = i, where j = word of 64 bits mod (i + 1)."""
    order = np.arange(n)
    for start in range(0, n, AT_ONCE):
        steps = np.arange(start, min(start + AT_ONCE, n))
        targets = generator.words64(steps.size) % (steps + 1).astype(np.uint64)
        for i, j in zip(steps.tolist(), targets.tolist(), strict=True):
            order[i] = order[j]
            order[j] = i
    return order


@sampler
def bernoulli(generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, p: float = 0.5) -> Array:
    """1 with probability p, else 0: u < p with u of 53 bits.

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: bool, signed integer, uint8 or floating.
        p: in [0, 1].

    Raises:
        NotImplementedError: dtype is another.
        RuntimeError: p is not in [0, 1], or a size is negative.

    Example:
        >>> bernoulli(Generator().manual_seed(0), (4,), p=0.5).tolist()
        [0.0, 0.0, 1.0, 0.0]

    Source: the behaviour of torch.Tensor.bernoulli_(p).
    """
    kind, count = _coin_dtype(dtype), element_count("bernoulli", shape)
    if not 0 <= p <= 1:
        raise OperatorError(f"bernoulli: p = {p} is not in [0, 1]")
    return _tosses(generator or default_generator, count, p).astype(kind, copy=False).reshape(tuple(shape))


def _coin_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    kind = np.dtype(dtype)
    if kind not in DIGITS and kind not in SIGNED_OR_BYTE and kind != BOOL:
        raise UnsupportedError(f"bernoulli: cannot draw {kind}; draw bool and convert it")
    return kind


def _tosses(generator: Generator, count: int, p: float) -> Array:
    """(count,) u < p, compared as integers."""
    return generator.tosses(count, math.ceil(p * 2.0**53))


@elementwise_sampler
def bernoulli_each(generator: Generator | None, p: Array, dtype: DTypeLike | None = None) -> Array:
    """1 with its own probability for each element, else 0: u < p, u of 53 bits for float64 and of 24 bits otherwise.

    Args:
        generator: where to draw from; None means the default generator.
        p: floating, each in [0, 1].
        dtype: of the result: bool, signed integer, uint8 or floating; None means p's.

    Raises:
        NotImplementedError: p is not floating, or dtype is another.
        RuntimeError: an element of p is not in [0, 1].

    Example:
        >>> bernoulli_each(Generator().manual_seed(0), np.array([0.0, 1.0])).tolist()
        [0.0, 1.0]

    Source: the behaviour of torch.bernoulli and torch.Tensor.bernoulli_(tensor).
    """
    if p.dtype not in DIGITS:
        raise UnsupportedError(f"bernoulli: p is of {p.dtype}; give the probabilities in a floating type")
    kind = _coin_dtype(p.dtype if dtype is None else dtype)
    if not ((p >= 0) & (p <= 1)).all():
        raise OperatorError(f"bernoulli: an element of p {p.shape} is not in [0, 1]")
    source = generator or default_generator
    draw = source.uniform53 if p.dtype == FLOAT64 else source.uniform24
    uniforms: Array = draw(p.size).reshape(p.shape)
    return (uniforms < p.astype(uniforms.dtype, copy=False)).astype(kind)


@sampler
def dropout_mask(
    generator: Generator | None, shape: Sequence[int], p: float = 0.5, axes: Sequence[int] | None = None
) -> Array:
    """Which elements dropout keeps: each with probability 1 - p.

    torch: for p = 0 and p = 1 nothing is drawn. The dtype of the input does not matter.

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the mask: the input's, or (N, C, 1, ..., 1) to drop whole channels.
        p: probability of dropping, in [0, 1].
        axes: the axes from the slowest to the fastest, if the mask is not to be drawn in row-major order.

    Raises:
        ValueError: p is not in [0, 1].

    Example:
        >>> dropout_mask(Generator().manual_seed(0), (6,), 0.5).tolist()
        [False, False, True, False, False, False]

    Source: the behaviour of torch.nn.functional.dropout on the CPU.
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p = {p} is not in [0, 1]")
    if p in (0, 1):
        return np.full(shape, p == 0)
    if axes is None:
        return bernoulli(generator, shape, bool, 1 - p)
    return bernoulli(generator, [shape[axis] for axis in axes], bool, 1 - p).transpose(np.argsort(axes).tolist())


@sampler
def geometric(generator: Generator | None, shape: Sequence[int], dtype: DTypeLike = FLOAT32, p: float = 0.5) -> Array:
    """The number of tosses up to the first success: ceil(log(u) / log(1 - p)).

    Args:
        generator: where to draw from; None means the default generator.
        shape: of the result.
        dtype: signed integer, uint8 or floating.
        p: probability of success, in (0, 1).

    Raises:
        NotImplementedError: dtype is another.
        RuntimeError: p is not in (0, 1), or a size is negative.

    Example:
        >>> geometric(Generator().manual_seed(0), (4,), np.int64, 0.1).tolist()
        [1, 4, 8, 1]

    Source: the behaviour of torch.Tensor.geometric_.
    """
    kind, count = np.dtype(dtype), element_count("geometric", shape)
    if kind not in DIGITS and kind not in SIGNED_OR_BYTE:
        raise UnsupportedError(f"geometric: cannot draw {kind}; draw int64 and convert it")
    if not 0 < p < 1:
        raise OperatorError(f"geometric: p = {p} is not in (0, 1)")
    source = generator or default_generator

    def draw(size: int) -> Array:
        return rounded(np.ceil(log(source.uniform53(size)) / math.log1p(-p)), kind)

    return in_blocks(draw, count).reshape(tuple(shape))


@sampler
def multinomial(generator: Generator | None, weights: Array, samples: int, replacement: bool = False) -> Array:
    """Categories drawn with probabilities in proportion to `weights`.

    Args:
        generator: where to draw from; None means the default generator.
        weights: (C,) or (N, C), floating, at least 0, finite, no row all zero.
        samples: how many to draw from each row; at most C without replacement.
        replacement: whether a category may be drawn again.

    Returns:
        (samples,) or (N, samples) int64.

    Raises:
        RuntimeError: an argument is not as said.

    Example:
        >>> multinomial(Generator().manual_seed(0), np.array([0.1, 0.0, 0.9]), 4, replacement=True).tolist()
        [2, 2, 2, 2]

    Source: the behaviour of torch.multinomial.
    """
    _check_weights(weights, samples, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    draw = _with_replacement if replacement and samples > 1 else _without_replacement
    drawn = draw(generator or default_generator, rows, samples) if rows.size else np.empty((0, samples), np.int64)
    return drawn.reshape((*weights.shape[:-1], samples))


def _check_weights(weights: Array, samples: int, replacement: bool) -> None:
    if weights.ndim not in (1, 2):
        raise OperatorError(f"multinomial: weights {weights.shape} are not of 1 or 2 dimensions")
    if weights.dtype not in DIGITS:
        raise OperatorError(f"multinomial: weights of {weights.dtype}; a floating type expected")
    if samples <= 0:
        raise OperatorError(f"multinomial: samples = {samples} is not above 0")
    categories = weights.shape[-1]
    if not categories:
        raise OperatorError(f"multinomial: weights {weights.shape} have no categories")
    if not replacement and samples > categories:
        raise OperatorError(f"multinomial: {samples} samples of {categories} categories need replacement=True")
    if categories > 1 << 24:
        raise OperatorError(f"multinomial: {categories} categories, at most 2**24 expected")
    if not ((weights >= 0) & (weights <= LARGEST[weights.dtype])).all():
        raise OperatorError(f"multinomial: weights {weights.shape} contain inf, nan or a number below 0")
    if weights.size and not weights.any(axis=-1).all():
        raise OperatorError(f"multinomial: weights {weights.shape} have a row of zeros")


def _with_replacement(generator: Generator, rows: Array, samples: int) -> Array:
    """Of each row, the first category whose cumulated probability is not below u."""
    wide = rows if rows.dtype == FLOAT64 else rows.astype(FLOAT32, copy=False)
    cumulated = np.cumsum(wide, axis=1, dtype=wide.dtype)
    cumulated /= cumulated[:, -1:].copy()
    cumulated[:, -1] = 1
    uniforms = generator.uniform53(len(rows) * samples).reshape(-1, samples)
    return np.stack([np.searchsorted(c, u) for c, u in zip(cumulated, uniforms, strict=True)])


def _without_replacement(generator: Generator, rows: Array, samples: int) -> Array:
    """Of each row, the categories of the largest weight / q with q exponential; of equal ones the first.

    torch: a single sample is drawn this way even with replacement.
    """
    with np.errstate(divide="ignore", over="ignore"):
        keys = rows / exponential(generator, rows.shape, rows.dtype)
    if samples == 1:
        return np.argmax(keys, axis=1, keepdims=True)
    order: Array = np.argsort(-keys, axis=1, kind="stable")
    return order[:, :samples]
