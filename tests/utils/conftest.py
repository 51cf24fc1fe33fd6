"""Comparing nests of containers from both libraries; makes tests/both.py importable."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import rushlight

sys.path.insert(0, str(Path(__file__).parent.parent))


def plain(value):
    """Tensors as (dtype, shape, numbers), so that results of both libraries can be compared by `==`."""
    if hasattr(value, "detach"):
        array = value.detach().numpy()
        return ("tensor", str(value.dtype), tuple(value.shape), array.tolist())
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    if isinstance(value, Mapping):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return type(value).__name__, [plain(v) for v in value]
    return type(value).__name__, value


@pytest.fixture(name="plain")
def _plain():
    return plain


@pytest.fixture(params=["rushlight", "torch"])
def library(request):
    return rushlight if request.param == "rushlight" else pytest.importorskip("torch")
