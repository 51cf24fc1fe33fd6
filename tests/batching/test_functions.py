"""NumPy's functions over batched arrays, each against a loop over the examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rushlight.batching import BatchedArray, Level
from rushlight.batching.array import Unbatchable

OUTER, INNER = Level(2, "error"), Level(3, "error")


def arrays() -> tuple[BatchedArray, BatchedArray, np.ndarray]:
    """x (4, 5) in both levels, y (4, 5) in the inner one, z (4, 5) in none."""
    draw = np.random.default_rng(0).standard_normal
    return BatchedArray(draw((2, 3, 4, 5)), (OUTER, INNER)), BatchedArray(draw((3, 4, 5)), (INNER,)), draw((4, 5))


CALLS: dict[str, Any] = {
    "arithmetic": lambda x, y, z: (x + y) * z - 2 / y,
    "fewer dimensions": lambda x, y, z: x[0] * y + z[0],
    "where": lambda x, y, z: np.where(x > y, z, 0.0),
    "clip": lambda x, y, z: np.clip(x, -0.5, 0.5) + y.clip(0, None),
    "sum": lambda x, y, z: x.sum(axis=0) + y.sum(axis=-2, keepdims=False),
    "sum of all": lambda x, y, z: (x.sum(), y.mean(keepdims=True), np.add.reduce(x, axis=None)),
    "over two axes": lambda x, y, z: x.max(axis=(0, 1), keepdims=True),
    "arg": lambda x, y, z: (x.argmax(), y.argmin(axis=1), np.argsort(x, axis=0), np.sort(y)),
    "along": lambda x, y, z: (np.cumsum(x, 1), np.flip(y, 0), np.flip(y), np.roll(x, 1, 1), np.diff(x), np.cumprod(y)),
    "accumulate": lambda x, y, z: np.maximum.accumulate(x, axis=1),
    "matmul": lambda x, y, z: (x @ y.T, x @ z.T, z.T @ y, x[0] @ z.T, z @ x[0], x[0] @ y[0], np.dot(x, z[0])),
    "shape": lambda x, y, z: (x.reshape(2, -1), x.T, y.transpose(1, 0), np.moveaxis(x, 0, 1), np.swapaxes(x, 0, -1)),
    "more shape": lambda x, y, z: (np.expand_dims(x, (0, 3)), np.squeeze(x[:1], 0), np.ravel(y), x[None].squeeze()),
    "broadcast_to": lambda x, y, z: (np.broadcast_to(x[0], (2, 5)), *np.broadcast_arrays(y, z[:1])),
    "joining": lambda x, y, z: (np.concatenate([x, y, z], axis=1), np.stack([z, y], -1), np.concatenate([y, z], None)),
    "diagonals": lambda x, y, z: (np.diagonal(x, 1), np.trace(y), np.tril(x, -1)),
    "matrices": lambda x, y, z: (np.linalg.svd(x)[1], np.linalg.inv(y @ y.T), np.linalg.solve(y @ y.T, z)),
    "solve with a vector": lambda x, y, z: np.linalg.solve(y @ y.T, x[:, 0]),
    "norm": lambda x, y, z: (np.linalg.norm(x, axis=1), np.linalg.norm(y)),
    "fft": lambda x, y, z: (np.fft.fft(x, 7, 0), np.fft.rfft(y)),
    "indexing": lambda x, y, z: (x[1], x[..., 2:], x[:, [0, 2]], y[[0, 1], [2, 3]], x[1, 2], y[None, :, -1]),
    "index arrays in two places": lambda x, y, z: x[None][0, [0, 1]],
    "index arrays apart": lambda x, y, z: x.reshape(2, 2, 5)[[0, 1], :, [1, 2]],
    "a batched index": lambda x, y, z: y[x.argmax(axis=0) % 4],
    "take_along_axis": lambda x, y, z: np.take_along_axis(y, np.argsort(x, 1), 1),
    "take": lambda x, y, z: np.take(x, [3, 0], axis=1),
    "likes": lambda x, y, z: (np.zeros_like(x), np.full_like(y, x[0, 0]), np.ones_like(y, shape=(2,))),
    "no rule": lambda x, y, z: (np.kron(y, z), np.tile(x, 2), np.outer(y, z)),
    "measures": lambda x, y, z: (np.shape(x), np.ndim(y), np.size(x), len(x), x.strides, x.nbytes),
    "types": lambda x, y, z: (np.result_type(x, 1.0), np.iscomplexobj(y), x.astype(np.float32), x.real, x.copy()),
}


def example(value: Any, i: int, j: int) -> Any:
    if isinstance(value, tuple):
        return tuple(example(v, i, j) for v in value)
    if type(value) is not BatchedArray:
        return value
    for level, place in ((OUTER, i), (INNER, j)):
        if level in value.levels:
            value = np.take(value.array, place, value.levels.index(level)) if len(value.levels) == 1 else BatchedArray(
                np.take(value.array, place, value.levels.index(level)), tuple(v for v in value.levels if v is not level)
            )  # fmt: skip
    return value


@pytest.mark.parametrize("name", CALLS)
def test_as_a_loop(name: str) -> None:
    x, y, z = arrays()
    found = CALLS[name](x, y, z)
    for i in range(2):
        for j in range(3):
            expected = CALLS[name](x.array[i, j], y.array[j], z)
            if not isinstance(expected, tuple):
                found, expected = (found,) if not isinstance(found, tuple) else found, (expected,)
            for mine, theirs in zip(example(found, i, j), expected, strict=True):
                if not isinstance(theirs, (np.ndarray, np.generic)):
                    assert mine == theirs
                    continue
                np.testing.assert_allclose(np.asarray(mine), theirs, 1e-10)
                assert np.shape(mine) == np.shape(theirs)


WRITES: dict[str, Any] = {
    "an item": lambda x, y, z: x.__setitem__(1, y[0]),
    "a slice": lambda x, y, z: x.__setitem__((slice(None), 2), 7.0),
    "fewer dimensions": lambda x, y, z: x.__setitem__(slice(1, 3), z[0]),
    "index arrays": lambda x, y, z: x.__setitem__(([0, 1], slice(None)), z[:2]),
    "a batched index": lambda x, y, z: x.__setitem__(y.argmax(axis=0) % 4, 0.0),
    "a mask": lambda x, y, z: x.__setitem__(z > 0, 1.0),
    "adding in place": lambda x, y, z: x.__iadd__(y),
    "adding at": lambda x, y, z: np.add.at(x, [0, 0, 1], z[:3]),
    "copyto": lambda x, y, z: np.copyto(x, y),
    "put_along_axis": lambda x, y, z: np.put_along_axis(x, np.argmax(y, axis=0)[None] % 4, 5.0, 0),
    "fill": lambda x, y, z: x.fill(3.0),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing(name: str) -> None:
    x, y, z = arrays()
    expected = x.array.copy()
    for i in range(2):
        for j in range(3):
            part = expected[i, j]
            WRITES[name](part, y.array[j], z)
    WRITES[name](x, y, z)
    np.testing.assert_allclose(x.array, expected)


@pytest.mark.parametrize(
    "ask",
    [
        lambda x, z: bool(x[0, 0] > 0),
        lambda x, z: float(x[0, 0]),
        lambda x, z: np.asarray(x),
        lambda x, z: x.tolist(),
        lambda x, z: np.array_equal(x, z),
        lambda x, z: z.__setitem__(0, x[0]),
        lambda x, z: np.copyto(z, x),
        lambda x, z: z.__iadd__(x),
        lambda x, z: np.add(z, x, out=z),
        lambda x, z: x[x > 0],
        lambda x, z: np.sum(x, out=z),
    ],
)
def test_what_is_refused(ask: Any) -> None:
    x, _, z = arrays()
    with pytest.raises(Unbatchable):
        ask(x, z)
