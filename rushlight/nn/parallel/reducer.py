"""Averages gradients over processes while the backward pass still computes others.

Parameters are put in buckets, in the reverse of their order, which is about the order in which their gradients come;
large ones have a bucket of their own, which is the gradient itself, so that it is never copied. When all gradients of a
bucket are there, they are summed over the processes by one operation that runs meanwhile; when the last is there, all
are waited for.

Source: Li et al. (2020), "PyTorch Distributed: Experiences on Accelerating Data Parallel Training".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...autograd.tape import Leaf, TensorBase, wrap
from ...autograd.walk import discover
from ...distributed.channel import Work, mpi
from ...distributed.failures import DistError
from ...distributed.group import ProcessGroup
from ...errors import GraphError

Array = Any
FIRST_BUCKET = 1 << 20  # bytes: small, so that the first operation starts early
ALONE = 1 << 20  # bytes: from this size on, a parameter has a bucket of its own


class GradBucket:
    """What a communication hook gets: the gradients of some parameters in a row, `buffer()`."""

    def __init__(self, index: int, parameters: Sequence[Any], count: int) -> None:
        self._index, self._parameters, self._count = index, list(parameters), count
        self.renew()
        self.missing: set[int] = set()  # positions whose gradient is not there yet
        self.under_way: Any = None  # a Work, or what a hook returned

    def renew(self) -> None:
        """Takes other memory, since that of the pass before is now `.grad`."""
        if len(self._parameters) > 1:
            sizes = [p._array.size for p in self._parameters]
            self.flat = np.empty(sum(sizes), self._parameters[0]._array.dtype)
            parts = np.split(self.flat, np.cumsum(sizes)[:-1])
            self.views = [part.reshape(p._array.shape) for part, p in zip(parts, self._parameters)]

    def put(self, k: int, grad: Array) -> None:
        """The gradient at position k. Alone it is not copied, and is itself what is summed."""
        if len(self._parameters) > 1:
            self.views[k][...] = grad
        else:
            self.flat = np.ravel(grad)
            self.views = [self.flat.reshape(grad.shape)]
        self.missing.discard(k)

    def index(self) -> int:
        return self._index

    def buffer(self) -> Any:
        return wrap(self.flat)

    def gradients(self) -> list[Any]:
        return [wrap(view) for view in self.views]

    def parameters(self) -> list[Any]:
        return self._parameters

    def is_last(self) -> bool:
        return self._index == self._count - 1

    def set_buffer(self, buffer: Any) -> None:
        self.flat[...] = buffer._array


def buckets_of(parameters: Sequence[Any], cap: float) -> list[GradBucket]:
    """Buckets of one large parameter, or of several of one dtype and about `cap` bytes (at first FIRST_BUCKET),
    in the order in which they will be full."""
    full: list[list[Any]] = []
    lot: list[Any] = []
    room = min(cap, FIRST_BUCKET)
    for p in reversed(parameters):
        size = p._array.nbytes
        if size >= ALONE:
            full.append([p])
            continue
        if lot and (room < size or p._array.dtype != lot[0]._array.dtype):
            full.append(lot)
            lot, room = [], cap
        lot.append(p)
        room -= size
    lots = [*full, lot] if lot else full
    return [GradBucket(k, lot, len(lots)) for k, lot in enumerate(lots)]


def reachable(outputs: Iterable[Any]) -> set[Leaf]:
    """The leaves that a backward pass from these tensors comes to."""
    roots = [t._edge for t in outputs if t.requires_grad]
    _, leaves = discover([edge for edge in roots if type(edge) is not Leaf])
    return {*leaves, *(edge for edge in roots if type(edge) is Leaf)}


class Reducer:
    """Watches the gradients of `parameters` and averages them over the group's processes.

    Args:
        cap: size of a bucket in bytes.
        find_unused: parameters that a forward pass does not use are found, and not waited for.
        as_views: `.grad` is a view of the same bucket's memory in every pass, which a pass overwrites.
    """

    def __init__(
        self, parameters: Sequence[Any], group: ProcessGroup, cap: float, find_unused: bool, as_views: bool
    ) -> None:
        self.parameters, self.group, self.find_unused, self.as_views = list(parameters), group, find_unused, as_views
        self.buckets = buckets_of(parameters, cap)
        self.places = {id(p): (bucket, k) for bucket in self.buckets for k, p in enumerate(bucket.parameters())}
        self.used = np.zeros(len(self.parameters), np.uint8)
        self.numbers = {id(p): k for k, p in enumerate(self.parameters)}
        self.hook: Callable[[Any], Any] | None = None
        self.waiting = False  # for gradients, since a forward pass
        self.absent: list[Any] | None = None  # what that pass did not use, until the first gradient comes
        self.next = 0  # the bucket to start next: the same order in all processes
        for p in self.parameters:
            p.register_post_accumulate_grad_hook(self.arrived)

    def prepare(self, outputs: Iterable[Any]) -> None:
        """A forward pass gave `outputs`; from now on gradients are awaited.

        Raises:
            RuntimeError: gradients of the pass before did not all come.
        """
        if self.waiting and self.absent is None:
            raise GraphError(self._complaint())
        for bucket in self.buckets:
            if not self.as_views:
                bucket.renew()
            bucket.missing, bucket.under_way = set(range(len(bucket.parameters()))), None
        self.waiting, self.next = True, 0
        self.absent = []
        if self.find_unused:
            seen = reachable(outputs)
            self.absent = [p for p in self.parameters if p._edge not in seen]

    def _complaint(self) -> str:
        names = [k for k, p in enumerate(self.parameters) if self.places[id(p)][1] in self.places[id(p)][0].missing]
        return (
            "Expected to have finished reduction in the prior iteration before starting a new one: some parameters "
            "were not used in producing the loss. Pass find_unused_parameters=True to DistributedDataParallel, and let "
            "all outputs of `forward` take part in the loss. Parameter indices which did not receive grad for rank "
            f"{self.group.rank()}: {names}"
        )

    def arrived(self, parameter: Any) -> None:
        """The hook of every parameter: its gradient is in `.grad`."""
        if self.waiting:
            self._begin()
            self._ready(parameter, parameter.grad._array)

    def _begin(self) -> None:
        """With the first gradient of a backward pass: those that will not come count as zero."""
        if self.absent is None:
            return
        absent, self.absent = self.absent, None
        self.used[:] = 1
        for p in absent:
            self.used[self.numbers[id(p)]] = 0
            self._ready(p, np.zeros_like(p._array) if p.grad is None else p.grad._array.copy())

    def _ready(self, parameter: Any, grad: Array) -> None:
        bucket, k = self.places[id(parameter)]
        if k not in bucket.missing:
            raise DistError(
                f"DistributedDataParallel: parameter {self.numbers[id(parameter)]} got a gradient twice after one "
                "forward pass; is it used in several backward passes, or in a checkpoint with use_reentrant=True?"
            )
        bucket.put(k, grad)
        self.group.channel.progress()  # MPI makes progress while it is asked
        while self.next < len(self.buckets) and not self.buckets[self.next].missing:
            self._start(self.buckets[self.next])
            self.next += 1
        if self.next == len(self.buckets):
            self._finish()

    def _start(self, bucket: GradBucket) -> None:
        if self.hook is not None:
            bucket.under_way = self.hook(bucket)
            return
        halves = bucket.flat.dtype.kind != "f" or bucket.flat.itemsize < 4
        values = bucket.flat.astype(np.float32) if halves else bucket.flat

        def finish() -> None:
            if halves:
                bucket.flat[...] = values

        request = self.group.channel.all_reduce(values, mpi().SUM, 1 / self.group.size())
        bucket.under_way = Work(self.group.channel, request, f"all_reduce of gradient bucket {bucket.index()}", finish)

    def _finish(self) -> None:
        self.waiting = False
        if self.find_unused:
            self.group.channel.wait(
                self.group.channel.comm.Iallreduce(mpi().IN_PLACE, self.used, op=mpi().MAX),
                "all_reduce of used parameters",
            )
        for bucket in self.buckets:
            outcome = bucket.under_way.wait()
            if isinstance(outcome, (TensorBase, list)):
                bucket.set_buffer(outcome[0] if isinstance(outcome, list) else outcome)
            for p, view in zip(bucket.parameters(), bucket.views):
                if self.used[self.numbers[id(p)]]:
                    self._write(p, view)

    def _write(self, parameter: Any, average: Array) -> None:
        if parameter.grad is None:
            parameter.grad = wrap(average)
        else:
            parameter.grad.data = wrap(average)
