"""Nothing is recorded without a native build; `test_without_native_kernels` in test_api.py says so."""

from pathlib import Path

import pytest

from rushlight.kernels import native


def pytest_collection_modifyitems(items):
    if native is None:
        for item in items:
            if item.path.parent == Path(__file__).parent and item.name != "test_without_native_kernels":
                item.add_marker(pytest.mark.skip("no native build: nothing is recorded"))
