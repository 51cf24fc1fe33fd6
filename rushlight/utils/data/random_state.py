"""Every source of random numbers that code of a data set may draw from: Rushlight's default generator, Python's
`random` and NumPy's global one. Together they are seeded, read and set again."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import random as ours
from ...autograd.tape import wrap

State = dict[str, Any]


def seed_all(base_seed: int, stream: int) -> int:
    """Starts all sources for one stream (of a worker, or of a batch) of an epoch; returns the stream's seed.

    # torch: base_seed + stream, but for NumPy, whose global generator is Python's with the same seed, a hash of both
    """
    seed = base_seed + stream
    random.seed(seed)
    ours.manual_seed(seed % 2**64)
    entropy = [stream, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))
    return seed


def random_state() -> State:
    """The states of all sources, in Tensors, numbers and None.

    Example:
        >>> state = random_state()
        >>> first = random.random()
        >>> set_random_state(state)
        >>> random.random() == first
        True
    """
    return as_state(*raw_state())


def raw_state() -> tuple[Any, Any, Any]:
    """The states as each source gives its own; quicker than `random_state`, which makes Tensors of them."""
    of_numpy = np.random.get_state(legacy=False) if "numpy.random" in sys.modules else None
    return random.getstate(), of_numpy, ours.get_rng_state()


def same(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> bool:
    """Whether nothing was drawn between two raw states."""
    if one[0] != other[0] or (one[1] is None) != (other[1] is None):
        return False
    if one[1] is not None:
        (a, b) = one[1]["state"], other[1]["state"]
        if a["pos"] != b["pos"] or one[1]["gauss"] != other[1]["gauss"] or not np.array_equal(a["key"], b["key"]):
            return False
    return np.array_equal(one[2].numpy(), other[2].numpy())


def as_state(python: Any, numpy: Any, rushlight: Any) -> State:
    """A raw state in Tensors, numbers and None."""
    version, words, gauss = python
    state: State = {"rushlight": rushlight}
    state["python"] = {"version": version, "words": wrap(np.array(words, np.uint32)), "gauss": gauss}
    if numpy is None or numpy["bit_generator"] != "MT19937":
        return {**state, "numpy": None}
    inner = {"key": wrap(numpy["state"]["key"].copy()), "pos": int(numpy["state"]["pos"])}
    return {**state, "numpy": {**inner, "has_gauss": int(numpy["has_gauss"]), "gauss": float(numpy["gauss"])}}


def set_random_state(state: State) -> None:
    """Lets all sources go on from what `random_state` gave."""
    ours.set_rng_state(state["rushlight"])
    python = state["python"]
    words = tuple(int(word) for word in python["words"].numpy())
    random.setstate((python["version"], words, python["gauss"]))
    numpy = state["numpy"]
    if numpy is not None:
        key = np.asarray(numpy["key"].numpy(), np.uint32)
        np.random.set_state(("MT19937", key, numpy["pos"], numpy["has_gauss"], numpy["gauss"]))


@contextmanager
def kept() -> Iterator[None]:
    """A block after which all sources go on as if it had drawn nothing."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
