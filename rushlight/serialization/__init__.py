"""Saving and loading: PyTorch's checkpoint files, and safetensors."""

from .atomic import write_atomically
from .checkpoint import get_unsafe_globals_in_checkpoint, load, save
from .safetensors import load_safetensors, save_safetensors
from .storages import CheckpointError
from .unpickler import UnsafePickleError, add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

__all__ = [
    "CheckpointError",
    "UnsafePickleError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "load_safetensors",
    "safe_globals",
    "save",
    "save_safetensors",
    "write_atomically",
]
