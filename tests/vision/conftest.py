"""Tests here need Pillow, and are left out without it; they import their tables by plain names."""

import sys
from pathlib import Path

try:
    import PIL  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]

sys.path.insert(0, str(Path(__file__).parent))
