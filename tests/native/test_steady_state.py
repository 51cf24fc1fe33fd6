"""Training in its steady state: later steps use again what the first ones allocated. They get no memory from the
system, touch no new page and leave nothing behind."""

import os
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import rushlight
from rushlight import nn, optim
from rushlight.kernels.native import native

rushlight.manual_seed(0)
sizes, batch, rule = {sizes}, {batch}, optim.{rule}
layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.Linear(a, b), nn.ReLU())]
model, x, y = nn.Sequential(*layers[:-1]), rushlight.randn(batch, sizes[0]), rushlight.randint(0, sizes[-1], (batch,))
optimizer, criterion = rule(model.parameters()), nn.CrossEntropyLoss()

def steps(count):
    for _ in range(count):
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def state():
    info = native.allocator_info()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    return info["misses"], info["in_use"], sys.getallocatedblocks(), faults, info["hits"]

steps(50)
before = state()
steps(400)
print(*[b - a for a, b in zip(before, state())])
"""


@pytest.mark.parametrize(
    ("sizes", "batch", "rule"),
    [((4, 64, 64, 2), 1, "Adam"), ((4, 64, 64, 2), 32, "Adam"), ((784, 128, 64, 10), 64, "SGD")],
)
def test_steps_allocate_nothing_new(native, sizes, batch, rule):
    code = STEPS.format(sizes=sizes, batch=batch, rule=rule)
    environment = {**os.environ, "RUSHLIGHT_ISA": native.isa, "RUSHLIGHT_ALLOCATOR": "1"}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    misses, in_use, objects, faults, hits = map(int, out.stdout.split())
    assert hits > 400  # the allocator is in use
    assert misses == 0
    assert in_use == 0
    assert objects < 100  # of Python, in all 400 steps
    assert faults < 100
