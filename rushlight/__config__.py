"""`torch.__config__`: how PyTorch was built; here, what Rushlight computes with, as text."""

from __future__ import annotations


def show() -> str:
    """The versions of Rushlight and NumPy, and which native kernels are used."""
    import numpy as np

    from .kernels.native import isa
    from .torch_version import __version__
    from .version import __version__ as ours

    return f"Rushlight {ours}, which answers for PyTorch {__version__}, on NumPy {np.__version__}, kernels: {isa}\n"


def parallel_info() -> str:
    """How many threads operators use."""
    from .threads import get_num_interop_threads, get_num_threads

    return f"operators: {get_num_threads()} threads, between operators: {get_num_interop_threads()}\n"
