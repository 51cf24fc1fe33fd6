"""The source of randomness: a Mersenne Twister seeded, stepped and saved as PyTorch's CPU generator is.

twister.py makes the words; this file adds PyTorch's seeding, PyTorch's layout of a saved state (the bytes of
`torch.get_rng_state()` may be loaded here, and the other way round) and the default generator that the module functions
drive. Every other file of this package turns words into samples.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..autograd.tape import wrap
from ..device import CPU, check_device, device
from ..errors import ArgumentError, DTypeError, OperatorError
from . import twister
from .arithmetic import Array

DEFAULT_SEED = 67280421310721  # torch: the seed of a Generator that was given none
BLOCK = twister.N  # words that one twist makes

# torch: CPUGeneratorImplState. `left` counts the words of the block that remain plus one, `next` is the word to come.
STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", BLOCK),
        ("normal_x", "<f8"),
        ("spare_normal", "<f8"),
        ("normal_rho", "<f8"),
        ("has_spare_normal", "<i4"),
        ("padding", "V4"),
        ("spare_float_normal", "<f4"),
        ("has_spare_float_normal", "?"),
        ("tail", "V3"),
    ]
)


class Generator:
    """A stream of random numbers: the same seed gives the numbers that PyTorch's CPU generator gives.

    Args:
        device: on which what is drawn will lie. It is drawn on the CPU in any case, so a seed gives the same numbers
            on every device (PyTorch's GPU generator gives others).

    Raises:
        RuntimeError: the device is not there.

    Example:
        >>> g = Generator().manual_seed(0)
        >>> g.words(3).tolist()
        [2357136044, 2546248239, 3071714933]

    Source: the behaviour of torch.Generator.
    """

    __slots__ = ("__weakref__", "_seed", "_state", "device", "spare_float_normal", "spare_normal")

    _state: Array  # of the twister

    def __init__(self, device: device | str | None = "cpu") -> None:
        self.device = check_device(device)
        self.manual_seed(DEFAULT_SEED)

    def _forget_spares(self) -> None:
        self.spare_normal: float | None = None  # a normal comes in pairs: the second of the last pair drawn singly
        self.spare_float_normal: float | None = None  # torch: kept in the state, though no sampler of the CPU sets it

    def words(self, count: int) -> Array:
        """The next `count` words of 32 bits, each in an unsigned integer of 64 bits."""
        return twister.words_(self._state, count)

    def words64(self, count: int) -> Array:
        """The next `count` words of 64 bits: of two words of 32 bits, the first is the upper half."""
        return twister.words64_(self._state, count)

    def uniform24(self, count: int) -> Array:
        """(count,) float32 multiples of 2**-24 in [0, 1), of one word each."""
        return twister.uniform24_(self._state, count)

    def uniform53(self, count: int) -> Array:
        """(count,) float64 multiples of 2**-53 in [0, 1), of two words each."""
        return twister.uniform53_(self._state, count)

    def tosses(self, count: int, limit: int) -> Array:
        """(count,) whether 53 bits, of two words each, are below `limit`."""
        return twister.tosses_(self._state, count, limit)

    def remainders(self, count: int, length: int, least: int) -> Array:
        """(count,) int64: least + word mod length, length below 2**28."""
        return twister.remainders_(self._state, count, length, least)

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream of `seed` and returns the generator.

        Args:
            seed: in [-2**63, 2**64); a negative one stands for seed + 2**64. Only its lower 32 bits choose the stream.

        Raises:
            RuntimeError: the seed is not an integer.
            ValueError: the seed is out of range.

        Example:
            >>> Generator().manual_seed(-1).initial_seed()
            18446744073709551615
        """
        self._seed = check_seed(seed)
        self._forget_spares()
        self._state = twister.seeded_twister(self._seed & 0xFFFFFFFF)
        return self

    def seed(self) -> int:
        """Seeds from the system's entropy and returns that seed.

        Example:
            >>> g = Generator()
            >>> g.seed() == g.initial_seed()
            True
        """
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """The seed that the stream was started with.

        Example:
            >>> Generator().manual_seed(7).initial_seed()
            7
        """
        return self._seed

    def get_state(self) -> Any:
        """The whole state as a Tensor of (5056,) bytes, laid out as PyTorch's.

        Example:
            >>> g = Generator().manual_seed(7)
            >>> state = g.get_state()
            >>> first = g.words(4)
            >>> g.set_state(state)
            >>> (g.words(4) == first).all()
            np.True_
        """
        return wrap(self._saved())

    def _saved(self) -> Array:
        key, used = self._state[:BLOCK], int(self._state[BLOCK])
        state = np.zeros((), STATE)
        state["seed"], state["seeded"], state["words"] = self._seed, 1, key
        used = 0 if _is_untouched(key, used, self._seed) else used
        state["next"], state["left"] = used, BLOCK + 1 - used if used else 1
        if self.spare_normal is not None:
            state["spare_normal"], state["has_spare_normal"] = self.spare_normal, 1
        if self.spare_float_normal is not None:
            state["spare_float_normal"], state["has_spare_float_normal"] = self.spare_float_normal, True
        return np.frombuffer(bytearray(state.tobytes()), np.uint8)

    def set_state(self, state: Any) -> None:
        """Goes on from a state that `get_state` (or PyTorch's) gave.

        Args:
            state: (5056,) uint8, a Tensor or an array.

        Raises:
            TypeError: the state is not made of bytes.
            RuntimeError: its size or content is not that of a state.

        Example:
            >>> a, b = Generator().manual_seed(1), Generator()
            >>> b.set_state(a.get_state())
            >>> b.initial_seed()
            1
        """
        fields = _check_state(np.asarray(state))
        used = BLOCK if fields["left"] == 1 else int(fields["next"])
        self._state = np.append(fields["words"], used).astype(np.uint32)
        self._seed = int(fields["seed"])
        self.spare_normal = float(fields["spare_normal"]) if fields["has_spare_normal"] else None
        spare = fields["spare_float_normal"] if fields["has_spare_float_normal"] else None
        self.spare_float_normal = None if spare is None else float(spare)

    def clone_state(self) -> Generator:
        """A new generator that goes on from the same state.

        Example:
            >>> g = Generator().manual_seed(3)
            >>> h = g.clone_state()
            >>> (g.words(2) == h.words(2)).all()
            np.True_
        """
        clone = Generator(self.device)
        clone.set_state(self._saved())
        return clone

    def get_offset(self) -> int:
        """Raises RuntimeError, as PyTorch does: only generators of GPUs count an offset."""
        raise OperatorError("Generator.get_offset: a CPU generator has no offset; use get_state()")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError, as PyTorch does: only generators of GPUs count an offset."""
        raise OperatorError(f"Generator.set_offset: a CPU generator has no offset (got {offset}); use set_state(state)")

    def __reduce__(self) -> tuple[Any, ...]:
        return Generator, (self.device,), self._saved()

    def __setstate__(self, state: Array) -> None:
        self.set_state(state)


def check_seed(seed: Any) -> int:
    """The seed as an unsigned integer of 64 bits, or an error."""
    if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
        raise OperatorError(f"manual_seed: the seed is to be an integer, not {type(seed).__name__}")
    number = operator.index(seed)
    if not -(2**63) <= number < 2**64:
        raise ArgumentError(f"manual_seed: {number} is not in [-2**63, 2**64)")
    return number % 2**64


def _is_untouched(key: Array, used: int, seed: int) -> bool:
    """Whether no word was drawn since seeding, so that the key was not yet twisted: PyTorch says so by next = 0."""
    first = seed & 0xFFFFFFFF
    second = (1812433253 * (first ^ (first >> 30)) + 1) & 0xFFFFFFFF
    return bool(used == BLOCK and key[0] == first and key[1] == second)


def _check_state(state: Array) -> Any:
    if state.dtype != np.uint8:
        raise DTypeError(f"set_state: the state is to be of uint8, not {state.dtype}")
    if state.size != STATE.itemsize:
        raise OperatorError(f"set_state: the state has {state.size} bytes, {STATE.itemsize} expected")
    fields = np.frombuffer(state.tobytes(), STATE)[0]
    left, following = int(fields["left"]), int(fields["next"])
    consistent = following == BLOCK + 1 - left or (left == 1 and following == 0)
    if not (fields["seeded"] and 0 < left <= BLOCK and consistent):
        raise OperatorError("set_state: these bytes are not the state of a Mersenne Twister")
    return fields


default_generator = Generator()
default_generator.seed()

of_gpus: dict[int, Generator] = {}  # the default generators of GPUs that were drawn on


def of_gpu(index: int) -> Generator:
    """The default generator of a GPU; it begins with the seed of the CPU's."""
    found = of_gpus.get(index)
    if found is None:
        found = of_gpus[index] = Generator().manual_seed(default_generator.initial_seed())
        found.device = device("cuda", index)
    return found


def source(given: Generator | None, where: device) -> Generator | None:
    """The generator that draws for tensors on a device; None stands for the CPU's default one.

    Raises:
        RuntimeError: the one given is of another kind of device.
    """
    if given is None:
        return None if where is CPU else of_gpu(int(where.index or 0))
    if given.device.type != where.type:
        raise OperatorError(f"Expected a '{where.type}' device type for generator but found '{given.device.type}'")
    return given


def manual_seed(seed: int) -> Generator:
    """Starts the default generators' streams of `seed`, on all devices, and returns the CPU's generator.

    Args:
        seed: in [-2**63, 2**64), as for `Generator.manual_seed`; also a float or a text, taken as `int(seed)`.

    Raises:
        ValueError: the seed is out of range.

    Example:
        >>> manual_seed(0).initial_seed()
        0

    Source: the behaviour of torch.manual_seed.
    """
    for generator in of_gpus.values():
        generator.manual_seed(int(seed))
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seeds the default generator from the system's entropy and returns that seed.

    Example:
        >>> seed() == initial_seed()
        True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator's stream was started with.

    Example:
        >>> _ = manual_seed(5)
        >>> initial_seed()
        5
    """
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The default generator's state as (5056,) bytes.

    Example:
        >>> get_rng_state().shape
        torch.Size([5056])
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Sets the default generator's state.

    Args:
        new_state: (5056,) uint8, from `get_rng_state` (or PyTorch's).

    Raises:
        TypeError: the state is not made of bytes.
        RuntimeError: its size or content is not that of a state.

    Example:
        >>> set_rng_state(get_rng_state())
    """
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """A block after which the default generators go on as if the block had drawn nothing.

    Args:
        devices: GPUs whose generators are to be kept, by number or device; None for all of them.
        enabled: False makes the block an ordinary one.
        device_type: the kind of those devices.

    Raises:
        NotImplementedError: a device is named that is not there.

    Example:
        >>> _ = manual_seed(0)
        >>> with fork_rng():
        ...     _ = default_generator.words(100)
        >>> default_generator.words(1).tolist()
        [2357136044]

    Source: the behaviour of torch.random.fork_rng.
    """
    kept = [default_generator, *(of_gpus.values() if devices is None else map(_named, devices))]
    if not enabled:
        yield
        return
    states, known = [generator.get_state() for generator in kept], set(of_gpus)
    try:
        yield
    finally:
        for index in set(of_gpus) - known if devices is None else ():
            del of_gpus[index]
        for generator, state in zip(kept, states):
            generator.set_state(state)


def _named(which: Any) -> Generator:
    found = check_device(which)
    return default_generator if found is CPU else of_gpu(int(found.index or 0))
