"""Checkpoints: both ways with PyTorch, safetensors, and files that are damaged or mean harm."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict, defaultdict
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight import serialization as S

torch = pytest.importorskip("torch")

DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool", "complex64", "complex128"),
]


def as_array(t: Any) -> Any:
    """The elements, whichever library's tensor it is; narrow floats as bytes."""
    if isinstance(t, torch.Tensor):
        t = t.detach()
        narrow = t.is_floating_point() and t.dtype not in (torch.float64, torch.float32, torch.float16)
        return t.reshape(-1).clone().view(torch.uint8).numpy() if narrow else t.numpy()
    narrow = t._array.dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
    return t._array.reshape(-1).view(np.uint8) if narrow else t._array


def to_torch(obj: Any, **options: Any) -> Any:
    """Saved by us, loaded by PyTorch."""
    file = io.BytesIO()
    rushlight.save(obj, file)
    file.seek(0)
    return torch.load(file, **options)


def from_torch(obj: Any, legacy: bool = False, **options: Any) -> Any:
    """Saved by PyTorch, loaded by us."""
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=not legacy)
    file.seek(0)
    return rushlight.load(file, **options)


def again(obj: Any, **options: Any) -> Any:
    file = io.BytesIO()
    rushlight.save(obj, file)
    file.seek(0)
    return rushlight.load(file, **options)


# --------------------------------------------------------------------------------------------------- both ways


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3)])
def test_dtypes_and_shapes(dtype: str, shape: tuple[int, ...]) -> None:
    theirs = (torch.arange(6)[: max(int(np.prod(shape)), 0)].reshape(shape) % 2).to(getattr(torch, dtype))
    for legacy in (False, True):
        mine = from_torch(theirs, legacy)
        assert mine.dtype.name == dtype and tuple(mine.shape) == shape
        np.testing.assert_array_equal(as_array(mine), as_array(theirs))
    back = to_torch(mine)
    assert back.dtype == theirs.dtype and back.shape == theirs.shape
    np.testing.assert_array_equal(as_array(back), as_array(theirs))
    np.testing.assert_array_equal(as_array(again(mine)), as_array(mine))


@pytest.mark.parametrize("legacy", [False, True])
def test_shared_storage_and_strides(legacy: bool) -> None:
    x = torch.arange(12.0).reshape(3, 4)
    views = {"x": x, "t": x.t(), "row": x[1], "step": x[:, ::2], "wide": x[:1].expand(3, 4), "corner": x[1:, 2:]}
    mine = from_torch(views, legacy)
    for name, view in views.items():
        np.testing.assert_array_equal(mine[name].numpy(), view.numpy(), name)
        assert mine[name].stride() == view.stride()
    mine["x"].numpy()[1, 2] = 100
    assert mine["t"].numpy()[2, 1] == mine["row"].numpy()[2] == mine["corner"].numpy()[0, 0] == 100
    back = to_torch(mine)
    for name, view in views.items():
        assert back[name].stride() == view.stride()
    back["x"][1, 2] = -1
    assert back["t"][2, 1] == back["row"][2] == back["corner"][0, 0] == -1


def test_views_of_something_larger_save_only_what_they_show() -> None:
    big = rushlight.zeros(1000, 1000)
    file = io.BytesIO()
    rushlight.save({"a": big[3, :5], "b": big[3, 2:9]}, file)
    assert len(file.getvalue()) < 3000
    file.seek(0)
    back = torch.load(file)
    back["a"][2] = 7
    assert back["b"][0] == 7


def test_containers() -> None:
    def make(lib: Any) -> Any:
        return {
            "list": [1, 2.5, "text", None, True, False, b"bytes", 1 + 2j, 10**30, -1, 70000],
            "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
            "set": {1, 2},
            "ordered": OrderedDict(b=1, a=2),
            "counter": Counter("aab"),
            "size": lib.ones(2, 3).shape,
            "dtype": lib.float16,
            "device": lib.device("cpu"),
            3: "int key",
        }

    expected = make(rushlight)
    for mine in (from_torch(make(torch)), from_torch(make(torch), legacy=True), again(make(rushlight))):
        assert mine == expected
        assert type(mine["size"]) is rushlight.Size and type(mine["ordered"]) is OrderedDict
    theirs = to_torch(make(rushlight))
    assert theirs == make(torch) and type(theirs["size"]) is torch.Size


def test_cycles_and_repetition() -> None:
    inner: list[Any] = [rushlight.ones(2)]
    inner.append(inner)
    theirs = to_torch({"a": inner, "b": inner})
    assert theirs["a"] is theirs["b"] and theirs["a"][1] is theirs["a"]


def test_parameters_and_gradients() -> None:
    mine = from_torch({"p": torch.nn.Parameter(torch.ones(2)), "leaf": torch.ones(2, requires_grad=True)})
    assert type(mine["p"]) is nn.Parameter and mine["p"].requires_grad and mine["leaf"].requires_grad
    frozen = nn.Parameter(rushlight.ones(2), requires_grad=False)
    frozen.tag = "mine"
    theirs = to_torch(
        {"p": nn.Parameter(rushlight.ones(2)), "frozen": frozen, "leaf": rushlight.ones(2, requires_grad=True)}
    )
    assert type(theirs["p"]) is torch.nn.Parameter and theirs["p"].requires_grad and theirs["leaf"].requires_grad
    assert not theirs["frozen"].requires_grad and theirs["frozen"].tag == "mine"
    assert again(frozen).tag == "mine"
    tagged = torch.ones(2)
    tagged.tag = "theirs"
    tagged.shape_ = 3
    assert from_torch(tagged).tag == "theirs"


def test_conjugates_and_negatives() -> None:
    z = torch.tensor([1 + 2j, 3 - 1j])
    np.testing.assert_array_equal(from_torch(z.conj()).numpy(), z.conj().resolve_conj().numpy())
    np.testing.assert_array_equal(from_torch(z.conj().imag).numpy(), z.conj().imag.resolve_neg().numpy())


def test_numpy_inside() -> None:
    given = {
        "array": np.arange(6.0).reshape(2, 3),
        "scalar": np.float64(2.5),
        "int": np.int32(3),
        "text": np.array(["ab"]),
    }
    for mine in (from_torch(given), from_torch({**given, "f": np.asfortranarray(given["array"])})):
        np.testing.assert_array_equal(mine["array"], given["array"])
        assert mine["scalar"] == 2.5 and type(mine["int"]) is np.int32 and mine["text"][0] == "ab"


def test_default_dict() -> None:
    made = defaultdict(list, a=[1])
    assert again(made) == made


def test_state_dict_of_a_network() -> None:
    def make(lib: Any) -> Any:
        class Net(lib.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layers = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2))

            def forward(self, x: Any) -> Any:
                return self.layers(x)

        return Net().eval()

    theirs, mine = make(torch), make(rushlight)
    mine.load_state_dict(from_torch(theirs.state_dict()))
    x = np.random.default_rng(0).standard_normal((5, 3)).astype("float32")
    np.testing.assert_allclose(
        mine(rushlight.from_numpy(x)).detach().numpy(), theirs(torch.from_numpy(x)).detach().numpy(), atol=1e-6
    )
    fresh = make(torch)
    state = to_torch(mine.state_dict())
    fresh.load_state_dict(state)
    assert state._metadata == theirs.state_dict()._metadata
    np.testing.assert_array_equal(
        fresh(torch.from_numpy(x)).detach().numpy(), theirs(torch.from_numpy(x)).detach().numpy()
    )


def test_optimizer_state() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], lr=0.1)
    weight.sum().backward()
    optimizer.step()
    mine = from_torch(optimizer.state_dict())
    twin = rushlight.optim.Adam([nn.Parameter(rushlight.ones(3))], lr=0.5)
    twin.load_state_dict(mine)
    assert twin.param_groups[0]["lr"] == 0.1
    fresh = torch.optim.Adam([torch.nn.Parameter(torch.ones(3))])
    fresh.load_state_dict(to_torch(twin.state_dict()))
    assert fresh.param_groups[0]["lr"] == 0.1


def test_whole_modules_need_trust() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    with pytest.raises(pickle.UnpicklingError, match="was not an allowed global by default"):
        from_torch(theirs)
    mine = from_torch(theirs, weights_only=False)
    assert repr(mine) == repr(theirs) and type(mine[0]) is nn.Linear
    np.testing.assert_array_equal(mine[0].weight.detach().numpy(), theirs[0].weight.detach().numpy())
    back = to_torch(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), weights_only=False)
    assert type(back[0]) is torch.nn.Linear and back(torch.ones(1, 2)).shape == (1, 3)


# ------------------------------------------------------------------------------------------------------- files


def test_paths(tmp_path: Any) -> None:
    path = tmp_path / "weights.pt"
    rushlight.save({"a": rushlight.ones(2)}, path)
    rushlight.save({"a": rushlight.ones(3)}, str(path))
    assert torch.load(path)["a"].shape == (3,) and os.listdir(tmp_path) == ["weights.pt"]
    assert zipfile.ZipFile(path).namelist()[0] == "weights/data.pkl" and zipfile.ZipFile(path).testzip() is None
    with open(path, "rb") as file:
        assert rushlight.load(file)["a"].tolist() == [1.0, 1.0, 1.0]


def test_a_failed_save_leaves_the_old_file(tmp_path: Any) -> None:
    path = tmp_path / "weights.pt"
    rushlight.save([1], path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        rushlight.save([rushlight.ones(2), lambda: 0], path)
    assert rushlight.load(path) == [1] and os.listdir(tmp_path) == ["weights.pt"]


def test_a_link_stays_a_link(tmp_path: Any) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "weights.pt"
    link.symlink_to(tmp_path / "real" / "w.pt")
    rushlight.save([1], link)
    assert link.is_symlink() and rushlight.load(tmp_path / "real" / "w.pt") == [1]


def test_storages_are_aligned(tmp_path: Any) -> None:
    path = tmp_path / "w.pt"
    rushlight.save([rushlight.ones(n) for n in range(1, 20)], path)
    source = S.archive.Archive(open(path, "rb"))
    assert all(source._start(e) % 64 == 0 for e in source.entries.values())
    assert [t.shape[0] for t in torch.load(path, mmap=True)] == list(range(1, 20))


def test_memory_mapping(tmp_path: Any) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.arange(1000.0)}, path)
    mapped = rushlight.load(path, mmap=True)["a"]
    mapped.numpy()[0] = 5
    assert mapped.numpy()[999] == 999 and torch.load(path)["a"][0] == 0
    with pytest.raises(ValueError, match="must be a file path"):
        rushlight.load(io.BytesIO(path.read_bytes()), mmap=True)


def test_from_the_middle_of_a_file() -> None:
    file = io.BytesIO(b"header")
    file.seek(6)
    inner = io.BytesIO()
    torch.save([torch.ones(2)], inner)
    file.write(inner.getvalue())
    file.seek(6)
    assert rushlight.load(file)[0].tolist() == [1.0, 1.0]


def test_without_checksums() -> None:
    torch.serialization.set_crc32_options(False)
    try:
        assert from_torch([torch.ones(2)])[0].tolist() == [1.0, 1.0]
    finally:
        torch.serialization.set_crc32_options(True)


def saved_on(location: str) -> io.BytesIO:
    """A file as a GPU would have written it."""
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    source, target = zipfile.ZipFile(file), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl"):
                data = data.replace(
                    b"X\x03\x00\x00\x00cpu", b"X" + struct.pack("<I", len(location)) + location.encode()
                )
            archive.writestr(name, data)
    target.seek(0)
    return target


def test_map_location() -> None:
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        rushlight.load(saved_on("cuda:0"))
    for place in ("cpu", rushlight.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
        assert rushlight.load(saved_on("cuda:0"), map_location=place).tolist() == [1.0, 1.0]
    seen: list[str] = []
    rushlight.load(saved_on("cuda:1"), map_location=lambda storage, location: seen.append(location) or storage)
    assert seen == ["cuda:1"]
    with pytest.raises(Exception, match="cuda"):
        rushlight.load(saved_on("cpu"), map_location="cuda")


def test_refusals(tmp_path: Any) -> None:
    for options in ({"pickle_module": object()}, {"_use_new_zipfile_serialization": False}):
        with pytest.raises(NotImplementedError):
            rushlight.save(1, io.BytesIO(), **options)
    with pytest.raises(AttributeError, match="file-like object"):
        rushlight.save(1, 3)
    with pytest.raises(AttributeError, match="seekable"):
        rushlight.load(3)
    with pytest.raises(FileNotFoundError):
        rushlight.load(tmp_path / "nothing.pt")
    with pytest.raises(EOFError):
        rushlight.load(io.BytesIO())
    with pytest.raises(RuntimeError, match="pickle_module"):
        rushlight.load(io.BytesIO(b"1234"), pickle_module=pickle, weights_only=True)


# ---------------------------------------------------------------------------------------------------- hostile files


def archive_of(data: bytes, **entries: bytes) -> io.BytesIO:
    """A checkpoint with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", data)
        archive.writestr("x/version", b"3\n")
        for name, content in entries.items():
            archive.writestr(f"x/data/{name[1:]}", content)
    file.seek(0)
    return file


class Run:
    """Pickles to a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


CALLS = {
    "system": Run(os.system, "touch harm"),
    "eval": Run(builtins.eval, "open('harm', 'w')"),
    "open": Run(builtins.open, "harm", "w"),
    "getattr": Run(builtins.getattr, "text", "upper"),
    "import": Run(builtins.__import__, "os"),
    "torch.load": Run(torch.load, "x"),
    "numpy.load": Run(np.load, "x"),
    "type": Run(type, "A", (), {}),
    "partial": Run(__import__("functools").partial, os.system, "touch harm"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_calls_are_refused(name: str, protocol: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"a": [CALLS[name]]}, protocol)
    with pytest.raises(pickle.UnpicklingError, match="was not an allowed global"):
        rushlight.load(archive_of(data))
    legacy = b"".join(pickle.dumps(v, 2) for v in (S.legacy.MAGIC_NUMBER, 1001, {})) + data
    with pytest.raises(pickle.UnpicklingError, match="was not an allowed global"):
        rushlight.load(io.BytesIO(legacy))
    assert os.listdir(tmp_path) == []


def program(*steps: Any) -> bytes:
    return pickle.PROTO + b"\x02" + b"".join(steps) + pickle.STOP


def text(value: str) -> bytes:
    return pickle.BINUNICODE + struct.pack("<I", len(value)) + value.encode()


def name_of(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def number(n: int) -> bytes:
    return pickle.BININT + struct.pack("<i", n)


STORAGE = (
    pickle.MARK
    + text("storage")
    + name_of("torch", "FloatStorage")
    + text("0")
    + text("cpu")
    + number(4)
    + pickle.TUPLE
)


def tensor_program(offset: int, size: Any, stride: Any, storage: bytes = STORAGE + pickle.BINPERSID) -> bytes:
    numbers = [pickle.MARK + b"".join(map(number, each)) + pickle.TUPLE for each in (size, stride)]
    hooks = name_of("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    args = pickle.MARK + storage + number(offset) + b"".join(numbers) + pickle.NEWFALSE + hooks + pickle.TUPLE
    return program(name_of("torch._utils", "_rebuild_tensor_v2"), args, pickle.REDUCE)


# Among them what CVE-2026-24747 was about: items set on what is no dict, and storages of another length than they say.
HOSTILE = {
    "a text is called": program(text("x"), pickle.EMPTY_TUPLE, pickle.REDUCE),
    "a dtype is called": program(name_of("torch", "float32"), pickle.EMPTY_TUPLE, pickle.REDUCE),
    "a class is called": program(name_of("torch", "Tensor"), number(5), pickle.TUPLE1, pickle.REDUCE),
    "arguments are no tuple": program(name_of("torch", "Size"), text("x"), pickle.REDUCE),
    "new object of a class": program(name_of("torch", "Tensor"), pickle.EMPTY_TUPLE, pickle.NEWOBJ),
    "state for a list": program(pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.BUILD),
    "state for a text": program(text("x"), pickle.EMPTY_DICT, pickle.BUILD),
    "items for a list": program(pickle.EMPTY_LIST, text("a"), text("b"), pickle.SETITEM),
    "items for a tensor": tensor_program(0, (4,), (1,))[:-1] + text("a") + text("b") + pickle.SETITEM + pickle.STOP,
    "appending to a dict": program(pickle.EMPTY_DICT, text("a"), pickle.APPEND),
    "appending to a function": program(name_of("torch", "Size"), text("a"), pickle.APPEND),
    "an odd number of items": program(pickle.EMPTY_DICT, pickle.MARK, text("a"), pickle.SETITEMS),
    "an empty stack": program(pickle.APPEND),
    "no mark": program(pickle.TUPLE),
    "a memo that is not there": program(pickle.BINGET, b"\x07"),
    "an unknown operation": program(b"\xff"),
    "an older operation": program(b"I1\n"),
    "protocol 0": b"\x80\x00N.",
    "a text that is too long": program(pickle.BINUNICODE, b"\xff\xff\xff\x7fab"),
    "a name that does not end": program(pickle.GLOBAL, b"a" * 5000),
    "a name with dots": program(name_of("torch", "Tensor.__init__.__globals__")),
    "storage of another kind": program(text("x"), pickle.BINPERSID),
    "storage that is missing": program(STORAGE.replace(text("0"), text("9")), pickle.BINPERSID),
    "storage outside the folder": program(STORAGE.replace(text("0"), text("../version")), pickle.BINPERSID),
    "storage of another length": program(STORAGE.replace(number(4), number(2**30)), pickle.BINPERSID),
    "storage of negative length": program(STORAGE.replace(number(4), number(-4)), pickle.BINPERSID),
    "a tensor beyond its storage": tensor_program(0, (5,), (1,)),
    "a tensor with a far offset": tensor_program(1, (4,), (1,)),
    "a tensor with a negative offset": tensor_program(-1, (2,), (1,)),
    "a tensor with a negative stride": tensor_program(3, (2,), (-1,)),
    "a tensor with a far stride": tensor_program(0, (2, 2), (2**31 - 1, 1)),
    "a tensor of negative size": tensor_program(0, (-2,), (1,)),
    "a tensor of huge size": tensor_program(0, (2**31 - 1,) * 3, (0, 0, 0)),
    "sizes and strides of different length": tensor_program(0, (2, 2), (1,)),
    "a tensor of no storage": tensor_program(0, (2,), (1,), storage=text("x")),
    "an array of objects": program(name_of("numpy", "dtype"), text("O8"), pickle.TUPLE1, pickle.REDUCE),
    **{
        f"a dtype called {code}": program(name_of("numpy", "dtype"), text(code), pickle.TUPLE1, pickle.REDUCE)
        for code in ("9", "i4,i4", "(2,)f8", "f8\n", "object")
    },
    "a defaultdict of anything": program(
        name_of("collections", "defaultdict"), text("x"), pickle.TUPLE1, pickle.REDUCE
    ),
    "a bytearray of a given length": program(
        name_of("builtins", "bytearray"), number(2**30), pickle.TUPLE1, pickle.REDUCE
    ),
    "an unknown encoding": program(name_of("_codecs", "encode"), text("x"), text("zip"), pickle.TUPLE2, pickle.REDUCE),
    "rebuilding by something else": program(
        name_of("torch._tensor", "_rebuild_from_type_v2"),
        name_of("collections", "OrderedDict") + name_of("torch", "Tensor") + pickle.EMPTY_TUPLE + pickle.EMPTY_DICT,
        b"",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name: str) -> None:
    with pytest.raises((pickle.UnpicklingError, S.CheckpointError, EOFError)):
        result = rushlight.load(archive_of(HOSTILE[name], _0=b"\0" * 16))
        if name == "rebuilding by something else":
            assert isinstance(result, dict) and not result  # nothing was called
            raise EOFError


def test_the_programs_themselves_are_right() -> None:
    assert rushlight.load(archive_of(tensor_program(0, (2, 2), (2, 1)), _0=b"\0" * 16)).shape == (2, 2)


def test_attributes_cannot_replace_methods() -> None:
    x = torch.ones(2)
    x.tolist_ = 1
    x.__dict__["numpy"] = 3
    x.__dict__["_array"] = 4
    mine = from_torch(x)
    assert mine.numpy().tolist() == [1.0, 1.0] and mine.tolist_ == 1


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_files(legacy: bool) -> None:
    """Bytes changed, cut off, and doubled: an error of our own or a right result, nothing else."""
    file = io.BytesIO()
    torch.save(
        {"a": torch.arange(6.0).reshape(2, 3).t(), "b": [torch.ones(2, dtype=torch.bfloat16), 1, "x"], "c": np.ones(2)},
        file,
        _use_new_zipfile_serialization=not legacy,
    )
    good, rng = file.getvalue(), np.random.default_rng(0)
    allowed = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, NotImplementedError)
    for _ in range(1500):
        bad = bytearray(good)
        kind = rng.integers(4)
        if kind == 0:
            bad = bad[: rng.integers(len(bad))]
        elif kind == 1:
            at = int(rng.integers(len(bad)))
            bad[at:at] = bad[at : at + int(rng.integers(64))]
        else:
            for at in rng.integers(len(bad), size=rng.integers(1, 8)):
                bad[at] = rng.integers(256)
        try:
            rushlight.load(io.BytesIO(bytes(bad)))
        except allowed:
            pass


# ----------------------------------------------------------------------------------------------- what is allowed


class Config:
    """A user's own class."""

    def __init__(self, width: int) -> None:
        self.width = width


def test_allowing_a_class(tmp_path: Any) -> None:
    path = tmp_path / "c.pt"
    rushlight.save({"config": Config(3)}, path)
    name = f"{Config.__module__}.Config"
    assert S.get_unsafe_globals_in_checkpoint(path) == [name]
    with pytest.raises(pickle.UnpicklingError, match=f"GLOBAL {name} was not an allowed global"):
        rushlight.load(path)
    with S.safe_globals([Config]):
        assert S.get_safe_globals() == [Config] and S.get_unsafe_globals_in_checkpoint(path) == []
        assert rushlight.load(path)["config"].width == 3
    with pytest.raises(pickle.UnpicklingError):
        rushlight.load(path)
    S.add_safe_globals([(Config, name)])
    assert rushlight.load(path)["config"].width == 3
    S.clear_safe_globals()
    assert S.get_safe_globals() == []
    assert rushlight.load(path, weights_only=False)["config"].width == 3


def test_listing_names_runs_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert S.get_unsafe_globals_in_checkpoint(archive_of(pickle.dumps(CALLS["system"], 2))) == [f"{os.name}.system"]
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="Expected input to be a checkpoint"):
        S.get_unsafe_globals_in_checkpoint(io.BytesIO(b"x"))


# --------------------------------------------------------------------------------------------------- safetensors


def test_safetensors(tmp_path: Any) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    kinds = [d for d in DTYPES if d != "complex128"]
    tensors = {d: (torch.arange(6).reshape(2, 3) % 2).to(getattr(torch, d)) for d in kinds if d != "complex64"}
    safetensors.save_file(tensors, tmp_path / "theirs.safetensors")
    mine = rushlight.load(tmp_path / "theirs.safetensors")
    S.save_safetensors(
        {**mine, "t": mine["float32"].t(), "empty": rushlight.zeros(0, 2)}, tmp_path / "mine.safetensors"
    )
    back = safetensors.load_file(tmp_path / "mine.safetensors")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(as_array(mine[name]), as_array(tensor))
        np.testing.assert_array_equal(as_array(back[name]), as_array(tensor))
    np.testing.assert_array_equal(back["t"].numpy(), tensors["float32"].t().numpy())
    assert back["empty"].shape == (0, 2)


def test_safetensors_refusals(tmp_path: Any) -> None:
    with pytest.raises(TypeError, match="complex128"):
        S.save_safetensors({"z": rushlight.ones(1, dtype=rushlight.complex128)}, tmp_path / "z")
    with pytest.raises(TypeError, match="not a Tensor"):
        S.save_safetensors({"z": 3}, tmp_path / "z")
    (tmp_path / "bad").write_bytes(b"\xff" * 20)
    with pytest.raises(RuntimeError, match="not a whole safetensors file"):
        S.load_safetensors(tmp_path / "bad")
    assert os.listdir(tmp_path) == ["bad"]
