"""Checkpoints of a training in several processes (rushlight.distributed): rank 0 writes and reads, and all agree.

Models and optimizers are alike in all ranks, or rank 0 can have them whole; random numbers are not, so those of every
rank are kept. Whatever fails in one rank is raised in all: none goes on with a checkpoint that the others lack.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import OperatorError
from ..utils.data.random_state import random_state

OTHERS = "rng_of_ranks"  # in a checkpoint: the random numbers' states of the ranks from 1 on


def several() -> bool:
    """Whether this process is one of several that compute together."""
    dist: Any = sys.modules.get("rushlight.distributed")
    return dist is not None and dist.is_initialized() and dist.get_world_size() > 1


def later() -> bool:
    """Whether this process is one of several, and not the first."""
    return several() and bool(sys.modules["rushlight.distributed"].get_rank() > 0)


def decided(answer: bool) -> bool:
    """Rank 0's answer, in all ranks: what they do together must not depend on the figures of each."""
    return bool(_from_rank_0(lambda: answer, "fit")) if several() else answer


def write(given: Mapping[str, Any], rng: bool, gather: Callable[..., Any], keep_it: Callable[[Any], Any]) -> None:
    """Lets rank 0 hand the states of `given` (by `gather`), with the random numbers of all ranks, to `keep_it`.

    Raises:
        What rank 0 raised, there; RuntimeError in the others.
    """
    from .. import distributed as dist

    for value in given.values():
        if hasattr(value, "consolidate_state_dict"):  # ZeroRedundancyOptimizer: each rank has a part
            value.consolidate_state_dict(to=0)
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, random_state() if rng else None)

    def by_rank_0() -> None:
        content = gather(given, rng)
        keep_it({**content, OTHERS: states[1:]} if rng else content)

    _from_rank_0(by_rank_0, "save")


def read(reader: Callable[[], Any]) -> Any:
    """What `reader` returns in rank 0, in all ranks; with the random numbers' state of this rank, if it had one."""
    from .. import distributed as dist

    content, rank = _from_rank_0(reader, "resume"), dist.get_rank()
    if content is not None and rank > 0 and "rng" in content:
        others = content.get(OTHERS, [])
        if rank <= len(others):
            content["rng"] = others[rank - 1]
        else:  # saved by fewer ranks: this one's numbers go on, instead of repeating rank 0's
            del content["rng"]
    return content


def _from_rank_0(compute: Callable[[], Any], name: str) -> Any:
    """The result of `compute` in rank 0, in all ranks; or its exception."""
    from .. import distributed as dist

    outcome: list[Any] = [None, None]
    error: Exception | None = None
    if dist.get_rank() == 0:
        try:
            outcome[0] = compute()
        except Exception as caught:
            error, outcome[1] = caught, f"{type(caught).__name__}: {caught}"
    dist.broadcast_object_list(outcome)
    if error is not None:
        raise error
    if outcome[1] is not None:
        raise OperatorError(f"{name}: rank 0 failed with {outcome[1]}")
    return outcome[0]
