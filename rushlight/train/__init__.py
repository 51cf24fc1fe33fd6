"""Training: the loop with callbacks and metrics, checkpoints that resume bit for bit, pictures."""

from . import callbacks, metrics, plots
from .callback import Callback
from .checkpoint import resume, save
from .fit import fit
from .history import History
from .lr_finder import find_lr
from .run import Run
from .score import evaluate

__all__ = [
    "Callback",
    "History",
    "Run",
    "callbacks",
    "evaluate",
    "find_lr",
    "fit",
    "metrics",
    "plots",
    "resume",
    "save",
]
