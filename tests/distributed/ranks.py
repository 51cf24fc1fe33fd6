"""Programs for several ranks: `mpiexec -n N python ranks.py NAME ...` runs functions of this file in each."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from typing import Any

import numpy as np

import rushlight as torch
import rushlight.distributed as dist
from rushlight.distributed import ReduceOp


def full(value: float, *shape: int, dtype: Any = torch.float32) -> Any:
    return torch.full(shape, value, dtype=dtype)


def equal(tensor: Any, expected: Any) -> None:
    np.testing.assert_array_equal(
        tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy(), expected
    )


def collectives(rank: int, size: int) -> None:
    total = sum(range(size))
    for dtype in (torch.float32, torch.float64, torch.int64, torch.int32, torch.bfloat16, torch.float16):
        x = full(rank, 2, 3, dtype=dtype)
        dist.all_reduce(x)
        equal(x, np.full((2, 3), total))
    for op, expected in (
        (ReduceOp.MAX, size - 1), (ReduceOp.MIN, 0), (ReduceOp.PRODUCT, 0), (ReduceOp.AVG, total / size),
    ):  # fmt: skip
        x = full(rank, 5)
        dist.all_reduce(x, op)
        equal(x, np.full(5, expected, np.float32))
    x = torch.arange(3.0 * (1 << 20))  # 12 MB go in pieces
    dist.all_reduce(x)
    equal(x, np.arange(3.0 * (1 << 20), dtype=np.float32) * size)
    dist.all_reduce(torch.zeros(0))
    flags = torch.tensor([rank == 0, False, True])
    dist.all_reduce(flags, ReduceOp.MAX)
    equal(flags, [True, False, True])
    mask = torch.tensor(1 << rank)
    dist.all_reduce(mask, ReduceOp.BOR)
    equal(mask, (1 << size) - 1)
    turned = torch.arange(6.0).reshape(2, 3).t() + rank  # not in row-major order
    dist.all_reduce(turned)
    equal(turned, np.arange(6.0).reshape(2, 3).T * size + total)

    x = full(rank, 3)
    dist.broadcast(x, src=size - 1)
    equal(x, np.full(3, size - 1))
    x = full(rank, 3)
    dist.reduce(x, dst=0)
    equal(x, np.full(3, total if rank == 0 else rank))

    parts = [torch.zeros(2) for _ in range(size)]
    dist.all_gather(parts, full(rank, 2))
    equal(torch.stack(parts), np.repeat(np.arange(size), 2).reshape(size, 2))
    whole = torch.zeros(size * 2)
    dist.all_gather_into_tensor(whole, full(rank, 2))
    equal(whole, np.repeat(np.arange(size), 2))
    stacked = torch.zeros(size, 2)
    dist.all_gather_into_tensor(stacked, full(rank, 2))
    equal(stacked, np.repeat(np.arange(size), 2).reshape(size, 2))
    gathered = [torch.zeros(2) for _ in range(size)] if rank == 1 else None
    dist.gather(full(rank, 2), gathered, dst=1)
    if gathered is not None:
        equal(torch.stack(gathered)[:, 0], np.arange(size))
    x = torch.zeros(2)
    dist.scatter(x, [full(r * 10, 2) for r in range(size)] if rank == 0 else None, src=0)
    equal(x, np.full(2, rank * 10))

    x = torch.zeros(2)
    dist.reduce_scatter(x, [full(r, 2) for r in range(size)])
    equal(x, np.full(2, rank * size))
    x = torch.zeros(2)
    dist.reduce_scatter_tensor(x, torch.arange(2.0 * size))
    equal(x, np.arange(2 * rank, 2 * rank + 2) * size)
    outputs = [torch.zeros(r + 1) for r in range(size)]
    dist.all_to_all(outputs, [full(rank, rank + 1) for _ in range(size)])
    for r, output in enumerate(outputs):
        equal(output, np.full(r + 1, r))
    x = torch.zeros(size)
    dist.all_to_all_single(x, torch.arange(float(size)) + rank * size)
    equal(x, np.arange(size) * size + rank)

    x = full(rank, 4)
    work = dist.all_reduce(x, async_op=True)
    assert work.wait() and work.is_completed()
    equal(x, np.full(4, total))
    dist.barrier()
    dist.monitored_barrier()


def objects(rank: int, size: int) -> None:
    found: list[Any] = [None] * size
    dist.all_gather_object(found, {"rank": rank, "text": "x" * rank})
    assert found == [{"rank": r, "text": "x" * r} for r in range(size)]
    gathered: Any = [None] * size if rank == 0 else None
    dist.gather_object(rank, gathered)
    assert gathered == (list(range(size)) if rank == 0 else None)
    items = ["a", (1, 2)] if rank == 0 else [None, None]
    dist.broadcast_object_list(items)
    assert items == ["a", (1, 2)]
    mine: list[Any] = [None]
    dist.scatter_object_list(mine, list(range(size)) if rank == 0 else None)
    assert mine == [rank]
    if rank == 0:
        dist.send_object_list(["hello"], 1)
    elif rank == 1:
        heard = [None]
        assert dist.recv_object_list(heard, 0) == 0 and heard == ["hello"]


def messages(rank: int, size: int) -> None:
    right, left = (rank + 1) % size, (rank - 1) % size
    x, y = full(rank, 3), torch.zeros(3)
    for work in dist.batch_isend_irecv([dist.P2POp(dist.isend, x, right), dist.P2POp(dist.irecv, y, left)]):
        work.wait()
    equal(y, np.full(3, left))
    if rank == 0:
        dist.send(torch.arange(4.0).t(), 1, tag=7)
        dist.send(torch.ones(2), 1)
    elif rank == 1:
        wide = torch.zeros(4, 2)[:, 0]  # has gaps
        assert dist.recv(wide, 0, tag=7) == 0
        equal(wide, np.arange(4.0))
        try:
            dist.recv(torch.zeros(3))
        except RuntimeError as error:
            assert "rank 0 sent 8 bytes" in str(error)
        else:
            raise AssertionError("a message of another size was accepted")


def groups(rank: int, size: int) -> None:
    low = dist.new_group([0, 1])
    x = full(rank + 1, 1)
    dist.all_reduce(x, group=low)
    if rank < 2:
        equal(x, [3])
        assert dist.get_rank(low) == rank and dist.get_world_size(low) == 2
        assert dist.get_process_group_ranks(low) == [0, 1] and dist.get_global_rank(low, 1) == 1
    else:
        equal(x, [rank + 1])
        assert low is dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(low) == -1
    last = dist.new_group([size - 1])
    if rank == size - 1:
        dist.broadcast(x, size - 1, group=last)


def bulk(rank: int, size: int) -> None:
    """Sums of several pieces at the same time, waited for in any order."""
    sums = [full(rank + k, (1 << 19) + k) for k in range(3)]  # 2 MB
    works = [dist.all_reduce(x, async_op=True) for x in sums]
    for k in (2, 0, 1) if rank else (1, 2, 0):
        works[k].wait()
        equal(sums[k], np.full((1 << 19) + k, sum(range(size)) + k * size))


class Net(torch.nn.Module):
    """With a parameter that is not always used."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.extra = torch.nn.Linear(4, 8), torch.nn.Linear(8, 3), torch.nn.Linear(8, 3)

    def forward(self, x: Any, extra: bool = False) -> Any:
        h = self.first(x).relu()
        return self.second(h) + self.extra(h) if extra else self.second(h)


def training(rank: int, size: int) -> None:
    """The parameters after some steps are those of one process with the whole batch."""
    for options in ({}, {"gradient_as_bucket_view": True}, {"bucket_cap_mb": 0.0001}):
        torch.manual_seed(rank)  # replaced by rank 0's
        model = torch.nn.parallel.DistributedDataParallel(Net(), find_unused_parameters=True, **options)
        alone = Net()
        alone.load_state_dict(model.module.state_dict())
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in (model, alone)]
        rng = np.random.default_rng(0)
        for step in range(4):
            x = torch.tensor(rng.standard_normal((4 * size, 4)).astype("f4"))
            extra = step == 2 and rank == 0  # used by one process only
            for optimizer in optimizers:
                optimizer.zero_grad()
            model(x[rank::size], extra).square().mean().backward()
            whole = sum(alone(x[r::size], step == 2 and r == 0).square().mean() for r in range(size)) / size
            whole.backward()
            if step < 2:
                assert model.module.extra.weight.grad is None
            for optimizer in optimizers:
                optimizer.step()
            for p, q in zip(model.parameters(), alone.parameters()):
                np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-6)


def wide(rank: int, size: int) -> None:
    """Gradients of more than a piece, which are summed where they are; those of the pass before keep their values."""
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(700, 800))
    held = []
    for turn in range(2):
        model.zero_grad()
        model(full(rank + turn, 1, 700)).sum().backward()
        held.append(model.module.weight.grad)
    model.zero_grad(set_to_none=False)
    model(full(rank + 2, 1, 700)).sum().backward()
    assert model.module.weight.grad is held[1]
    equal(held[0], np.full((800, 700), (size - 1) / 2))
    equal(held[1], np.full((800, 700), (size - 1) / 2 + 2))


def accumulating(rank: int, size: int) -> None:
    """`no_sync`, and a communication hook."""
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1))
    first, second = full(rank + 1, 2, 3), full(rank - 1, 2, 3)
    with model.no_sync():
        model(first).mean().backward()
    equal(model.module.weight.grad, np.full((1, 3), rank + 1))
    model(second).mean().backward()
    equal(model.module.weight.grad, np.full((1, 3), np.mean([2 * r for r in range(size)])))

    def hook(state: Any, bucket: Any) -> Any:
        state.append(bucket.index())
        buffer = bucket.buffer() / size
        return dist.all_reduce(buffer, async_op=True).get_future()

    seen: list[int] = []
    model.register_comm_hook(seen, hook)
    model.zero_grad()
    model(first).mean().backward()
    equal(model.module.weight.grad, np.full((1, 3), np.mean([r + 1 for r in range(size)])))
    assert seen == [0]


def buffers(rank: int, size: int) -> None:
    """Rank 0's running statistics; and batch norm over all processes' batches."""
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.BatchNorm1d(2))
    torch.manual_seed(rank)
    for _ in range(3):
        model(torch.randn(4, 2)).sum().backward()
    model(torch.zeros(4, 2))
    found = [torch.zeros(2) for _ in range(size)]
    dist.all_gather(found, model.module.running_mean)
    for mean in found:
        equal(mean, found[0].numpy())

    whole = torch.tensor(np.random.default_rng(1).standard_normal((4 * size, 2, 3)).astype("f4"))
    weight = torch.linspace(1, 2, whole.numel()).reshape(whole.shape)
    mine = whole[4 * rank : 4 * rank + 4].clone().requires_grad_()
    sync = torch.nn.SyncBatchNorm(2)
    (sync(mine) * weight[4 * rank : 4 * rank + 4]).sum().backward()
    alone, every = torch.nn.BatchNorm1d(2), whole.clone().requires_grad_()
    (alone(every) * weight).sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), every.grad.numpy()[4 * rank : 4 * rank + 4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sync.running_var.numpy(), alone.running_var.numpy(), rtol=1e-5)
    np.testing.assert_allclose(sync.running_mean.numpy(), alone.running_mean.numpy(), rtol=1e-5, atol=1e-7)


def fitted(rank: int, size: int) -> None:
    """`fit` with a share of the data in each rank: rank 0 alone writes a log and shows how far it is."""
    from rushlight.train import callbacks, fit

    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = [(full(rank, 3, 2), full(1, 3, 1))] * 2
    shown = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(shown):
        log = callbacks.CSVLog(os.path.join(folder, "log.csv"))
        history = fit(model, data, torch.nn.functional.mse_loss, optimizer, epochs=2, callbacks=[log])
        assert os.listdir(folder) == ([] if rank else ["log.csv"])
    assert ("epoch 2/2" in shown.getvalue()) == (rank == 0)
    assert len(history.epochs) == 2


def aborting(rank: int, size: int) -> None:
    if rank == 1:
        dist.group.WORLD.channel.comm.Abort(1)
        time.sleep(60)
    dist.all_reduce(torch.zeros(2))


def unused(rank: int, size: int) -> None:
    model = torch.nn.parallel.DistributedDataParallel(Net())
    x = torch.ones(2, 4)
    model(x).sum().backward()
    model(x)


def sharded(rank: int, size: int) -> None:
    """ZeroRedundancyOptimizer steps as the optimizer inside would."""
    from rushlight.distributed.optim import ZeroRedundancyOptimizer

    torch.manual_seed(0)
    one, other = Net(), Net()
    other.load_state_dict(one.state_dict())
    sharing = ZeroRedundancyOptimizer(one.parameters(), torch.optim.Adam, lr=0.01)
    plain = torch.optim.Adam(other.parameters(), lr=0.01)
    for _ in range(3):
        for model, optimizer in ((one, sharing), (other, plain)):
            optimizer.zero_grad()
            model(torch.ones(2, 4), True).square().sum().backward()
            optimizer.step()
    for p, q in zip(one.parameters(), other.parameters()):
        equal(p.detach(), q.detach().numpy())
    kept = sum(len(state) > 0 for state in sharing.optim.state.values())
    counts: list[Any] = [None] * size
    dist.all_gather_object(counts, kept)
    assert sum(counts) == 6 and max(counts) < 6
    sharing.consolidate_state_dict(to=0)
    if rank == 0:
        found, expected = sharing.state_dict(), plain.state_dict()
        assert found["state"].keys() == expected["state"].keys()
        equal(found["state"][3]["exp_avg"], expected["state"][3]["exp_avg"].numpy())
        whole = [found]
    else:
        whole = [None]
    dist.broadcast_object_list(whole)
    sharing.load_state_dict(whole[0])
    sharing.step()
    plain.step()
    equal(one.second.weight.detach(), other.second.weight.detach().numpy())


def checkpoints(rank: int, size: int) -> None:
    """A training taken up again gives the same bits in every rank, and a failed save is noticed by all."""
    from unittest import mock

    from rushlight.train import resume, save
    from rushlight.train.ranks import decided

    assert decided(rank == 0) and not decided(rank != 0)
    folder: list[Any] = [tempfile.mkdtemp() if rank == 0 else None]
    dist.broadcast_object_list(folder)
    path = os.path.join(folder[0], "last.safetensors")

    def made(seed: int) -> tuple[Any, Any]:
        torch.manual_seed(seed + rank)  # each rank draws dropout masks of its own
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 2))
        model = torch.nn.parallel.DistributedDataParallel(model)
        from rushlight.distributed.optim import ZeroRedundancyOptimizer

        return model, ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.01)

    def trained(model: Any, optimizer: Any) -> list[Any]:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.ones(3, 4)).square().sum().backward()
            optimizer.step()
        return [p.detach().numpy().copy() for p in model.parameters()] + [torch.rand(1).numpy()]

    first = made(0)
    trained(*first)
    save(path, *first, step=2)
    went_on = trained(*first)
    with mock.patch("rushlight.train.checkpoint.write", side_effect=OSError("the disk is full")):
        try:
            save(path, *first, step=4)
        except OSError if rank == 0 else RuntimeError as error:
            assert "the disk is full" in str(error)
        else:
            raise AssertionError("a failed save went unnoticed")
    other = made(50)
    assert resume(path, *other) == {"step": 2}
    for p, q in zip(trained(*other), went_on):
        np.testing.assert_array_equal(p, q)
    if rank == 0:
        shutil.rmtree(folder[0])


def disagree(rank: int, size: int) -> None:
    dist.all_reduce(torch.zeros(2 if rank else 3))


def different(rank: int, size: int) -> None:
    dist.broadcast(torch.zeros(2), 0) if rank else dist.all_reduce(torch.zeros(2))


def failing(rank: int, size: int) -> None:
    if rank == 1:
        raise ValueError("a mistake of this rank's")
    dist.all_reduce(torch.zeros(2))


def hanging(rank: int, size: int) -> None:
    if rank == 1:
        time.sleep(60)
    dist.all_reduce(torch.zeros(2))


def killed(rank: int, size: int) -> None:
    if rank == 1:
        os.kill(os.getpid(), 9)
    dist.all_reduce(torch.zeros(2))


def main() -> None:
    names = sys.argv[1:]
    dist.init_process_group("gloo", timeout=timedelta(seconds=1.5 if "hanging" in names else 30))
    for name in names:
        globals()[name](dist.get_rank(), dist.get_world_size())
        sys.stdout.write(f"{name}: rank {dist.get_rank()} ok\n")
        sys.stdout.flush()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
