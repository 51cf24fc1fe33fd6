"""What looks like a mistake is told once, with what to do about it: as a `Notice`, a kind of UserWarning.

`warnings.simplefilter("ignore", rushlight.mistakes.Notice)` silences them all.
"""

from __future__ import annotations

import warnings

told: set[str] = set()  # what was told already


class Notice(UserWarning):
    """Something that is allowed, but is rarely meant."""


def tell(kind: str, message: str, stacklevel: int = 3) -> None:
    """Warns, the first time that this kind of mistake is seen in this process.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     for _ in range(2):
        ...         tell("example", "do it otherwise")
        >>> len(caught)
        1
    """
    if kind not in told:
        told.add(kind)
        warnings.warn(message, Notice, stacklevel + 1)
