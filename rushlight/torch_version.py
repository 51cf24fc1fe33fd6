"""`torch.version`: the version of PyTorch that Rushlight answers to, and the GPU libraries, of which there are none."""

from __future__ import annotations

import re
from typing import Any


class TorchVersion(str):
    """A version as text that compares as a version, with text and with tuples: `__version__ >= (1, 13)`."""

    __slots__ = ()

    def _key(self) -> tuple[Any, ...]:
        return _release(self)

    def __lt__(self, other: Any) -> bool:
        return _compare(self, other) < 0

    def __le__(self, other: Any) -> bool:
        return _compare(self, other) <= 0

    def __gt__(self, other: Any) -> bool:
        return _compare(self, other) > 0

    def __ge__(self, other: Any) -> bool:
        return _compare(self, other) >= 0

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) or (isinstance(other, (str, tuple)) and _compare(self, other) == 0)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _release(version: Any) -> tuple[int, ...]:
    """The numbers of a version, `(2, 13, 0)`; what follows them (a local label, `a0`) does not take part."""
    if isinstance(version, str):
        found = re.match(r"v?(\d+(?:\.\d+)*)", version)
        version = found.group(1).split(".") if found else ()
    numbers = [int(part) for part in version if str(part).isdigit()]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _compare(left: str, right: Any) -> int:
    if not isinstance(right, (str, tuple, list)):
        raise TypeError(f"a version compares with text or a tuple, not with {type(right).__name__}")
    ours, theirs = _release(left), _release(right)
    return (ours > theirs) - (ours < theirs)


__version__ = TorchVersion("2.13.0+rushlight")

cuda = hip = rocm = xpu = None
debug = False
git_version = "Unknown"
