"""The profiler: what is recorded, how it nests and adds up, and PyTorch's schedule."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim, profiler
from rushlight.autograd.watch import watching
from rushlight.ops.linear import Linear
from rushlight.profiler import flops
from rushlight.profiler.events import Average, Averages, Event, averages


def model():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def step(network, optimizer):
    optimizer.zero_grad()
    network(rushlight.ones(3, 4)).sum().backward()
    optimizer.step()


def recorded(**options):
    network = model()
    optimizer = optim.SGD(network.parameters(), lr=0.1)
    with profiler.profile(**options) as prof:
        with profiler.record_function("mine"):
            step(network, optimizer)
    return prof


def test_operators_modules_steps_and_blocks_are_recorded():
    counts = {average.key: average.count for average in recorded().key_averages()}
    expected = {"Linear": 2, "LinearBackward0": 2, "Relu": 1, "ReluBackward0": 1, "mine": 1}
    modules = {"nn.Module: Sequential_0": 1, "nn.Module: Linear_0": 1, "nn.Module: Linear_1": 1, "nn.Module: ReLU_0": 1}
    assert counts.items() >= {**expected, **modules, "Optimizer.step#SGD.step": 1}.items()


def test_events_nest_and_their_own_times_add_up():
    prof = recorded()
    (mine,) = [event for event in prof.events() if event.name == "mine"]
    assert mine.children[0].name == "nn.Module: Sequential_0"
    inner = [event.name for event in mine.children[0].children]
    assert inner == ["nn.Module: Linear_0", "nn.Module: ReLU_0", "nn.Module: Linear_1"]
    total = sum(event.self_cpu_time_total for event in prof.events())
    assert total == pytest.approx(mine.cpu_time_total)
    assert all(event.self_cpu_time_total >= 0 for event in prof.events())


def test_nothing_is_recorded_outside():
    network = model()
    with profiler.profile() as prof:
        pass
    with profiler.record_function("quiet"):
        network(rushlight.ones(1, 4)).sum().backward()
    assert prof.events() == [] and not network._forward_hooks


def test_calls_within_calls_of_one_name_count_once_in_the_total():
    inner, outer = Event("f", "block", 2.0, 0, end=5.0), Event("f", "block", 0.0, 0, end=10.0)
    outer.children.append(inner)
    (average,) = averages([outer], by_shape=False)
    assert (average.count, average.cpu_time_total, average.self_cpu_time_total, average.cpu_time) == (2, 10, 10, 5)


def test_shapes_and_flops():
    prof = recorded(record_shapes=True, with_flops=True)
    by_shape = {tuple(map(tuple, a.input_shapes)): a for a in prof.key_averages(True) if a.key == "Linear"}
    assert by_shape[((3, 4), (8, 4), (8,))].flops == 2 * 3 * 4 * 8
    assert sum(a.flops for a in prof.key_averages()) == 2 * 3 * (4 * 8 + 8 * 2)


def test_a_table():
    rows = Averages([Average("slow", [], 2, 3000.0, 1000.0), Average("fast" * 9, [], 1, 10.0, 10.0)])
    text = rows.table(sort_by="count", row_limit=1, max_name_column_width=10, header="title")
    assert text.startswith("title\n") and "slow" in text and "fast" not in text and "3.000ms" in text
    assert "fastfas..." in rows.table(max_name_column_width=10) and "fast" * 9 in str(rows)
    assert text.endswith("Self CPU time total: 1.010ms")
    with pytest.raises(ValueError, match="cannot sort by 'colour'"):
        rows.table(sort_by="colour")


def test_a_chrome_trace(tmp_path):
    prof = recorded(record_shapes=True)
    prof.export_chrome_trace(tmp_path / "trace.json")
    rows = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert len(rows) == len(prof.events()) and {row["ph"] for row in rows} == {"X"}
    linear = next(row for row in rows if row["name"] == "Linear")
    assert linear["args"]["Input Dims"] == [[3, 4], [8, 4], [8]] and linear["dur"] > 0


@pytest.mark.parametrize(
    "options",
    [
        {"wait": 1, "warmup": 1, "active": 2, "repeat": 2},
        {"wait": 0, "warmup": 0, "active": 1},
        {"wait": 2, "warmup": 1, "active": 3, "repeat": 1, "skip_first": 2},
    ],
)
def test_schedules_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    ours, theirs = (library.profiler.schedule(**options) for library in (rushlight, torch))
    assert [ours(i).name for i in range(20)] == [theirs(i).name for i in range(20)]
    with pytest.raises(AssertionError):
        profiler.schedule(wait=-1, warmup=0, active=1)


def test_rounds_of_a_schedule(tmp_path):
    network, rounds = model(), []
    optimizer = optim.SGD(network.parameters(), lr=0.1)

    def ready(prof):
        rounds.append([event.name for event in prof.events() if event.name.startswith("ProfilerStep")])
        profiler.tensorboard_trace_handler(tmp_path, "me")(prof)

    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
    with profiler.profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(10):
            step(network, optimizer)
            prof.step()
    assert rounds == [["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]
    assert len(list(tmp_path.glob("me.*.pt.trace.json"))) == 2


def test_an_error_leaves_no_block_open():
    def broken(module, args):
        raise KeyError("here")

    network = model()
    network[1].register_forward_pre_hook(broken)
    with profiler.profile() as prof, pytest.raises(KeyError):
        network(rushlight.ones(3, 4))
    with profiler.profile() as second:
        rushlight.ones(2).exp()
    assert "Linear" in {e.name for e in prof.events()} and [e.name for e in second.events()] == ["Exp"]


def test_threads_have_records_of_their_own():
    with profiler.profile() as prof:
        thread = threading.Thread(target=lambda: rushlight.ones(2).exp())
        thread.start()
        thread.join()
        rushlight.ones(2).tanh()
    assert {event.name: event.thread == threading.get_ident() for event in prof.events()} == {
        "Exp": False,
        "Tanh": True,
    }


def test_a_decorated_function():
    @profiler.record_function("deep")
    def deep(n):
        return deep(n - 1) if n else None

    with profiler.profile() as prof:
        deep(2)
    assert [event.name for event in prof.events()] == ["deep"] * 3


def test_what_is_not_supported_is_refused():
    for options in ({"profile_memory": True}, {"with_stack": True}, {"activities": [profiler.ProfilerActivity.CUDA]}):
        with pytest.raises(NotImplementedError):
            profiler.profile(**options)
    with pytest.raises(NotImplementedError):
        recorded().key_averages(group_by_stack_n=1)
    with profiler.profile(), pytest.raises(RuntimeError, match="another profiler"):
        profiler.profile().start()


def test_watching_ends_with_the_block():
    plain, seen = Linear.forward, []

    def around(entry, kind, function, args):
        seen.append(kind)
        return function(entry, *args)

    with pytest.raises(KeyError), watching(around):
        rushlight.ones(2).exp()
        raise KeyError
    rushlight.ones(2).exp()
    assert seen == ["forward"] and Linear.forward is plain


CASES = {
    "linear": lambda t: t.nn.functional.linear(t.ones(5, 3), t.ones(4, 3)),
    "matmul": lambda t: t.ones(2, 5, 3) @ t.ones(2, 3, 4),
    "conv2d": lambda t: t.nn.functional.conv2d(t.ones(2, 4, 9, 9), t.ones(6, 2, 3, 3), groups=2, stride=2),
    "conv1d": lambda t: t.nn.functional.conv1d(t.ones(2, 4, 9), t.ones(6, 4, 3)),
    "conv transposed": lambda t: t.nn.functional.conv_transpose2d(t.ones(2, 4, 5, 5), t.ones(4, 6, 3, 3)),
}


@pytest.mark.parametrize("name", CASES)
def test_flops_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with profiler.profile(with_flops=True) as prof:
        CASES[name](rushlight)
    with FlopCounterMode(display=False) as counter:
        CASES[name](torch)
    assert sum(event.flops for event in prof.events()) == counter.get_total_flops() > 0


def test_flops_of_attention_and_recurrent_layers():
    with profiler.profile(with_flops=True) as prof:
        nn.functional.scaled_dot_product_attention(*[rushlight.ones(2, 3, 7, 8)] * 3)
    assert sum(event.flops for event in prof.events()) == 2 * 2 * 3 * 7 * 7 * (8 + 8)
    with profiler.profile(with_flops=True) as prof:
        nn.LSTM(3, 5)(rushlight.ones(7, 2, 3))
    assert sum(event.flops for event in prof.events()) == 2 * 7 * 2 * 20 * (3 + 5)
    assert flops.flops("Relu", (np.ones(3),), np.ones(3)) == 0


def test_the_older_name():
    """`autograd.profiler.profile`, by its name alone; off if it is not enabled."""
    record = rushlight.autograd.profiler.profile
    with record(record_shapes=True) as prof, rushlight.autograd.profiler.record_function("block"):
        rushlight.ones(2, 3) @ rushlight.ones(3)
    names = {event.name for event in prof.function_events}
    assert "block" in names and len(names) > 1 and prof.self_cpu_time_total > 0
    assert "block" in prof.table(sort_by="cpu_time_total", row_limit=3)
    with record(enabled=False) as prof:
        rushlight.ones(2) + 1
    assert not prof.function_events
    with pytest.raises(NotImplementedError, match="use_cuda"):
        record(use_cuda=True)
