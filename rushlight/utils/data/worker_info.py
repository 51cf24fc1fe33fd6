"""What code of a data set can ask in a worker process: which of how many it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is.

    Attributes:
        id: from 0 to num_workers - 1.
        num_workers: of the DataLoader.
        seed: of this worker's random numbers.
        dataset: this process's copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


current: WorkerInfo | None = None  # set by a worker when it starts


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a DataLoader this process is; None in the main process.

    Example:
        >>> rushlight.utils.data.get_worker_info() is None
        True
    """
    return current
