"""What goes wrong among several processes, and how one that fails ends all."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..errors import RushlightError

LAST_WORDS = 0.3  # seconds before all is ended, in which mpiexec passes on what was written


class DistError(RushlightError, RuntimeError):
    """Something went wrong among the processes."""


class DistBackendError(DistError):
    """Processes did not come to an operation in time, or disagree about it."""


class DistNetworkError(DistError):
    """The processes cannot reach one another."""


class DistStoreError(DistError):
    """A store of keys and values failed."""


def end_all_on_error(world: Any, end: Callable[[BaseException], Any]) -> None:
    """From now on an exception that this process does not catch is printed and ends all processes of `world` (an MPI
    communicator), by calling `end`: without it, they would wait for this one."""

    def end_all(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        told = f"rank {world.rank} of {world.size} failed with {kind.__name__}; ending all ranks\n"
        sys.stderr.write("".join(traceback.format_exception(kind, error, trace)) + told)  # at once: others write too
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(LAST_WORDS)
        end(error)

    sys.excepthook = end_all
