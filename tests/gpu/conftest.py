"""Lets these tests see the stand-in for CuPy, and gives it to those that ask for `gpus`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contracts"))


@pytest.fixture
def cupy():
    """`cupy` with two GPUs. Native kernels stay in front of definitions, and are to leave its arrays alone."""
    import stand_in_cupy

    with stand_in_cupy.gpus() as module:
        yield module
