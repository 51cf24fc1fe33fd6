"""Tests here compare with PyTorch; they import cases.py and compare.py by their plain names."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
