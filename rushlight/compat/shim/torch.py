"""Stands for torch in processes whose path begins with this folder: the first import hands over to Rushlight."""

import sys

from rushlight.compat import install_as_torch

sys.modules.pop("torch", None)
install_as_torch()
