"""Checkpoints: what goes in comes out, damage is noticed, the one before is used, and what was there stays."""

from __future__ import annotations

import errno
import os
import random
from collections import Counter, OrderedDict

import numpy as np
import pytest

import rushlight
from rushlight import nn, optim, train
from rushlight.train import checkpoint, tree

CONTENT = {
    "numbers": [1, 2.5, float("inf"), 1e-300, 2**70, True, None, "text", np.float64(0.1), np.int64(3)],
    "tuple": (1, (2, [rushlight.arange(3)])),
    0: {"$odd": 1, 1.5: "key"},
    "0": rushlight.tensor(2.0),
    "empty": [{}, [], (), rushlight.zeros(0, 3)],
    "counter": Counter({3: 2}),
    "ordered": OrderedDict(a=np.arange(4).reshape(2, 2), b=rushlight.ones(2).bfloat16()),
}


def plain(value):
    if isinstance(value, rushlight.Tensor):
        return "tensor", str(value.dtype), value.float().numpy().tolist()
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return type(value) if isinstance(value, Counter) else dict, [(k, plain(v)) for k, v in value.items()]
    return (type(value), [plain(v) for v in value]) if isinstance(value, (list, tuple)) else value


def test_any_nest_comes_back(tmp_path):
    checkpoint.write(tmp_path / "file", CONTENT)
    assert plain(checkpoint.read(tmp_path / "file")) == plain(CONTENT)


def test_what_cannot_be_held_is_named(tmp_path):
    with pytest.raises(TypeError, match="save: a.1 is a object"):
        checkpoint.write(tmp_path / "file", {"a": [0, object()]})
    assert not list(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="'x' is missing"):
        tree.join({"$tensor": "x"}, {})
    with pytest.raises(RuntimeError, match=r"unknown kind '\$new'"):
        tree.join({"$new": 1}, {})


def test_any_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "file"
    checkpoint.write(path, {"weight": rushlight.ones(3), "step": 7})
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises(RuntimeError, match="checkpoint|damaged"):
            print(place, checkpoint.read(path))
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(RuntimeError):
            checkpoint.read(path)


def test_the_last_ones_are_kept_and_a_damaged_one_is_passed_over(tmp_path):
    path = tmp_path / "run" / "last.safetensors"
    for number in range(5):
        checkpoint.write_keeping(path, number, keep=3)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "last.1.safetensors", "last.2.safetensors", "last.safetensors",
    ]  # fmt: skip
    assert [checkpoint.read(checkpoint.older(path, n)) for n in range(3)] == [4, 3, 2]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"last.safetensors' is .* Using the one before it, .*last.1.safetensors"):
        assert checkpoint.read_newest(path) == 3
    path.unlink()
    checkpoint.older(path, 1).unlink()
    assert checkpoint.read_newest(tmp_path / "none") is None
    for n in (0, 1):
        checkpoint.older(path, n).write_text("nonsense")
    checkpoint.older(path, 2).unlink()
    with pytest.raises(RuntimeError, match="last.safetensors.*last.1.safetensors"):
        checkpoint.read_newest(path)


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    path = tmp_path / "last.safetensors"
    checkpoint.write_keeping(path, 1)
    for name in (".last.safetensors.new.a8s7", "last.safetensors.new", ".other.safetensors.new.a8s7"):
        (tmp_path / name).write_text("half")
    checkpoint.write_keeping(path, 2)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"last.safetensors", "last.1.safetensors", ".other.safetensors.new.a8s7"}


@pytest.mark.parametrize("name", ["fsync", "replace", "link"])
def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch, name):
    path = tmp_path / "last.safetensors"
    checkpoint.write_keeping(path, 1)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, name, full)
    if name == "link":  # a file system without links
        checkpoint.write_keeping(path, 2)
        assert (checkpoint.read(path), checkpoint.read(checkpoint.older(path, 1))) == (2, 1)
        return
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write_keeping(path, 2)
    assert checkpoint.read_newest(path) == 1
    assert all(p.name.startswith("last") and not p.name.endswith("new") for p in tmp_path.iterdir())


def parts():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    return model, optimizer, optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])


def step(model, optimizer, scheduler):
    optimizer.zero_grad()
    loss = model(rushlight.randn(5, 3) + random.random() + np.random.rand()).square().sum()
    loss.backward()
    optimizer.step()
    scheduler.step()
    return loss.item()


def test_save_and_resume_go_on_bit_for_bit(tmp_path):
    path = tmp_path / "last.safetensors"
    whole = parts()
    step(*whole)
    train.save(path, *whole, step=1, note=("a", None))
    expected = [step(*whole) for _ in range(3)]
    other = parts()
    assert train.resume(path, *other) == {"step": 1, "note": ("a", None)}
    assert [step(*other) for _ in range(3)] == expected


def test_resume_says_what_does_not_fit(tmp_path):
    path = tmp_path / "last.safetensors"
    assert train.resume(path, *parts()) is None
    train.save(path, model=parts()[0], rng=False, step=3)
    with pytest.raises(ValueError, match="holds no 'optimizer'; it has step"):
        train.resume(path, *parts())
    with pytest.raises(TypeError, match="step is a int, which has no load_state_dict"):
        train.resume(path, step=3)
    before = random.getstate()
    train.resume(path)
    assert random.getstate() == before


def test_the_file_is_one_that_others_read(tmp_path):
    from safetensors.numpy import load_file

    train.save(tmp_path / "a.safetensors", parts()[0])
    assert load_file(tmp_path / "a.safetensors")["model.0.weight"].shape == (4, 3)
