"""Batches: any iterable of batches, as something that can be taken up in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ..errors import ArgumentError, DTypeError
from ..utils.data import DataLoader, Dataset
from ..utils.data.random_state import kept, random_state, set_random_state


class Batches:
    """An iterable of batches; epochs that were interrupted begin anew under the random numbers that they began with,
    and pass over the batches that are done.

    A DataLoader knows better ways, and is asked for its own state.
    """

    def __init__(self, data: Iterable[Any]) -> None:
        if isinstance(data, Dataset):
            raise DTypeError(f"fit: data is a {type(data).__name__}, not batches of it; give DataLoader(data, ...)")
        if iter(data) is data:
            raise ArgumentError("fit: data is an iterator, which gives its batches once; give a list or a DataLoader")
        self.data = data
        self.done = 0
        self._began: Any = None
        self._taken_up = False

    def __len__(self) -> int:
        return len(self.data)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        for batch in self._rest():
            self.done += 1
            yield batch
        self.done = 0

    def _rest(self) -> Iterator[Any]:
        if not self._taken_up:
            self._began = random_state()
            return iter(self.data)
        self._taken_up = False
        with kept():
            set_random_state(self._began)
            batches = iter(self.data)
            for _ in islice(batches, self.done):
                pass
            return batches

    def state_dict(self) -> dict[str, Any]:
        """Where it is."""
        return {"done": self.done, "began": self._began if self.done else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lets the next epoch be the rest of the one that `state_dict` was called in."""
        self.done, self._began = state["done"], state["began"]
        self._taken_up = self._began is not None


def resumable(data: Any) -> Any:
    """`data` itself if it can be taken up, otherwise `Batches` of it."""
    return data if isinstance(data, DataLoader) or hasattr(data, "load_state_dict") else Batches(data)
