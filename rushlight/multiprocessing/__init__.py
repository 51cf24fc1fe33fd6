"""`torch.multiprocessing`: Python's multiprocessing, over which tensors travel, and `spawn`.

A tensor whose memory is shared (`share_memory_`) stays one and the same in all processes; another is copied.
"""

from multiprocessing import *

from .shared import get_all_sharing_strategies, get_sharing_strategy, set_sharing_strategy
from .spawn import ProcessContext, ProcessException, ProcessExitedException, ProcessRaisedException, SpawnContext, spawn
from .spawn import start_processes as start_processes

__all__ = [  # and all of Python's
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
