"""Sequences of different lengths in one batch: padded (L, N, *), or packed, step after step without the padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...autograd.tape import wrap
from ...errors import OperatorError, ShapeError
from ...ops.creation import full
from ...ops.joining import cat
from ...tensor import Tensor


class PackedSequence_(NamedTuple):
    """The fields of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences packed by `pack_padded_sequence` or `pack_sequence`; recurrent layers take and return them.

    Attributes:
        data: (R, *), the first step of all sequences, then the second of those that have one, and so on.
        batch_sizes: (L,) int64, how many sequences have each step.
        sorted_indices: (N,), where the sequences, longest first, stood before they were sorted; None if they were not.
        unsorted_indices: (N,), its inverse.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:  # torch: PackedSequence((data, batch_sizes)) works too
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """This sequence with `data` converted; see `Tensor.to`."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def _converted(self, name: str) -> PackedSequence:
        data = getattr(self.data, name)()
        return self if data is self.data else type(self)(data, *self[1:])

    def pin_memory(self) -> PackedSequence:
        return self._converted("pin_memory")

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self._converted("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self.to(*args, **{"device": "cuda", **kwargs})

    def double(self) -> PackedSequence:
        return self._converted("double")

    def float(self) -> PackedSequence:
        return self._converted("float")

    def half(self) -> PackedSequence:
        return self._converted("half")

    def long(self) -> PackedSequence:
        return self._converted("long")

    def int(self) -> PackedSequence:
        return self._converted("int")

    def short(self) -> PackedSequence:
        return self._converted("short")

    def char(self) -> PackedSequence:
        return self._converted("char")

    def byte(self) -> PackedSequence:
        return self._converted("byte")

    @property
    def is_cuda(self) -> bool:
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        return self.data.is_pinned()


def bind(optional: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn(optional)`, or None for None."""
    return None if optional is None else fn(optional)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes `permutation`; None for None."""
    return None if permutation is None else wrap(np.argsort(permutation._array))


def _take_batch(x: Tensor, indices: Any, batch_first: bool) -> Tensor:
    return x[indices] if batch_first else x[:, indices]


def _check_lengths(lengths: Any, batch: int, steps: int) -> None:
    if lengths.shape != (batch,):
        raise ShapeError(
            f"pack_padded_sequence: Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} "
            f"(batch_size={batch})"
        )
    if lengths.size and lengths.min() <= 0:
        raise OperatorError(
            "pack_padded_sequence: Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if lengths.size and lengths.max() > steps:
        raise ShapeError(
            f"pack_padded_sequence: Expected all lengths to be at most {steps}, the input's, but found {lengths.max()}"
        )


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[Any], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs padded sequences, leaving the padding out.

    Args:
        input: (L, N, *), or (N, L, *) if batch_first.
        lengths: (N,), of the sequences.
        enforce_sorted: refuse sequences that are not sorted, longest first; else they are sorted here.

    Raises:
        RuntimeError: a length that is not positive, or lengths that are not sorted though they should be.
    """
    sizes = np.asarray(lengths._array if isinstance(lengths, Tensor) else lengths, np.int64)
    steps, batch = (input.shape[1], input.shape[0]) if batch_first else input.shape[:2]
    _check_lengths(sizes, batch, steps)
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes, input = sizes[order], _take_batch(input, order, batch_first)
    elif np.any(np.diff(sizes) > 0):
        raise OperatorError(
            "pack_padded_sequence: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can "
            "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    x = input.transpose(0, 1) if batch_first else input
    steps = int(sizes[0]) if sizes.size else 0
    within = np.arange(steps)[:, None] < sizes  # (L, N)
    return PackedSequence(x[np.nonzero(within)], wrap(within.sum(1)), None if order is None else wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Undoes `pack_padded_sequence`.

    Args:
        batch_first: return (N, L, *) instead of (L, N, *).
        padding_value: what stands beyond the end of a sequence.
        total_length: L; by default the length of the longest sequence.

    Returns:
        The padded sequences, in their original order, and their lengths (N,).

    Raises:
        ValueError: total_length is less than the longest sequence.
    """
    data, batch_sizes, _, unsorted = sequence
    counts = batch_sizes._array
    steps = len(counts) if total_length is None else total_length
    if steps < len(counts):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} "
            f"and max sequence length being {len(counts)}"
        )
    within = np.arange(int(counts[0])) < np.pad(counts, (0, steps - len(counts)))[:, None]  # (L, N)
    padded = _filled(data, within, padding_value)
    padded = padded.transpose(0, 1) if batch_first else padded
    lengths = within.sum(0)
    if unsorted is None:
        return padded, wrap(lengths)
    return _take_batch(padded, unsorted._array, batch_first), wrap(lengths[unsorted._array])


def _filled(rows: Tensor, places: Any, value: float) -> Tensor:
    """A tensor of `value`, with `rows` (R, *) at the places that a mask (A, B) marks: (A, B, *)."""
    made = full((*places.shape, *rows.shape[1:]), value, dtype=rows.dtype)
    made[np.nonzero(places)] = rows
    return made


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (L_i, *) as one batch, padded to the longest.

    Args:
        batch_first: return (N, L, *) instead of (L, N, *).
        padding_value: what stands where a sequence has no step.
        padding_side: "right", after its end, or "left", before its start.

    Raises:
        RuntimeError: not a list of tensors, or a padding_side that is neither.

    Example:
        >>> rushlight.nn.utils.rnn.pad_sequence([rushlight.ones(2), rushlight.ones(1)], batch_first=True)
        tensor([[1., 1.],
                [1., 0.]])
    """
    if not isinstance(sequences, Iterable):
        raise OperatorError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise OperatorError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = list(sequences)
    if not sequences:
        raise OperatorError("pad_sequence: received an empty list of sequences")
    lengths = np.array([len(s) for s in sequences])
    steps = int(lengths.max())
    within = (
        np.arange(steps) < lengths[:, None] if padding_side == "right" else np.arange(steps) >= steps - lengths[:, None]
    )
    padded = _filled(cat(sequences, 0), within, padding_value)
    return padded if batch_first else padded.transpose(0, 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences (L_i, *) of a padded batch."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows, lengths)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences (L_i, *)."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (L_i, *) of a packed batch, in their original order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
