"""The native module's threads, memory and choice of build."""

import os
import subprocess
import sys

import numpy as np
import pytest


def run(code, **environment):
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


def test_threads_are_set_and_read(native):
    before = native.get_num_threads()
    native.set_num_threads(3)
    assert native.get_num_threads() == 3
    native.set_num_threads(before)
    with pytest.raises(RuntimeError, match="positive"):
        native.set_num_threads(0)


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "RUSHLIGHT_NUM_THREADS"])
def test_environment_sets_threads(native, variable):
    code = "from rushlight.kernels.native import native; print(native.get_num_threads())"
    assert run(code, RUSHLIGHT_ISA=native.isa, **{variable: "5"}) == "5"


def test_environment_chooses_build(native):
    code = "from rushlight.kernels.native import isa; print(isa)"
    assert run(code, RUSHLIGHT_ISA=native.isa) == native.isa
    assert run(code, RUSHLIGHT_NATIVE="0") == "none"


ALLOCATOR = """
import numpy as np
from rushlight.kernels.native import native
for size in [0, 1, 7, 64, 1000, 4096, 100_000, 300_000, 1_000_000, 5_000_000]:
    for _ in range(3):
        a = np.empty(size, np.uint8)
        assert a.ctypes.data % 64 == 0
        a[:] = 255
        zeros = np.zeros(size, np.uint8)
        assert not zeros.any()
        zeros[:] = 1
        del zeros
        grown = a.copy()
        grown.resize(2 * size + 3, refcheck=False)
        assert (grown[:size] == 255).all() and not grown[size:].any()
        grown.resize(size // 3, refcheck=False)
        assert (grown == 255).all()
info = native.allocator_info()
assert info["cached"] > 5_000_000 and info["hits"] > 0 and info["misses"] > 0
before = np.empty(6_000_000, np.uint8)
assert native.allocator_info()["in_use"] - info["in_use"] >= 6_000_000
native.empty_cache()
assert native.allocator_info()["cached"] == 0
for size in (300_000, 5_000_000, 50_000_000):  # given back to the system and taken again: zeros must be zeros
    np.full(size, 255, np.uint8)
    native.empty_cache()
    assert not np.zeros(size, np.uint8).any()
native.set_cache_limit(0)
del before
assert native.allocator_info()["cached"] == 0
try:
    np.empty(1 << 47, np.uint8)
except MemoryError:
    print("whole")
"""


def test_allocator_keeps_numpys_promises(native):
    assert run(ALLOCATOR, RUSHLIGHT_ISA=native.isa, RUSHLIGHT_ALLOCATOR="1") == "whole"


def test_allocator_in_threads_and_forks(native):
    code = """
import os, threading
import numpy as np
from rushlight.kernels.native import native
stop = False
def churn():
    native.use_allocator()
    while not stop:
        a = [np.full(n, 7, np.uint8) for n in (10, 1000, 100_000, 500_000)]
        assert all((x == 7).all() for x in a)
threads = [threading.Thread(target=churn) for _ in range(3)]
for t in threads: t.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        assert (np.full(1000, 3, np.uint8) == 3).all() and (np.full(500_000, 3, np.uint8) == 3).all()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop = True
for t in threads: t.join()
print("whole")
"""
    assert run(code, RUSHLIGHT_ISA=native.isa) == "whole"


def test_arrays_outlive_the_choice_of_allocator(native):
    a = np.ones(1000)
    native.use_allocator()
    b = np.ones(1000)
    del a
    assert b.sum() == 1000
