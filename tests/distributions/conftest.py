"""Tests here compare with PyTorch, and are left out without it; they import cases.py and compare.py by plain names."""

import sys
from pathlib import Path

try:
    import torch  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]

sys.path.insert(0, str(Path(__file__).parent))
