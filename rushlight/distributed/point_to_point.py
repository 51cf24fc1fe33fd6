"""From one process to another: send and recv, and many of them at once. Tags tell messages between the same two apart.

Source: torch.distributed of PyTorch 2.13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError
from .channel import Work, mpi
from .failures import DistBackendError
from .group import GroupMember, ProcessGroup, position, resolve
from .wire import array_of, raw, write_back


def isend(
    tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None
) -> Work | None:
    """Starts to send `tensor` to process `dst`; do not change it before the Work is waited for."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, data = resolve(group), raw(array_of(tensor, "isend"))
    to = position(members, dst, group_dst, "isend")
    _check_other(members, to, "send")
    return Work(members.channel, members.channel.comm.Isend(data, to, tag), f"send to rank {members.ranks[to]}")


def send(tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: int | None = None) -> None:
    """Sends `tensor` to process `dst` and waits until its memory may be used again."""
    work = isend(tensor, dst, group, tag, group_dst)
    if work is not None:
        work.wait()


def _check_other(members: ProcessGroup, rank: int, what: str) -> None:
    if rank == members.rank():
        raise ArgumentError(f"{what}: Invalid rank: a process cannot {what} to or from itself")


def irecv(
    tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None
) -> Work | None:
    """Starts to receive into `tensor`, from process `src` or whichever sends first."""
    return None if group is GroupMember.NON_GROUP_MEMBER else _receive(tensor, src, group, tag, group_src)


def recv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: int | None = None) -> int:
    """Receives into `tensor`, from process `src` or whichever sends first.

    Returns:
        The rank of the process that sent, or -1 if this one is not in the group.

    Raises:
        RuntimeError: what came has another size.
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        return -1
    source: int = _receive(tensor, src, group, tag, group_src).result()
    return source


def _receive(tensor: Any, src: int | None, group: Any, tag: int, group_src: int | None) -> Work:
    members, array = resolve(group), array_of(tensor, "recv")
    anyone = src is None and group_src is None
    source = mpi().ANY_SOURCE if anyone else position(members, src, group_src, "recv")
    if not anyone:
        _check_other(members, source, "recv")
    data = raw(array)
    where = "any rank" if anyone else f"rank {members.ranks[source]}"
    return _Receiving(members, array, data, members.channel.comm.Irecv(data, source, tag), f"recv from {where}")


class _Receiving(Work):
    """A receive under way; its result is the sender's rank."""

    def __init__(self, members: ProcessGroup, array: Any, data: Any, request: Any, what: str) -> None:
        self._status = mpi().Status()
        super().__init__(members.channel, _Noting(request, self._status), what, self._arrived)
        self._members, self._array, self._data = members, array, data

    def _arrived(self) -> int:
        count = self._status.Get_count(mpi().BYTE)
        sender = self._members.ranks[self._status.source]
        if count != self._data.size:
            raise DistBackendError(
                f"recv: rank {sender} sent {count} bytes, the tensor {self._array.dtype} {self._array.shape} has "
                f"{self._data.size}"
            )
        write_back(self._array, self._data)
        return sender


class _Noting:
    """A request of MPI's whose end is noted in `status`."""

    def __init__(self, request: Any, status: Any) -> None:
        self._request, self._status = request, status

    def Test(self, status: Any = None) -> bool:
        return bool(self._request.Test(self._status))


class P2POp:
    """One operation for `batch_isend_irecv`: `isend` or `irecv`, with its tensor and the other process's rank."""

    def __init__(
        self,
        op: Callable[..., Any],
        tensor: Any,
        peer: int | None = None,
        group: Any = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        if op not in (isend, irecv):
            raise ArgumentError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or ``irecv``."
            )
        array_of(tensor, "P2POp")
        self.op, self.tensor, self.peer, self.group, self.tag, self.group_peer = (
            op, tensor, peer, group, tag, group_peer,
        )  # fmt: skip


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[Work]:
    """Starts all the operations; wait for each of the Works."""
    if not p2p_op_list or not all(isinstance(op, P2POp) for op in p2p_op_list):
        raise ArgumentError("Invalid ``p2p_op_list``. Each op is expected to be of type ``torch.distributed.P2POp``.")
    works = [op.op(op.tensor, op.peer, op.group, op.tag, op.group_peer) for op in p2p_op_list]
    return [work for work in works if work is not None]
