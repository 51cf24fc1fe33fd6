"""What surrounds training: data sets and loaders, handles of hooks; rooms that few programs need come on use."""

from types import ModuleType as _ModuleType

from .. import rooms as _rooms
from . import data, hooks


def __getattr__(name: str) -> _ModuleType:
    """`utils.checkpoint` and the like, also without an import of their own."""
    return _rooms.room(__name__, name)
