"""Lets the case files and the harness import one another by plain names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
