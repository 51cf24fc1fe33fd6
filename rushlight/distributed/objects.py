"""The collectives for Python objects, which travel as pickles: use them among processes that you trust.

Source: torch.distributed of PyTorch 2.13.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from ..autograd.tape import wrap
from ..errors import ArgumentError
from . import collectives, point_to_point
from .group import GroupMember, ProcessGroup, position, resolve


def _packed(object: Any) -> Any:
    return wrap(np.frombuffer(pickle.dumps(object), np.uint8).copy())


def _unpacked(data: Any, size: int | None = None) -> Any:
    return pickle.loads(data._array[:size].tobytes())


def _sizes(members: ProcessGroup, size: int) -> list[int]:
    """How many bytes each process has."""
    sizes = [wrap(np.zeros((), np.int64)) for _ in members.ranks]
    collectives.all_gather(sizes, wrap(np.array(size, np.int64)), members)
    return [int(s) for s in sizes]


def _padded(data: Any, size: int) -> Any:
    return wrap(np.pad(data._array, (0, size - data._array.size)))


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """`object_list[r]` becomes the `obj` of the r-th process of the group, in every process."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    members, data = resolve(group), _packed(obj)
    _check_length(object_list, members, "all_gather_object", "object_list")
    sizes = _sizes(members, data._array.size)
    parts = [wrap(np.empty(max(sizes), np.uint8)) for _ in sizes]
    collectives.all_gather(parts, _padded(data, max(sizes)), members)
    object_list[:] = [_unpacked(part, size) for part, size in zip(parts, sizes)]


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    group_dst: int | None = None,
) -> None:
    """In process `dst` (0 by default), `object_gather_list[r]` becomes the `obj` of the r-th process."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    members, data = resolve(group), _packed(obj)
    root = 0 if dst is None and group_dst is None else position(members, dst, group_dst, "gather_object")
    here = members.rank() == root
    if here:
        _check_length(object_gather_list, members, "gather_object", "object_gather_list")
    sizes = _sizes(members, data._array.size)
    parts = [wrap(np.empty(max(sizes), np.uint8)) for _ in sizes] if here else None
    collectives.gather(_padded(data, max(sizes)), parts, group=members, group_dst=root)
    if here:
        object_gather_list[:] = [_unpacked(part, size) for part, size in zip(parts, sizes)]  # type: ignore[index, arg-type]


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: Any = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """The items of `object_list` become, in every process, those of process `src` (0 by default)."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    members = resolve(group)
    root = 0 if src is None and group_src is None else position(members, src, group_src, "broadcast_object_list")
    data = _packed(object_list if members.rank() == root else [None] * len(object_list))
    members.channel.agree("broadcast_object_list", f"{len(object_list)} objects from {root}")
    size = wrap(np.array(data._array.size, np.int64))
    collectives.broadcast(size, group=members, group_src=root)
    arrived = data if members.rank() == root else wrap(np.empty(int(size), np.uint8))
    collectives.broadcast(arrived, group=members, group_src=root)
    if members.rank() != root:
        object_list[:] = _unpacked(arrived)


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    group_src: int | None = None,
) -> None:
    """`scatter_object_output_list[0]` becomes, in the r-th process, the r-th input of process `src` (0 by default)."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    if not scatter_object_output_list:
        raise ArgumentError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    members = resolve(group)
    root = 0 if src is None and group_src is None else position(members, src, group_src, "scatter_object_list")
    if members.rank() == root:
        _check_length(scatter_object_input_list, members, "scatter_object_list", "scatter_object_input_list")
    everything = [scatter_object_input_list if members.rank() == root else None]
    broadcast_object_list(everything, group=members, group_src=root)
    scatter_object_output_list[0] = everything[0][members.rank()]  # type: ignore[index]


def send_object_list(
    object_list: list[Any], dst: int | None = None, group: Any = None, device: Any = None, group_dst: int | None = None
) -> None:
    """Sends the objects to process `dst`."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    data = _packed(object_list)
    point_to_point.send(wrap(np.array(data._array.size, np.int64)), dst, group, 0, group_dst)
    point_to_point.send(data, dst, group, 0, group_dst)


def recv_object_list(
    object_list: list[Any], src: int | None = None, group: Any = None, device: Any = None, group_src: int | None = None
) -> int:
    """Receives as many objects as were sent; returns the sender's rank."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return -1
    size = wrap(np.zeros((), np.int64))
    sender = point_to_point.recv(size, src, group, 0, group_src)
    data = wrap(np.empty(int(size), np.uint8))
    point_to_point.recv(data, sender, group)
    object_list[:] = _unpacked(data)
    return sender


def _check_length(objects: list[Any] | None, members: ProcessGroup, name: str, argument: str) -> None:
    if objects is None or len(objects) != members.size():
        raise ArgumentError(f"{name}: {argument} must have an item for each of the {members.size()} processes")
