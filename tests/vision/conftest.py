"""Tests here need Pillow; they import their tables by plain names."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("PIL")
sys.path.insert(0, str(Path(__file__).parent))
