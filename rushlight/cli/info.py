"""Tells what this installation is: version, native builds and the one chosen, threads, allocator, libraries below.

RUSHLIGHT_ISA=avx2 (or another build) chooses a build, RUSHLIGHT_NATIVE=0 leaves the native kernels out, and
RUSHLIGHT_ALLOCATOR=0 leaves memory to NumPy's own allocator.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib import metadata

import numpy as np

import rushlight
from rushlight.cli.outcome import OK
from rushlight.kernels.native import available, isa, native
from rushlight.version import __version__

SUMMARY = "version, native builds, threads, allocator and libraries"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`rushlight info` takes no arguments."""


def builds() -> str:
    """The native builds that run here and the one in use."""
    names = available()
    if native is not None:
        return f"{isa} (of {', '.join(names)})"
    return f"none: definitions only (installed: {', '.join(names) or 'none, there was no C++ compiler'})"


def allocator() -> str:
    """How memory for large arrays is had."""
    if native is None or os.environ.get("RUSHLIGHT_ALLOCATOR") == "0":
        return "NumPy's own"
    figures = native.allocator_info()
    return f"caching, keeps at most {figures['limit'] / 2**20:,.0f} MB of freed blocks"


def version_of(package: str) -> str:
    """Version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    rows = {
        "rushlight": f"{__version__}  ({os.path.dirname(os.path.abspath(rushlight.__file__))})",
        "python": f"{platform.python_version()}  ({sys.executable})",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "native": builds(),
        "threads": str(rushlight.get_num_threads()),
        "allocator": allocator(),
        "gpu": ", ".join(map(rushlight.cuda.get_device_name, range(rushlight.cuda.device_count()))) or "none",
        "numpy": np.__version__,
        **{name: version_of(name) for name in ("ml_dtypes", "safetensors", "tqdm", "matplotlib")},
    }
    for name, value in rows.items():
        print(f"{name:12}{value}")
    return OK
