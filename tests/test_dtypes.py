"""What dtypes say of themselves, against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from both import same


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_finfo(name: str) -> None:
    def limits(lib: Any) -> Any:
        info = lib.finfo(getattr(lib, name))
        names = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")
        return repr(info), [getattr(info, name) for name in names]

    same(limits)


@pytest.mark.parametrize("name", ["int64", "int32", "int16", "int8", "uint8"])
def test_iinfo(name: str) -> None:
    def limits(lib: Any) -> Any:
        info = lib.iinfo(getattr(lib, name))
        return repr(info), [info.bits, info.dtype, info.max, info.min]

    same(limits)
