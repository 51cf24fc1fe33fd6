"""Starts a PyTorch program in several processes that compute together (torch.distributed), by MPI's own launcher.

    rushlight launch --nproc 4 train.py --epochs 3      rushlight launch --nproc 4 -m package.module --epochs 3

is `mpiexec -n 4 rushlight run train.py --epochs 3`, with the cores shared among the processes. MPI comes with
`pip install rushlight[mpi]`. The exit code is mpiexec's: not 0 if a process failed.

    rushlight launch --nnodes 2 --node-rank 0 --master-addr first --master-port 29500 --nproc 4 train.py

on each of two machines (with its own --node-rank) needs no mpiexec, and no way from one to the other but that address.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from rushlight.cli import node
from rushlight.cli.outcome import INTERRUPTED, UsageError

SUMMARY = "run a PyTorch program in several processes that compute together"
_INSTALL = "launch: computing in several processes needs MPI; install it with pip install rushlight[mpi]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many processes, where, and the program with whatever it takes."""
    parser.usage = (
        "rushlight launch [-h] [--nproc N] [--hosts A,B | --nnodes M --node-rank K] (SCRIPT | -m MODULE) [ARGUMENT ...]"
    )
    parser.add_argument(
        "--nproc", "--nproc-per-node", "--nproc_per_node", type=_count, default=1, metavar="N", help="processes, or cpu"
    )
    parser.add_argument("--hosts", help="machines to start them on, as mpiexec takes them")
    parser.add_argument("--standalone", action="store_true", help="one machine, as torchrun has it; is so anyway")
    for name, kind, default, text in (
        ("nnodes", int, 1, "machines, on each of which this command is given"),
        ("node-rank", int, 0, "which of them this is, from 0"),
        ("master-addr", str, "127.0.0.1", "name or address of machine 0"),
        ("master-port", int, 29500, "a free port of machine 0"),
    ):
        parser.add_argument(f"--{name}", f"--{name.replace('-', '_')}", type=kind, default=default, help=text)
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="run a module, as python -m does")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="SCRIPT", help="the program and its arguments")


def _count(text: str) -> int:
    """A number of processes; torchrun's "cpu" and "auto" mean as many as there are cores."""
    if text in ("cpu", "auto"):
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is not a number of processes")
    return count


def mpiexec() -> str:
    """The launcher of MPI: the one installed beside this Python, or that on the path.

    Raises:
        UsageError: there is none.
    """
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None or find_spec("mpi4py") is None:
        raise UsageError(_INSTALL)
    return found


def run(arguments: argparse.Namespace) -> int:
    """Starts the processes and waits for them."""
    program = ["-m", *arguments.module] if arguments.module is not None else arguments.program
    if not program or program == ["-m"]:
        raise UsageError("launch: name a script (rushlight launch --nproc 2 script.py) or a module (-m module)")
    if arguments.nnodes > 1:
        return _on_this_node(arguments, program)
    hosts = ["-host", arguments.hosts] if arguments.hosts else []
    command = [mpiexec(), *hosts, "-n", str(arguments.nproc), sys.executable, "-m", "rushlight", "run", *program]
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:  # mpiexec got it too, and ends the processes
        return INTERRUPTED


def _on_this_node(arguments: argparse.Namespace, program: list[str]) -> int:
    """This machine's part of the processes."""
    if arguments.hosts:
        raise UsageError(
            "launch: give --hosts (mpiexec starts all) or --nnodes (each machine starts its own), not both"
        )
    if not 0 <= arguments.node_rank < arguments.nnodes:
        raise UsageError(f"launch: --node-rank {arguments.node_rank} is outside 0 to {arguments.nnodes - 1}")
    if find_spec("mpi4py") is None:
        raise UsageError(_INSTALL)
    return node.run(
        program, arguments.nproc, arguments.nnodes, arguments.node_rank, arguments.master_addr, arguments.master_port
    )
