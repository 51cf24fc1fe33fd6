"""The thread pool under several Python threads and after a fork."""

import os
import subprocess
import sys


def run(code, isa):
    environment = {**os.environ, "RUSHLIGHT_ISA": isa, "RUSHLIGHT_NUM_THREADS": "3"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


COMMON = """
import os, threading
import numpy as np
from rushlight.kernels.native import native
rng = np.random.default_rng(0)
a = rng.standard_normal((150, 200)).astype(np.float32)
b = rng.standard_normal((200, 170)).astype(np.float32)
expected = native.matmul_kernel(a, b)
def same(times):
    return all((native.matmul_kernel(a, b) == expected).all() for _ in range(times))
"""


def test_python_threads_share_the_pool(native):
    code = (
        COMMON
        + """
results = []
threads = [threading.Thread(target=lambda: results.append(same(100))) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(results)
"""
    )
    assert run(code, native.isa) == str([True] * 4)


def test_forked_children_have_threads_of_their_own(native):
    code = (
        COMMON
        + """
running = True
def churn():
    while running: same(1)
thread = threading.Thread(target=churn)
thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(0 if same(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
running = False
thread.join()
print(same(20))
"""
    )
    assert run(code, native.isa) == "True"


def test_forked_children_train_as_their_parent(native):
    code = """
import os
import numpy as np
import rushlight as torch
from rushlight import nn

def train():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 15 * 15, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.randn(16, 3, 32, 32), torch.arange(16) % 10
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()

expected = train()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if train() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
print(train() == expected)
"""
    assert run(code, native.isa) == "True"


def test_peak_rates_are_those_of_a_processor(native):
    flops, bytes = native.peak_rates()
    assert 1e8 < flops < 1e15
    assert 1e7 < bytes < 1e13
