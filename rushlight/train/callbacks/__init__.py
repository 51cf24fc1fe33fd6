"""Callbacks for `rushlight.train.fit`."""

from ..callback import Callback
from .checkpointing import Checkpoint
from .live_curve import LiveCurve
from .logs import CSVLog, Record, TensorBoard
from .nan_guard import NaNGuard
from .notices import Notices
from .progress import Progress
from .steps import EMA, Accumulate, ClipGradients, MixedPrecision, Schedule
from .stopping import EarlyStopping

__all__ = [
    "Accumulate",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "ClipGradients",
    "EMA",
    "EarlyStopping",
    "LiveCurve",
    "MixedPrecision",
    "NaNGuard",
    "Notices",
    "Progress",
    "Record",
    "Schedule",
    "TensorBoard",
]
