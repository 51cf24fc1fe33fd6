"""The Mersenne Twister: a state of 624 words, and what is drawn from it.

A state is an array (625,) uint32: the key, and the number of its words that were handed out since the last twist. The
functions here, whose names end in `_`, move it on. 53 bits are the lower ones of two words, of which the first is the
upper half.

Source: Matsumoto, Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels import kernel

Array = Any

N, M = 624, 397
UPPER, LOWER, MATRIX = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)


@kernel
def seeded_twister(seed: int) -> Array:
    """The state that a seed of 32 bits starts: no word is left, so the first draw twists."""
    key = [seed]
    for i in range(1, N):
        key.append((1812433253 * (key[-1] ^ (key[-1] >> 30)) + i) & 0xFFFFFFFF)
    return np.array([*key, N], np.uint32)


def _twist_(key: Array) -> None:
    """key[k] = key[k + M] ^ mixed(key[k], key[k + 1]), places mod N, for k = 0 ... N-1: in stretches that read what the
    stretches before them wrote."""
    for begin, end in ((0, N - M), (N - M, 2 * (N - M)), (2 * (N - M), N - 1), (N - 1, N)):
        source = (begin + M) % N
        y = (key[begin:end] & UPPER) | (key[(begin + 1) % N :][: end - begin] & LOWER)
        key[begin:end] = key[source : source + end - begin] ^ (y >> np.uint32(1)) ^ ((y & np.uint32(1)) * MATRIX)


def _tempered(y: Array) -> Array:
    y = y ^ (y >> np.uint32(11))
    y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    return y ^ (y >> np.uint32(18))


@kernel
def words_(state: Array, count: int) -> Array:
    """(count,) words of 32 bits, each in an unsigned integer of 64 bits."""
    words = np.empty(count, np.uint64)
    done = 0
    while done < count:
        if state[N] == N:
            _twist_(state[:N])
            state[N] = 0
        used = int(state[N])
        n = min(count - done, N - used)
        words[done : done + n] = _tempered(state[used : used + n])
        state[N] = used + n
        done += n
    return words


def words64_(state: Array, count: int) -> Array:
    """(count,) words of 64 bits: of two words of 32 bits, the first is the upper half."""
    words = words_(state, 2 * count)
    return (words[0::2] << np.uint64(32)) | words[1::2]


@kernel
def uniform24_(state: Array, count: int) -> Array:
    """(count,) float32 multiples of 2**-24 in [0, 1): the lower 24 bits of a word each."""
    return (words_(state, count) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2**-24)


@kernel
def uniform53_(state: Array, count: int) -> Array:
    """(count,) float64 multiples of 2**-53 in [0, 1): 53 bits each."""
    return (words64_(state, count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53


@kernel
def tosses_(state: Array, count: int, limit: int) -> Array:
    """(count,) whether 53 bits are below `limit`."""
    return (words64_(state, count) & np.uint64(2**53 - 1)) < limit


@kernel
def remainders_(state: Array, count: int, length: int, least: int) -> Array:
    """(count,) int64: least + word mod length."""
    words = words_(state, count) % np.uint64(length)
    words += np.uint64(least % 2**64)  # wraps as PyTorch's unsigned arithmetic does
    return words.view(np.int64)
