"""Which of several processes this one is, as the program that started it says in environment variables."""

from __future__ import annotations

import os
from typing import NamedTuple

# Rank, size, rank on this machine and size there, as each launcher calls them.
_LAUNCHERS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
)
_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


class Place(NamedTuple):
    """Of this process among all, and among those on its machine."""

    rank: int
    size: int
    local_rank: int
    local_size: int


def launched() -> Place | None:
    """The place that `mpiexec` gave to this process, or None if it was started alone."""
    for rank, size, local_rank, local_size in _LAUNCHERS:
        if rank in os.environ:
            r, n = int(os.environ[rank]), int(os.environ[size])
            return Place(r, n, int(os.environ.get(local_rank, r)), int(os.environ.get(local_size, n)))
    return None


def announce() -> None:
    """Sets RANK, WORLD_SIZE and the other variables that programs written for torchrun read, where mpiexec started this
    process; shares the cores among the processes of the machine."""
    place = launched()
    if place is None:
        return
    for name, value in zip(_NAMES, place):
        os.environ.setdefault(name, str(value))
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29500")
    share_cores(place.local_size)


def share_cores(processes: int) -> None:
    """As many threads as this process's share of the cores, unless the environment says how many."""
    from ..threads import get_num_threads, set_num_threads

    if processes > 1 and not {"RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS"} & set(os.environ):
        set_num_threads(max(1, get_num_threads() // processes))
