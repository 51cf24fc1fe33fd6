"""Operations that all processes of a group do together, on tensors.

Each takes `group` (the default group for None) and `async_op`: with it a `Work` is returned at once, to be waited for
before the tensors are used. Processes that are not in the group do nothing and get None. Ranks are those among all
processes; `group_src` and `group_dst` are ranks in the group.

Raises, all of them: RuntimeError if the processes disagree (on the operation, shapes or dtypes), or if some do not come
within the group's timeout; ValueError without a default group.

Source: torch.distributed of PyTorch 2.13; MPI 4.1, chapter 6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..errors import ArgumentError, UnsupportedError
from .channel import Work, mpi
from .group import GroupMember, ProcessGroup, position, resolve
from .wire import ReduceOp, array_of, arrays_of, check_alike, describe, numbers, operation, raw, write_back

Array = Any


def run(
    group: ProcessGroup,
    name: str,
    detail: str,
    start: Callable[[], Any],
    finish: Callable[[], Any],
    async_op: bool,
) -> Work | None:
    """Lets the ranks agree, starts MPI's request, and waits for it unless `async_op`."""
    channel = group.channel
    channel.agree(name, detail)
    work = Work(channel, start(), name, finish)
    if async_op:
        return work
    work.wait()
    return None


def all_reduce(tensor: Any, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """`tensor` becomes, in every process, the sum (or what `op` says) of that of all processes."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "all_reduce")
    how, values = operation(op, array.dtype, "all_reduce"), numbers(array)

    def finish() -> Any:
        write_back(array, values / members.size() if op is ReduceOp.AVG else values)
        return [tensor]

    def start() -> Any:
        return members.channel.all_reduce(values, how)

    return run(members, "all_reduce", f"{describe(array)} {op.name}", start, finish, async_op)


def reduce(
    tensor: Any,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """`tensor` becomes, in process `dst`, the sum (or what `op` says) of that of all processes."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "reduce")
    root = position(members, dst, group_dst, "reduce")
    how, values, here = operation(op, array.dtype, "reduce"), numbers(array), members.rank() == root

    def finish() -> Any:
        if here:
            write_back(array, values / members.size() if op is ReduceOp.AVG else values)
        return [tensor]

    def start() -> Any:
        return members.channel.comm.Ireduce(mpi().IN_PLACE if here else values, values if here else None, how, root)

    return run(members, "reduce", f"{describe(array)} {op.name} to {root}", start, finish, async_op)


def broadcast(
    tensor: Any, src: int | None = None, group: Any = None, async_op: bool = False, group_src: int | None = None
) -> Work | None:
    """`tensor` becomes, in every process, that of process `src`."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "broadcast")
    root, data = position(members, src, group_src, "broadcast"), raw(array)

    def finish() -> Any:
        if members.rank() != root:
            write_back(array, data)
        return [tensor]

    return run(
        members,
        "broadcast",
        f"{describe(array)} from {root}",
        lambda: members.channel.comm.Ibcast(data, root),
        finish,
        async_op,
    )


# ---------------------------------------------------------------------------------------------- gather and scatter


def all_gather(tensor_list: list[Any], tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """`tensor_list[r]` becomes the `tensor` of the r-th process of the group, in every process."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "all_gather")
    outputs = arrays_of(tensor_list, members.size(), "all_gather", "tensor_list")
    check_alike(outputs, array, "all_gather", "tensor_list")
    return _all_gather(members, outputs, array, tensor_list, "all_gather", async_op)


def all_gather_into_tensor(
    output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False
) -> Work | None:
    """`output_tensor`, (N * first size, ...) or (N, ...), becomes the `input_tensor` of all N processes in a row."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    name = "all_gather_into_tensor"
    members, array = resolve(group), array_of(input_tensor, name, "input_tensor")
    output = array_of(output_tensor, name, "output_tensor")
    parts = _parts(output, array, members.size(), name)
    return _all_gather(members, parts, array, output_tensor, name, async_op)


def _parts(whole: Array, part: Array, count: int, name: str) -> list[Array]:
    """Views of `whole`, one for each process."""
    if whole.size != part.size * count or whole.dtype != part.dtype:
        raise ArgumentError(f"{name}: {count} times {part.dtype} {part.shape} do not make {whole.dtype} {whole.shape}")
    if whole.shape[:1] == (count,) and whole.shape[1:] == part.shape:
        return list(whole)
    return np.split(whole, count) if whole.ndim else [whole]


def _all_gather(
    members: ProcessGroup, outputs: list[Array], array: Array, result: Any, name: str, async_op: bool
) -> Work | None:
    data = raw(array)
    arrived = np.empty((members.size(), data.size), np.uint8)

    def finish() -> Any:
        for output, part in zip(outputs, arrived):
            write_back(output, part)
        return result

    return run(members, name, describe(array), lambda: members.channel.comm.Iallgather(data, arrived), finish, async_op)


def gather(
    tensor: Any,
    gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """In process `dst` (0 by default), `gather_list[r]` becomes the `tensor` of the r-th process."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "gather")
    root = 0 if dst is None and group_dst is None else position(members, dst, group_dst, "gather")
    here, data = members.rank() == root, raw(array)
    if not here and gather_list:
        raise ArgumentError("gather: Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    outputs = arrays_of(gather_list, members.size(), "gather", "gather_list") if here else []
    check_alike(outputs, array, "gather", "gather_list")
    arrived = np.empty((members.size() if here else 0, data.size), np.uint8)

    def finish() -> Any:
        for output, part in zip(outputs, arrived):
            write_back(output, part)
        return gather_list

    def start() -> Any:
        return members.channel.comm.Igather(data, arrived if here else None, root)

    return run(members, "gather", f"{describe(array)} to {root}", start, finish, async_op)


def scatter(
    tensor: Any,
    scatter_list: list[Any] | None = None,
    src: int | None = None,
    group: Any = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """`tensor` becomes, in the r-th process, `scatter_list[r]` of process `src` (0 by default)."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(tensor, "scatter")
    root = 0 if src is None and group_src is None else position(members, src, group_src, "scatter")
    here = members.rank() == root
    if not here and scatter_list:
        raise ArgumentError("scatter: Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    inputs = arrays_of(scatter_list, members.size(), "scatter", "scatter_list") if here else []
    check_alike(inputs, array, "scatter", "scatter_list")
    data = np.stack([raw(part) for part in inputs]) if here else None
    arrived = np.empty(array.nbytes, np.uint8)

    def finish() -> Any:
        write_back(array, arrived)
        return [tensor]

    def start() -> Any:
        return members.channel.comm.Iscatter(data, arrived, root)

    return run(members, "scatter", f"{describe(array)} from {root}", start, finish, async_op)


# ------------------------------------------------------------------------------------- reduce-scatter and all-to-all


def reduce_scatter(
    output: Any, input_list: list[Any], op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """`output` becomes, in the r-th process, the sum (or what `op` says) of `input_list[r]` of all processes."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members, array = resolve(group), array_of(output, "reduce_scatter", "output")
    inputs = arrays_of(input_list, members.size(), "reduce_scatter", "input_list")
    check_alike(inputs, array, "reduce_scatter", "input_list")
    return _reduce_scatter(members, array, inputs, op, output, "reduce_scatter", async_op)


def reduce_scatter_tensor(
    output: Any, input: Any, op: ReduceOp = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """As `reduce_scatter`, for inputs that lie in one tensor, (N * first size, ...) or (N, ...)."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    name = "reduce_scatter_tensor"
    members, array = resolve(group), array_of(output, name, "output")
    parts = _parts(array_of(input, name, "input"), array, members.size(), name)
    return _reduce_scatter(members, array, parts, op, output, name, async_op)


def _reduce_scatter(
    members: ProcessGroup, array: Array, inputs: list[Array], op: ReduceOp, result: Any, name: str, async_op: bool
) -> Work | None:
    how = operation(op, array.dtype, name)
    values = np.stack([numbers(part) for part in inputs])
    arrived = np.empty_like(values[0])

    def finish() -> Any:
        write_back(array, arrived / members.size() if op is ReduceOp.AVG else arrived)
        return result

    def start() -> Any:
        return members.channel.comm.Ireduce_scatter_block(values, arrived, op=how)

    return run(members, name, f"{describe(array)} {op.name}", start, finish, async_op)


def all_to_all(
    output_tensor_list: list[Any], input_tensor_list: list[Any], group: Any = None, async_op: bool = False
) -> Work | None:
    """`output_tensor_list[r]` becomes the r-th process's `input_tensor_list[k]`, k being this process's rank."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    members = resolve(group)
    outputs = arrays_of(output_tensor_list, members.size(), "all_to_all", "output_tensor_list")
    inputs = arrays_of(input_tensor_list, members.size(), "all_to_all", "input_tensor_list")
    return _all_to_all(members, outputs, inputs, output_tensor_list, "all_to_all", async_op)


def all_to_all_single(
    output: Any,
    input: Any,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: Any = None,
    async_op: bool = False,
) -> Work | None:
    """As `all_to_all`, for parts of two tensors along the first dimension: equal ones, or of the sizes given."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    name, members = "all_to_all_single", resolve(group)
    outputs = _rows(array_of(output, name, "output"), output_split_sizes, members.size(), "output")
    inputs = _rows(array_of(input, name, "input"), input_split_sizes, members.size(), "input")
    return _all_to_all(members, outputs, inputs, output, name, async_op)


def _rows(array: Array, split: Sequence[int] | None, count: int, argument: str) -> list[Array]:
    rows = array.shape[0] if array.ndim else 0
    if not split:
        if not array.ndim or rows % count:
            raise ArgumentError(f"all_to_all_single: {argument} {array.shape} does not split into {count} equal parts")
        split = [rows // count] * count
    if len(split) != count or sum(split) != rows:
        raise ArgumentError(
            f"all_to_all_single: {argument}_split_sizes {list(split)} must be {count} numbers that add up to {rows}"
        )
    return np.split(array, np.cumsum(split)[:-1])


def _all_to_all(
    members: ProcessGroup, outputs: list[Array], inputs: list[Array], result: Any, name: str, async_op: bool
) -> Work | None:
    sent = np.concatenate([raw(part) for part in inputs])
    arrived = np.empty(sum(part.nbytes for part in outputs), np.uint8)
    counts, wanted = [part.nbytes for part in inputs], [part.nbytes for part in outputs]
    starts = np.cumsum([0, *wanted])

    def finish() -> Any:
        for k, output in enumerate(outputs):
            write_back(output, arrived[starts[k] : starts[k + 1]])
        return result

    def start() -> Any:
        return members.channel.comm.Ialltoallv([sent, counts], [arrived, wanted])

    detail = str(inputs[0].dtype)
    _check_counts(members, counts, wanted, name, detail)
    return run(members, name, detail, start, finish, async_op)


def _check_counts(members: ProcessGroup, counts: list[int], wanted: list[int], name: str, detail: str) -> None:
    """That every process sends what the others expect."""
    members.channel.agree(name, detail)
    theirs = np.empty((members.size(), members.size()), np.int64)
    mine = np.array(counts, np.int64)
    members.channel.wait(members.channel.comm.Iallgather(mine, theirs), name)
    coming = theirs[:, members.rank()].tolist()
    members.channel.agree(name, "sizes fit" if coming == wanted else f"bytes sent {coming}, expected {wanted}")


# --------------------------------------------------------------------------------------------------------- waiting


def barrier(
    group: Any = None, async_op: bool = False, device_ids: Any = None, timeout: timedelta | None = None
) -> Work | None:
    """Waits until all processes of the group are here, for at most `timeout` (default: the group's)."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return None
    if timeout is not None:
        if async_op:
            raise UnsupportedError("barrier: timeout with async_op=True is not supported; give wait() the timeout")
        monitored_barrier(group, timeout)
        return None
    members = resolve(group)
    return run(members, "barrier", "", members.channel.comm.Ibarrier, lambda: None, async_op)


def monitored_barrier(group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False) -> None:
    """`barrier` with a timeout of its own; the error names the ranks that did not come, always all of them."""
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    channel = resolve(group).channel
    seconds = channel.timeout if timeout is None else timeout.total_seconds()
    channel.wait(channel.comm.Ibarrier(), "monitored_barrier", seconds)
