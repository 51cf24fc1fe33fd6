"""Feeds damaged and hostile checkpoints to `load`, which has to give a value or one of its own errors.

    python tools/fuzz_load.py --files 1000000 --seed 0

Half of the files are changed as bytes (bits flipped, parts cut out, doubled, exchanged). In the other half the pickle
inside is changed, at the level of bytes or of whole operations, and put back into an archive whose checksums are right,
so that it reaches the machine that reads it. Every array of a value is read from end to end. Python tells about each
file opened, module imported, process started or code compiled (`sys.addaudithook`), and that ends the run; so does an
exception that is none of `load`'s, or memory beyond a bound. With a native build under AddressSanitizer
(docs/native.md) reads beyond a block end it too.
"""

from __future__ import annotations

import argparse
import io
import pickle
import pickletools
import random
import resource
import sys
import time
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import rushlight
from rushlight.serialization import load, save

ALLOWED = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, NotImplementedError)
FORBIDDEN = ("open", "import", "exec", "compile", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "pickle.find")
GIGABYTES = 4

HOSTILE_NAMES = [
    *(("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr")),
    *(("subprocess", "Popen"), ("torch", "load"), ("torch._utils", "_rebuild_tensor_v2"), ("torch", "FloatStorage")),
    *(("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "_reconstruct")),
    *(("collections", "OrderedDict"), ("collections", "Counter"), ("collections", "defaultdict")),
    *(("builtins", "bytearray"), ("builtins", "set"), ("_codecs", "encode"), ("torch", "Size"), ("torch", "device")),
    *(("torch.storage", "UntypedStorage"), ("torch._utils", "_rebuild_parameter"), ("numpy", "ndarray")),
    ("torch._tensor", "_rebuild_from_type_v2"),
]


# ----------------------------------------------------------------------------------------------------- what is changed


def values() -> Iterator[Any]:
    """What people save."""
    net = rushlight.nn.Sequential(rushlight.nn.Linear(3, 2), rushlight.nn.BatchNorm1d(2))
    optimizer = rushlight.optim.Adam(net.parameters())
    net(rushlight.ones(4, 3)).sum().backward()
    optimizer.step()
    x = rushlight.arange(12.0).reshape(3, 4)
    yield {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.25}
    yield [x, x.t(), x[1:, ::2], rushlight.nn.Parameter(x), x.to(rushlight.bfloat16), rushlight.empty(0, 3), x > 3]
    yield {"n": np.arange(6).reshape(2, 3), "s": np.float64(2), "z": 1j, "c": Counter("aab"), "d": defaultdict(list)}
    yield OrderedDict(a=(1, None, True, 2**70, b"bytes", "text", {1, 2}), s=x.shape, k=rushlight.float16, d=x.device)


def archive(data: bytes, blocks: dict[str, bytes]) -> bytes:
    """A checkpoint with this pickle and these storages, and right checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in {"data.pkl": data, "byteorder": b"little", "version": b"3\n", **blocks}.items():
            made.writestr(f"x/{name}", content)
    return file.getvalue()


def legacy(data: bytes, blocks: dict[str, bytes]) -> bytes:
    """The format of before PyTorch 1.6 with this pickle; its storages are cut short or missing."""
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    keys = [name.removeprefix("data/") for name in blocks]
    return head + data + pickle.dumps(keys, 2) + b"".join(len(b).to_bytes(8, "little") + b for b in blocks.values())


def seeds() -> list[tuple[bytes, bytes, dict[str, bytes]]]:
    """Whole files, and their pickles and storages."""
    found = []
    for value in values():
        for protocol in (2, 4):
            file = io.BytesIO()
            save(value, file, pickle_protocol=protocol)
            with zipfile.ZipFile(file) as made:
                entries = {name.partition("/")[2]: made.read(name) for name in made.namelist()}
            blocks = {name: content for name, content in entries.items() if name.startswith("data/")}
            found.append((file.getvalue(), entries["data.pkl"], blocks))
    return found


# ---------------------------------------------------------------------------------------------------------- changes


def change_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Some bytes set, bits flipped, a part cut out, doubled, or taken from another file."""
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(new) + 1), rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            del new[at : at + length]
        elif kind == 1:
            new[at:at] = new[at : at + length]
        elif kind == 2:
            begin = rng.randrange(len(other))
            new[at : at + length] = other[begin : begin + length]
        elif kind == 3:
            new[at : at + length] = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * length
        elif at < len(new):
            new[at] = rng.randrange(256) if kind == 4 else new[at] ^ 1 << rng.randrange(8)
    return bytes(new[: rng.randrange(len(new) + 1)]) if rng.random() < 0.02 else bytes(new)


def operations(data: bytes) -> list[bytes]:
    """A pickle cut into its operations."""
    begins = [begin for _, _, begin in pickletools.genops(data)]
    return [data[a:b] for a, b in zip(begins, [*begins[1:], len(data)])]  # type: ignore[misc]


def change_operations(parts: list[bytes], others: list[bytes], rng: random.Random) -> bytes:
    """Some operations left out, doubled, exchanged, taken from another pickle, or names put in."""
    new = list(parts)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at, kind = rng.randrange(len(new)), rng.randrange(6)
        if kind == 0:
            del new[at]
        elif kind == 1:
            new.insert(at, new[at])
        elif kind == 2:
            other = rng.randrange(len(new))
            new[at], new[other] = new[other], new[at]
        elif kind == 3:
            new[at] = rng.choice(others)
        elif kind == 4:
            begin = rng.randrange(len(others))
            new[at:at] = others[begin : begin + rng.randrange(1, 12)]
        else:
            module, name = rng.choice(HOSTILE_NAMES)
            new[at] = pickle.GLOBAL + f"{module}\n{name}\n".encode()
        if not new:
            return b"."
    return b"".join(new)


class Mutator:
    """Makes files."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seeds = seeds()
        self.parts = [operations(data) for _, data, _ in self.seeds]
        self.pool = [part for parts in self.parts for part in parts]

    def __call__(self) -> bytes:
        rng = self.rng
        index = rng.randrange(len(self.seeds))
        file, data, blocks = self.seeds[index]
        if rng.random() < 0.5:
            return change_bytes(file, rng.choice(self.seeds)[0], rng)
        if rng.random() < 0.4:
            data = change_bytes(data, rng.choice(self.seeds)[1], rng)
        else:
            data = change_operations(self.parts[index], self.pool, rng)
        return (archive if rng.random() < 0.8 else legacy)(data, blocks)


# ------------------------------------------------------------------------------------------------------------ the run


class Watch:
    """Ends the run when, between `begin` and `end`, Python does what no file may make it do."""

    def __init__(self) -> None:
        self.on = False
        sys.addaudithook(self.hear)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN):
            self.on = False
            raise SystemExit(f"load did what it must not: {event} {args!r}")


def read_through(value: Any, depth: int = 0) -> None:
    """Reads every element of every array in it."""
    if isinstance(value, rushlight.Tensor):
        value._array.tobytes() if value._array.size < 10**6 else value._array.sum()
    elif isinstance(value, np.ndarray):
        value.tobytes()
    elif depth < 50 and isinstance(value, dict):
        for each in value.values():
            read_through(each, depth + 1)
    elif depth < 50 and isinstance(value, (list, tuple)):
        for each in value:
            read_through(each, depth + 1)


def attempt(data: bytes, watch: Watch) -> str:
    """What came of one file."""
    watch.on = True
    try:
        read_through(load(io.BytesIO(data)))
        return "a value"
    except ALLOWED as error:
        return type(error).__name__
    finally:
        watch.on = False


def run(files: int, make: Callable[[], bytes], watch: Watch) -> Counter[str]:
    """Tries so many files; the last one tried is kept if it ends the run."""
    seen: Counter[str] = Counter()
    for _ in range(files):
        data = make()
        try:
            seen[attempt(data, watch)] += 1
        except BaseException:
            with open("fuzz_load.failed.pt", "wb") as file:
                file.write(data)
            raise
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many to try")
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    parser.add_argument("--no-memory-bound", action="store_true", help="AddressSanitizer reserves terabytes")
    options = parser.parse_args()
    if not options.no_memory_bound:
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
    make, watch = Mutator(options.seed), Watch()
    for whole, _, _ in make.seeds:
        assert attempt(whole, watch) == "a value"  # also imports what load imports late
    begin = time.perf_counter()
    seen = run(options.files, make, watch)
    print(f"{options.files} files in {time.perf_counter() - begin:.0f} s: {dict(seen.most_common())}")


if __name__ == "__main__":
    main()
