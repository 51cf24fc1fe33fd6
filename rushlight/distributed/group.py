"""Groups of processes: the default group of all, groups of some, and who is who in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ..errors import ArgumentError, UnsupportedError
from .channel import Channel, mpi
from .environment import launched
from .failures import DistNetworkError, end_all_on_error
from .rendezvous import join

DEFAULT_TIMEOUT = timedelta(minutes=30)
_BACKENDS = {"cpu": "gloo", "cuda": "nccl", "mps": "gloo"}  # of a device, by default
_NO_GROUP = "Default process group has not been initialized, please make sure to call init_process_group."


class ProcessGroup:
    """Processes that do collective operations together. `ranks` are their ranks among all."""

    def __init__(self, comm: Any, ranks: Sequence[int], timeout: timedelta, backend: str) -> None:
        self.channel = Channel(comm, timeout.total_seconds())
        self.ranks = list(ranks)
        self.backend = backend

    def rank(self) -> int:
        """Of this process, in the group."""
        return int(self.channel.comm.rank)

    def size(self) -> int:
        """How many processes are in the group."""
        return len(self.ranks)

    def name(self) -> str:
        """The backend's."""
        return self.backend

    def __repr__(self) -> str:
        return f"<ProcessGroup of ranks {self.ranks}>"


class _NoMember:
    """What `new_group` returns to the processes that are not in it."""

    def __repr__(self) -> str:
        return "<no member of the group>"


class GroupMember:
    """`NON_GROUP_MEMBER` is what `new_group` gives to the processes that are not in it."""

    NON_GROUP_MEMBER: Any = _NoMember()
    WORLD: ProcessGroup | None = None


class _Group(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return GroupMember.WORLD


class group(metaclass=_Group):
    """`group.WORLD` is the default group."""


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Makes the default group: of all the processes that `mpiexec` or `rushlight launch` started together, or of those
    that meet at MASTER_ADDR and MASTER_PORT, however they were started (`multiprocessing.spawn`).

    Args:
        backend: "mpi", "gloo", or "cpu:gloo"; all mean MPI. "nccl" needs GPUs.
        init_method: "env://" (MASTER_ADDR and MASTER_PORT in the environment) or "tcp://host:port", where rank 0
            listens. Processes that mpiexec started know of each other without it.
        timeout: how long an operation may wait for the other processes; 30 minutes by default.
        world_size, rank: checked against what MPI says, if given here or as WORLD_SIZE and RANK in the environment.

    Raises:
        ValueError: called twice, or a backend that is not known. RuntimeError: MPI knows of other processes.
        NotImplementedError: MPI is not installed; a store.

    Source: torch.distributed.init_process_group of PyTorch 2.13.
    """
    if GroupMember.WORLD is not None:
        raise ArgumentError("trying to initialize the default process group twice!")
    name = _checked_backend(backend)
    if store is not None:
        raise UnsupportedError("init_process_group: stores are not supported; start the processes with mpiexec")
    wait = timeout or DEFAULT_TIMEOUT
    joined = launched() is None and max(world_size, int(os.environ.get("WORLD_SIZE", 1))) > 1
    member = join(init_method, world_size, rank, wait) if joined else None
    comm = mpi().COMM_WORLD
    _check_place(comm, world_size, rank)
    if comm.size > 1:
        end_all_on_error(comm, member.fail if member else lambda error: comm.Abort(1))
    GroupMember.WORLD = ProcessGroup(comm, range(comm.size), wait, name)


def _checked_backend(backend: str | None) -> str:
    name = (backend or "mpi").lower()
    kinds = {part.rpartition(":")[2] for part in name.split(",") if not part.startswith("cuda:")}
    if kinds == {"nccl"}:
        raise UnsupportedError(
            "init_process_group: backend 'nccl' needs GPUs; use 'mpi' (or 'gloo', which means MPI here)"
        )
    if not kinds <= {"mpi", "gloo"}:
        raise ArgumentError(f"init_process_group: backend {backend!r} is not known; use 'mpi'")
    return name


def _check_place(comm: Any, world_size: int, rank: int) -> None:
    """That this process is who it was told to be."""
    wanted = world_size if world_size >= 0 else int(os.environ.get("WORLD_SIZE", comm.size))
    if wanted != comm.size:
        found = f"MPI started {comm.size} processes" if launched() else "this process was started alone"
        raise DistNetworkError(
            f"init_process_group: world_size is {wanted}, but {found}; start with mpiexec -n {wanted} rushlight run "
            f"SCRIPT, or with rushlight launch --nproc {wanted} SCRIPT"
        )
    wanted = rank if rank >= 0 else int(os.environ.get("RANK", comm.rank))
    if wanted != comm.rank:
        raise DistNetworkError(f"init_process_group: rank is {wanted}, but MPI gave this process rank {comm.rank}")


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Forgets a group, or the default group and with it all."""
    if GroupMember.WORLD is None:
        raise ArgumentError(_NO_GROUP)
    if group is None or group is GroupMember.WORLD:
        GroupMember.WORLD = None


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
) -> Any:
    """A group of some of the processes. All processes must call it, with the same ranks.

    Args:
        ranks: of its members; all by default.
        use_local_synchronization: only the members call it.

    Returns:
        The ProcessGroup, or `GroupMember.NON_GROUP_MEMBER` in processes that are not in it.
    """
    world = resolve(None)
    members = list(range(world.size())) if ranks is None else sorted(int(r) for r in ranks)
    if len(set(members)) != len(members) or not all(0 <= r < world.size() for r in members):
        raise ArgumentError(f"new_group: ranks {ranks} must be different ones of 0 to {world.size() - 1}")
    comm = world.channel.comm
    if not use_local_synchronization:
        world.channel.agree("new_group", str(members))
    if world.rank() not in members:
        return GroupMember.NON_GROUP_MEMBER
    part = comm.Create_group(comm.group.Incl(members))
    seconds = timeout or timedelta(seconds=world.channel.timeout)
    return ProcessGroup(part, members, seconds, _checked_backend(backend or world.backend))


def resolve(group: Any) -> ProcessGroup:
    """The group meant: the default one for None.

    Raises:
        ValueError: there is no default group, or this process is not in the group.
    """
    found = GroupMember.WORLD if group is None else group
    if found is None:
        raise ArgumentError(_NO_GROUP)
    if not isinstance(found, ProcessGroup):
        raise ArgumentError(f"Invalid process group specified, got {found!r}")
    return found


def position(group: ProcessGroup, rank: int | None, group_rank: int | None, name: str) -> int:
    """A rank in the group, from one among all (`rank`) or in the group (`group_rank`)."""
    if (rank is None) == (group_rank is None):
        raise ArgumentError(f"{name}: give the rank, either among all processes or in the group")
    if group_rank is not None:
        if not 0 <= group_rank < group.size():
            raise ArgumentError(f"{name}: group rank {group_rank} is outside the group's 0 to {group.size() - 1}")
        return group_rank
    if rank not in group.ranks:
        raise ArgumentError(f"{name}: Global rank {rank} is not part of group {group}")
    return group.ranks.index(rank)


# ------------------------------------------------------------------------------------------------------ who is who


def is_available() -> bool:
    """Whether several processes can compute together: whether mpi4py is installed."""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


is_mpi_available = is_gloo_available = is_available


def is_nccl_available() -> bool:
    """False: there are no GPUs."""
    return False


is_ucc_available = is_xccl_available = is_nccl_available


def is_torchelastic_launched() -> bool:
    """False: `rushlight launch` starts the processes by mpiexec."""
    return False


def is_backend_available(backend: str) -> bool:
    """Whether `init_process_group` takes it."""
    return backend.lower() in ("mpi", "gloo") and is_available()


def get_default_backend_for_device(device: Any) -> str:
    """The backend that PyTorch uses for tensors on a device: "gloo" (which is MPI here) for the CPU, "nccl" for CUDA.

    Raises:
        ValueError: there is none for the device.
    """
    kind = str(device).partition(":")[0]
    if kind not in _BACKENDS:
        raise ArgumentError(f"Default backend not registered for device : {kind}")
    return _BACKENDS[kind]


def is_initialized() -> bool:
    """Whether there is a default group."""
    return GroupMember.WORLD is not None


def get_backend(group: Any = None) -> str:
    """The backend's name."""
    return resolve(group).backend


def get_rank(group: Any = None) -> int:
    """This process's rank in the group; -1 if it is not in it."""
    return -1 if group is GroupMember.NON_GROUP_MEMBER else resolve(group).rank()


def get_world_size(group: Any = None) -> int:
    """How many processes are in the group; -1 if this one is not in it."""
    return -1 if group is GroupMember.NON_GROUP_MEMBER else resolve(group).size()


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's rank among those of its machine."""
    place = launched()
    if place is not None:
        return place.local_rank
    if "LOCAL_RANK" in os.environ or fallback_rank is not None:
        return int(os.environ.get("LOCAL_RANK", fallback_rank))  # type: ignore[arg-type]
    raise DistNetworkError("get_node_local_rank: LOCAL_RANK is not in the environment; pass fallback_rank")


def get_process_group_ranks(group: Any) -> list[int]:
    """The ranks among all processes of the group's members, in its order."""
    return list(resolve(group).ranks)


def get_group_rank(group: Any, global_rank: int) -> int:
    """The rank in the group of the process with that rank among all."""
    return position(resolve(group), global_rank, None, "get_group_rank")


def get_global_rank(group: Any, group_rank: int) -> int:
    """The rank among all processes of the group's member."""
    found = resolve(group)
    return found.ranks[position(found, None, group_rank, "get_global_rank")]
