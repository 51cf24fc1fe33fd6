"""The process manager of ranks that started by themselves: a program that rank 0 starts, of the standard library alone.

    python manager.py DESCRIPTOR SIZE       listens on that socket for SIZE ranks

Each rank (rendezvous.py) opens two connections. One it hands to its MPI library, which asks here for what it must know
of the others, by MPICH's PMI-1 protocol: lines of `key=value` words, with a table into which all put and from which all
get, and a barrier. Over the other it says who and where it is, and hears when all have come, or that another rank
failed: that connection closes with the process, however it ends.

Source: Balaji et al. (2010), "PMI: A Scalable Parallel Process-Management Interface for Extreme-Scale Systems".
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby

NAME = f"rushlight_{socket.gethostname()}_{os.getpid()}_{time.time_ns()}"  # of the table: MPICH's shared files go by it


def words(line: str) -> dict[str, str]:
    """The `key=value` words of a line. The last one's value may have spaces, if its key is "why"."""
    line, mark, why = line.partition(" why=")
    found = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return {**found, "why": why} if mark else found


class Connection:
    """A socket that carries lines."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rank: int | None = None
        self.guards = False  # whether its end is the end of all: a rank's own connection, until that rank leaves
        self.rest = b""

    def say(self, line: str) -> None:
        """Sends a line; to one who is gone it goes nowhere."""
        with suppress(OSError):
            self.sock.sendall(line.encode() + b"\n")

    def lines(self) -> Iterator[str]:
        """What has come; ends with "cmd=gone" if the other end closed."""
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            data = b""
        *whole, self.rest = (self.rest + data).split(b"\n")
        yield from (line.decode() for line in whole)
        if not data:
            yield "cmd=gone"


def node_map(hosts: Sequence[str]) -> str:
    """Which ranks share a machine, as MPICH reads it: blocks (machine, 1, ranks in a row)."""
    numbers = {host: k for k, host in enumerate(dict.fromkeys(hosts))}
    blocks = [(numbers[host], len(list(run))) for host, run in groupby(hosts)]
    return "(vector," + ",".join(f"({node},1,{count})" for node, count in blocks) + ")"


class Manager:
    """Serves `size` ranks until they have left."""

    def __init__(self, listener: socket.socket, size: int) -> None:
        self.listener, self.size = listener, size
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ)
        self.ranks: dict[int, Connection] = {}
        self.hosts: dict[int, str] = {}
        self.libraries: list[Connection] = []
        self.begun = False
        self.over: str | None = None  # why all must end
        self.table: dict[str, str] = {}
        self.at_barrier: list[Connection] = []

    def run(self) -> None:
        """Until rank 0 has come and all connections are closed, MPI's too: it says goodbye when its process exits."""
        while not self.begun or len(self.selector.get_map()) > 1:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    sock = self.listener.accept()[0]
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(sock, selectors.EVENT_READ, Connection(sock))
                else:
                    for line in key.data.lines():
                        self.answer(key.data, words(line))

    def answer(self, who: Connection, said: dict[str, str]) -> None:
        """One line: of a rank's, of its MPI library's, or "cmd=gone"."""
        getattr(self, "on_" + said.get("cmd", ""), self.on_unknown)(who, said)

    # ------------------------------------------------------------------------------------------------ of the ranks

    def on_join(self, who: Connection, said: dict[str, str]) -> None:
        rank, size = int(said["rank"]), int(said["size"])
        self.begun |= rank == 0
        if self.over:
            return self.end(self.over, who)
        if size != self.size:
            return self.end(f"rank 0 waits for world_size {self.size}, but rank {rank} for {size}", who)
        if rank in self.ranks:
            return self.end(f"two processes say that they are rank {rank}", who)
        who.rank, who.guards = rank, True
        self.ranks[rank], self.hosts[rank] = who, said["host"]
        if len(self.ranks) == size:
            hosts = [self.hosts[r] for r in range(size)]
            self.table["PMI_process_mapping"] = node_map(hosts)
            for r, host in enumerate(hosts):
                self.ranks[r].say(f"cmd=start local_size={hosts.count(host)}")

    def on_leave(self, who: Connection, said: dict[str, str]) -> None:
        who.guards = False

    def on_failed(self, who: Connection, said: dict[str, str]) -> None:
        self.end(f"rank {who.rank} of {self.size} {said['why']}", who)

    def on_gone(self, who: Connection, said: dict[str, str]) -> None:
        self.selector.unregister(who.sock)
        who.sock.close()
        if who.guards:
            self.end(f"rank {who.rank} of {self.size} ended before the others", who)

    def end(self, why: str, culprit: Connection) -> None:
        """Tells all; those who come later are told too."""
        self.over = self.over or why
        for one in {*self.ranks.values(), culprit}:
            one.say(f"cmd=end culprit={culprit.rank} why={self.over}")
        for one in self.libraries:  # some may wait for others as they start
            with suppress(OSError):
                one.sock.shutdown(socket.SHUT_RDWR)

    # --------------------------------------------------------------------------------------- of their MPI libraries

    def on_serve(self, who: Connection, said: dict[str, str]) -> None:
        who.rank = int(said["rank"])
        self.libraries.append(who)

    def on_init(self, who: Connection, said: dict[str, str]) -> None:
        who.say("cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1")

    def on_get_maxes(self, who: Connection, said: dict[str, str]) -> None:
        who.say("cmd=maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024")

    def on_get_appnum(self, who: Connection, said: dict[str, str]) -> None:
        who.say("cmd=appnum rc=0 appnum=0")

    def on_get_universe_size(self, who: Connection, said: dict[str, str]) -> None:
        who.say(f"cmd=universe_size rc=0 size={self.size}")

    def on_get_my_kvsname(self, who: Connection, said: dict[str, str]) -> None:
        who.say(f"cmd=my_kvsname rc=0 kvsname={NAME}")

    def on_put(self, who: Connection, said: dict[str, str]) -> None:
        self.table[said["key"]] = said["value"]
        who.say("cmd=put_result rc=0")

    def on_get(self, who: Connection, said: dict[str, str]) -> None:
        value = self.table.get(said["key"])
        who.say("cmd=get_result rc=-1 msg=not_found" if value is None else f"cmd=get_result rc=0 value={value}")

    def on_barrier_in(self, who: Connection, said: dict[str, str]) -> None:
        self.at_barrier.append(who)
        if len(self.at_barrier) == self.size:
            for one in self.at_barrier:
                one.say("cmd=barrier_out rc=0")
            self.at_barrier.clear()

    def on_finalize(self, who: Connection, said: dict[str, str]) -> None:
        who.say("cmd=finalize_ack rc=0")

    def on_abort(self, who: Connection, said: dict[str, str]) -> None:
        self.end(f"rank {who.rank} of {self.size} aborted", who)

    def on_unknown(self, who: Connection, said: dict[str, str]) -> None:
        who.say(f"cmd={said.get('cmd')} rc=-1 msg=not_supported")


if __name__ == "__main__":
    Manager(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])).run()
