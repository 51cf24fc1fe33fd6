"""Stands for torchvision in processes whose path begins with this folder, where it is imported before torch."""

import sys
from importlib import import_module

from rushlight.compat import install_as_torch

sys.modules.pop("torchvision", None)
install_as_torch()
import_module("torchvision")
