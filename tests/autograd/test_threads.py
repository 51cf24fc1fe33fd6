"""Several threads: grad mode is each thread's own, and graphs of different threads do not disturb one another."""

from __future__ import annotations

import threading
from typing import Any

import rushlight
from rushlight import autograd


def in_threads(target: Any, n: int = 4) -> None:
    failures: list[BaseException] = []

    def run(i: int) -> None:
        try:
            target(i)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures


def test_grad_mode_is_per_thread() -> None:
    barrier = threading.Barrier(2)

    def work(i: int) -> None:
        x = rushlight.ones(2, requires_grad=True)
        with rushlight.no_grad() if i else rushlight.enable_grad():
            barrier.wait()
            for _ in range(200):
                assert (x * 2).requires_grad is (i == 0)
            barrier.wait()
        assert rushlight.is_grad_enabled()

    in_threads(work, 2)


def test_graphs_of_their_own() -> None:
    def work(i: int) -> None:
        for _ in range(50):
            x = rushlight.ones(3, requires_grad=True)
            y = x
            for _ in range(20):
                y = y * 1.0 + x * float(i)
            y.sum().backward()
            assert x.grad.tolist() == [1.0 + 20 * i] * 3

    in_threads(work)


def test_a_shared_leaf_and_gradients_returned() -> None:
    weight = rushlight.ones(3, requires_grad=True)

    def work(i: int) -> None:
        for _ in range(50):
            (g,) = autograd.grad((weight * float(i)).sum(), weight)
            assert g.tolist() == [float(i)] * 3

    in_threads(work)


def test_backward_in_another_thread() -> None:
    x = rushlight.ones(2, requires_grad=True)
    y = (x * x).sum()
    in_threads(lambda i: y.backward(retain_graph=True), 1)
    assert x.grad.tolist() == [2.0, 2.0]


def test_saved_tensors_hooks_are_per_thread() -> None:
    seen: list[int] = []
    ready, done = threading.Event(), threading.Event()

    def with_hooks() -> None:
        with autograd.graph.saved_tensors_hooks(lambda t: seen.append(1) or t, lambda t: t):
            ready.set()
            done.wait()

    thread = threading.Thread(target=with_hooks)
    thread.start()
    ready.wait()
    x = rushlight.ones(2, requires_grad=True)
    (x * x).sum().backward()
    done.set()
    thread.join()
    assert not seen
