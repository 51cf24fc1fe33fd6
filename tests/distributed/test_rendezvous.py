"""Ranks that no mpiexec started: they meet at an address, compute together, and end when one of them fails."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import rushlight
import rushlight.distributed as dist
from rushlight.distributed.manager import node_map, words

pytest.importorskip("mpi4py")
HERE = Path(__file__).parent
PATHS = os.pathsep.join([str(Path(rushlight.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])


def free_port() -> str:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return str(sock.getsockname()[1])


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PATHS, **environment},
    )  # fmt: skip


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and complaints of each."""
    try:
        told = [p.communicate(timeout=60) for p in processes]
    finally:
        for p in processes:
            p.kill()
    return [(p.returncode, *words) for p, words in zip(processes, told)]


def ranks(size: int, *names: str, **environment: str) -> list[tuple[int, str, str]]:
    port = free_port()
    return ended(
        [
            start(
                sys.executable, str(HERE / "ranks.py"), *names,
                RANK=str(r), WORLD_SIZE=str(size), MASTER_ADDR="localhost", MASTER_PORT=port, **environment,
            )
            for r in reversed(range(size))  # rank 0, whom all others look for, comes last
        ]
    )[::-1]  # fmt: skip


def test_processes_that_know_only_an_address() -> None:
    for r, (code, out, err) in enumerate(ranks(3, "collectives", "training")):
        assert code == 0, err
        assert f"collectives: rank {r} ok" in out and f"training: rank {r} ok" in out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("failing", "rank 1 of 2 failed with ValueError"),
        ("killed", "rank 1 of 2 ended before the others"),
        ("aborting", "rank 1 of 2 aborted"),
    ],
)
def test_the_failure_of_one_ends_all(name: str, told: str) -> None:
    done = ranks(2, name)
    assert all(code != 0 and "ok" not in out for code, out, _ in done)
    assert told in done[0][2] + done[1][2]


SCRIPT = """
import os, sys, torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel as DDP

def demo(rank, world_size, port):
    os.environ['MASTER_ADDR'] = 'localhost'
    os.environ['MASTER_PORT'] = port
    dist.init_process_group("gloo", rank=rank, world_size=world_size)
    if rank == 1 and sys.argv[2] == "fail":
        raise ValueError("a mistake of this rank's")
    model = DDP(torch.nn.Linear(3, 1))
    model(torch.full((2, 3), float(rank))).mean().backward()
    assert model.module.weight.grad.tolist() == [[0.5] * 3], model.module.weight.grad
    dist.destroy_process_group()

if __name__ == "__main__":
    if sys.argv[3] == "spawn":
        mp.spawn(demo, args=(2, sys.argv[1]), nprocs=2, join=True)
    else:
        processes = [mp.get_context("fork").Process(target=demo, args=(r, 2, sys.argv[1])) for r in range(2)]
        for p in processes: p.start()
        for p in processes: p.join()
        sys.exit(max(p.exitcode for p in processes))
    sys.stdout.write("all done")
"""


@pytest.mark.parametrize("way", ["spawn", "fork"])
def test_programs_that_start_their_ranks(way: str, tmp_path: Path) -> None:
    """As PyTorch's tutorials do it: by `multiprocessing.spawn`, and by a Process each."""
    script = tmp_path / "demo.py"
    script.write_text(SCRIPT)
    run = [sys.executable, "-m", "rushlight", "run", str(script)]
    good, bad = ended([start(*run, free_port(), "work", way), start(*run, free_port(), "fail", way)])
    assert good[0] == 0, good[2]
    assert bad[0] == 1 and "ValueError: a mistake of this rank's" in bad[2] and "all done" not in bad[1]


def test_a_command_on_each_machine(tmp_path: Path) -> None:
    """`rushlight launch --nnodes`, as torchrun has it; a rank that fails before all have met ends those beside it."""
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(
        "import os, sys, torch.distributed as dist\n"
        "dist.init_process_group('gloo')\n"
        "found = [None] * dist.get_world_size()\n"
        "dist.all_gather_object(found, int(os.environ['LOCAL_RANK']))\n"
        "assert found == [0, 1, 0, 1] and dist.get_node_local_rank() == found[dist.get_rank()], found\n"
        "sys.stdout.write(f'met {dist.get_rank()}\\n')\n"  # in one piece: others write too
    )
    bad.write_text("import os, sys, time\nsys.exit(7) if os.environ['RANK'] == '3' else time.sleep(60)\n")
    launch = [sys.executable, "-m", "rushlight", "launch", "--nproc-per-node", "2", "--nnodes", "2", "--node-rank"]
    port = free_port()
    done = ended([start(*launch, str(k), "--master-port", port, str(good)) for k in range(2)])
    assert all(code == 0 for code, *_ in done), done
    assert {line for _, out, _ in done for line in out.splitlines()} == {f"met {r}" for r in range(4)}
    assert ended([start(*launch, "1", str(bad)), start(*launch, "2", str(good))])[0][0] == 7


def alone(code: str, **environment: str) -> subprocess.Popen[str]:
    text = f"import rushlight.distributed as dist; from datetime import timedelta; dist.init_process_group({code})"
    return start(sys.executable, "-c", text, **environment)


def test_what_goes_wrong_before_all_have_come() -> None:
    port = [f"'gloo', 'tcp://127.0.0.1:{free_port()}'" for _ in range(4)]
    soon = "timeout=timedelta(seconds=1)"
    lonely = alone(f"{port[0]}, rank=0, world_size=2, {soon}")
    lost = alone(f"{port[1]}, rank=1, world_size=2, {soon}")
    twins = [alone(f"{port[2]}, rank=0, world_size=3"), alone(f"{port[2]}, rank=1, world_size=3")]
    twins.append(alone(f"{port[2]}, rank=1, world_size=3"))
    unequal = [alone(f"{port[3]}, rank=0, world_size=2"), alone(f"{port[3]}, rank=1, world_size=3")]
    done = ended([lonely, lost, *twins, *unequal])
    assert all(code == 1 for code, *_ in done)
    errors = [err for _, _, err in done]
    assert "not all of 2 ranks came within 1 s" in errors[0]
    assert "rank 1 cannot reach rank 0 at 127.0.0.1:" in errors[1]
    assert all("two processes say that they are rank 1" in err for err in errors[2:5])
    assert all("rank 0 waits for world_size 2, but rank 1 for 3" in err for err in errors[5:])


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(*args: Any, **kwargs: Any) -> None:
        dist.init_process_group("gloo", *args, timeout=timedelta(seconds=1), **kwargs)

    with pytest.raises(ValueError, match="RANK expected, but not set"):
        init(world_size=2)
    with pytest.raises(ValueError, match="rank parameter missing"):
        init("tcp://127.0.0.1:1", world_size=2)
    with pytest.raises(ValueError, match="MASTER_ADDR expected, but not set"):
        init(world_size=2, rank=0)
    with pytest.raises(ValueError, match="rank 2 is outside 0 to 1"):
        init("tcp://127.0.0.1:1", world_size=2, rank=2)
    with pytest.raises(NotImplementedError, match=r"file:///tmp/x' is not env:// or tcp"):
        init("file:///tmp/x", world_size=2, rank=0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.delitem(sys.modules, "mpi4py.MPI", raising=False)
        with pytest.raises(RuntimeError, match=r"cannot listen on 127.0.0.1:\d+: .*in use"):
            init(f"tcp://127.0.0.1:{taken.getsockname()[1]}", world_size=2, rank=0)


def test_what_the_manager_reads_and_tells() -> None:
    assert words("cmd=put key=a value=1=2") == {"cmd": "put", "key": "a", "value": "1=2"}
    assert words("cmd=end why=it is=so") == {"cmd": "end", "why": "it is=so"}
    assert node_map(["a", "a", "b", "a"]) == "(vector,(0,1,2),(1,1,1),(0,1,1))"


def test_the_managers_word_ends_a_rank_whose_mpi_holds_the_interpreter() -> None:
    program = """
import ctypes, socket, sys
from rushlight.distributed.manager import Connection
from rushlight.distributed.rendezvous import Member

line, manager = socket.socketpair()
member = Member.__new__(Member)
member.line = Connection(line)
with member._ended_by_signal():
    pass
manager.sendall(b"later, the thread that watches hears it\\n")
with member._ended_by_signal():
    print("waits", flush=True)
    manager.sendall(b"cmd=end\\n")
    ctypes.PyDLL(None).sleep(20)
print("waited in vain")
"""
    ((code, out, err),) = ended([start(sys.executable, "-c", program)])
    assert (code, out) == (-signal.SIGIO, "waits\n"), err
    assert "in <module>" in err


@pytest.fixture
def hosts() -> Iterator[list[list[str]]]:
    """Two hosts with names, addresses and networks of their own: for each, the words that run a command there."""
    if not hasattr(os, "geteuid") or os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("needs root, ip and unshare")
    names = [f"rl{os.getpid()}{side}" for side in "ab"]
    made = [
        *(f"netns add {name}" for name in names),
        f"link add up{names[0]} netns {names[0]} type veth peer name up{names[1]} netns {names[1]}",
        *(f"-n {name} addr add 10.77.0.{k}/24 dev up{name}" for k, name in enumerate(names, 1)),
        *(f"-n {name} link set {link} up" for name in names for link in ("lo", f"up{name}")),
    ]
    try:
        if any(subprocess.run(["ip", *command.split()], capture_output=True).returncode for command in made):
            pytest.skip("this machine makes no network namespaces")
        named = 'hostname $0; exec "$@"'
        up = "until grep -q up /sys/class/net/up$0/operstate; do sleep 0.05; done"  # before, MPI does not see it
        for name in names:
            subprocess.run(["ip", "netns", "exec", name, "sh", "-c", up, name], check=True, timeout=10)
        yield [["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", named, name] for name in names]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def on_hosts(hosts: list[list[str]], *names: str, devices: list[str]) -> list[tuple[int, str, str]]:
    """Two ranks on each. These hosts share a kernel, so MPI would find a way around the network if it were not told
    which to use, and take the loopback of one for that of the other."""
    return ended(
        [
            start(
                *hosts[r // 2], sys.executable, str(HERE / "ranks.py"), *names,
                RANK=str(r), WORLD_SIZE="4", MASTER_ADDR="10.77.0.1", MASTER_PORT="29500",
                UCX_TLS="tcp,self", UCX_NET_DEVICES=devices[r // 2],
            )
            for r in range(4)
        ]
    )  # fmt: skip


def test_two_hosts(hosts: list[list[str]]) -> None:
    """What passes between the hosts passes through their network."""
    heard = "import sys; print(open('/proc/net/dev').read().split('uprl')[1].split()[1])"
    done = on_hosts(hosts, "collectives", "training", "bulk", devices=[f"up{host[3]}" for host in hosts])
    for r, (code, out, err) in enumerate(done):
        assert code == 0, err
        assert f"training: rank {r} ok" in out
    for host in hosts:
        ((_, received, _),) = ended([start(*host, sys.executable, "-c", heard)])
        assert int(received) > 1 << 20  # the bytes of `bulk`


def test_a_host_that_the_others_cannot_reach_ends_all(hosts: list[list[str]]) -> None:
    done = on_hosts(hosts, "collectives", devices=[f"up{hosts[0][3]}", "lo"])
    assert all(code != 0 for code, *_ in done)
    assert any("Destination is unreachable" in err for *_, err in done)
