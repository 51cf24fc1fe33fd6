"""`rushlight.signal`: PyTorch's namespace of signal processing."""

from . import windows as windows
