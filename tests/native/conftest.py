"""The `native` fixture: each build of the native kernels that was installed and that this processor can run."""

import pytest

from rushlight.kernels.native import available, load


@pytest.fixture(params=available() or [pytest.param(None, marks=pytest.mark.skip("no native build"))])
def native(request):
    return load(request.param)
