"""Many tensors in one message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.tape import touch, wrap
from . import collectives
from .group import ProcessGroup


def broadcast_all(tensors: Sequence[Any], group: ProcessGroup, root: int) -> None:
    """The values in the group's process `root` go to all, in one message for each dtype."""
    if group.size() == 1:
        return
    for kind in dict.fromkeys(t._array.dtype for t in tensors):
        arrays = [t._pin() for t in tensors if t._array.dtype == kind]
        flat = np.concatenate([a.reshape(-1) for a in arrays])
        collectives.broadcast(wrap(flat), group=group, group_src=root)
        if group.rank() != root:
            for array, part in zip(arrays, np.split(flat, np.cumsum([a.size for a in arrays])[:-1])):
                array[...] = part.reshape(array.shape)
                touch(array)
