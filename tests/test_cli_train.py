"""`rushlight train`, `report`, `summary` and `bench`: what they do, their exit codes, and messages for what is
wrong."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

import rushlight
from rushlight import nn
from rushlight.cli import bench, main, train
from rushlight.train import History, resume

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot read TOML")

CONFIG = """
seed = 3
[data]
path = "table.csv"
batch_size = 16
[model]
layers = [["Linear", 2, 8], ["Tanh"], ["Dropout", {p = 0.1}], ["Linear", 8, 1]]
[loss]
name = "MSELoss"
[optimizer]
name = "Adam"
lr = 0.02
[schedule]
name = "OneCycleLR"
max_lr = 0.05
[train]
epochs = 4
metrics = ["mae", "r2"]
ema = 0.5
clip_norm = 1.0
checkpoint_steps = 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A table of two columns and a third that depends on them."""
    monkeypatch.chdir(tmp_path)
    source = np.random.default_rng(0)
    a, b = source.standard_normal((2, 80))
    rows = [f"{x},{100 + y},{2 * x - y}" for x, y in zip(a, b)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,y", *rows]))
    (tmp_path / "c.toml").write_text(CONFIG)
    return tmp_path


def test_a_training_from_a_file(folder, capsys):
    assert main(["train", "c.toml"]) == 0
    out = capsys.readouterr().out
    assert "epoch 4/4" in out and "val_r2" in out and "stopped     at" not in out and "report" in out
    history = History.load("run/history.json")
    assert history["loss"][-1] < history["loss"][0] and len(history.losses) == 16
    assert {"config.toml", "last.safetensors", "best.safetensors", "log.csv", "report.html"} <= {
        path.name for path in (folder / "run").iterdir()
    }


def weights(path):
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
    resume(path, model)
    return [p.tolist() for p in model.parameters()]


def test_it_goes_on_bit_for_bit(folder, monkeypatch):
    monkeypatch.setattr(train, "_drawn", lambda recipe: None)  # which takes time
    fixed = CONFIG.replace("max_lr = 0.05", "max_lr = 0.05\ntotal_steps = 16")
    (folder / "c.toml").write_text(fixed)
    assert main(["train", "c.toml", "--out", "whole"]) == 0
    (folder / "c.toml").write_text(fixed.replace("epochs = 4", "steps = 7"))
    assert main(["train", "c.toml", "--out", "parts"]) == 0
    (folder / "c.toml").write_text(fixed)
    assert main(["train", "c.toml", "--out", "parts", "--resume"]) == 0
    assert weights("whole/last.safetensors") == weights("parts/last.safetensors")
    assert History.load("whole/history.json").losses == History.load("parts/history.json").losses


def test_classes_from_arrays(folder, monkeypatch):
    monkeypatch.setattr(train, "_drawn", lambda recipe: None)
    source = np.random.default_rng(0)
    x = source.standard_normal((60, 1, 4, 4)).astype(np.float32)
    np.savez(folder / "d.npz", x=x, label=(x.mean((1, 2, 3)) > 0))
    text = CONFIG.replace('path = "table.csv"', 'path = "d.npz"\ntarget = "label"')
    text = text.replace("MSELoss", "CrossEntropyLoss").replace('["mae", "r2"]', '["accuracy", "confusion"]')
    text = text.replace('["Linear", 2, 8]', '"Flatten", ["Linear", 16, 8]').replace("8, 1]]", "8, 2]]")
    (folder / "c.toml").write_text(text)
    assert main(["train", "c.toml"]) == 0
    assert len(History.load("run/history.json").epochs[-1]["val_confusion"]) == 2


WRONG = {
    "[optimizer] is missing": ('[optimizer]\nname = "Adam"\nlr = 0.02', ""),
    "[train] epoch: no such key; there are epochs": ("epochs = 4", "epoch = 4"),
    "[optimizer] name = 'Adan': no such class in rushlight.optim": ('"Adam"', '"Adan"'),
    "[optimizer] Adam: Invalid learning rate: -1": ("lr = 0.02", "lr = -1"),
    "[model] layers[0] name = 'Linea'": ('"Linear", 2', '"Linea", 2'),
    "[loss] name = 'Linear2'": ("MSELoss", "Linear2"),
    "[data] target = 'z': table.csv has the columns a, b, y": ("batch_size", 'target = "z"\nbatch_size'),
    "[data] path = 'table.txt': expected a .csv or .npz file": ("table.csv", "table.txt"),
    "[data] other.csv: No such file": ("table.csv", "other.csv"),
    "[data] validation = 2": ("batch_size", "validation = 2\nbatch_size"),
    "[data] batch_size = 0": ("batch_size = 16", "batch_size = 0"),
    "[data] batch_size = True: expected a whole number of at least 1": ("batch_size = 16", "batch_size = true"),
    "[data] name = 'mnist': expected \"digits\"": ('path = "table.csv"', 'name = "mnist"'),
    "[train] epochs = -3: expected a whole number of at least 1": ("epochs = 4", "epochs = -3"),
    "[train] epochs = '4': expected a whole": ("epochs = 4", 'epochs = "4"'),
    "[train] until_loss = '1': expected a number": ("epochs = 4", 'until_loss = "1"'),
    "[train] ema = 2: expected a number from 0 to 1": ("ema = 0.5", "ema = 2"),
    "[train] metrics = 'mae': expected a list of texts": ('["mae", "r2"]', '"mae"'),
    "seed = -1: expected a whole number from 0": ("seed = 3", "seed = -1"),
    "is out of bounds": ("MSELoss", "CrossEntropyLoss"),
    "[train] metrics: 'mean' is none of accuracy": ('"mae"', '"mean"'),
    "[train] ": ("clip_norm = 1.0", 'accumulate = 0'),
    "[schedule] ": ('name = "OneCycleLR"\nmax_lr = 0.05', 'name = "StepLR"\nstep_size = 1\neach = "day"'),
    "does not end in (3,)": ('"Linear", 2', '"Linear", 3'),
    "c.toml: ": ("seed = 3", "seed = "),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_with_a_file_is_told(folder, capsys, message):
    before, after = WRONG[message]
    assert before in CONFIG
    (folder / "c.toml").write_text(CONFIG.replace(before, after))
    assert main(["train", "c.toml"]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and error.startswith("rushlight: ")


def test_other_user_errors(folder, capsys):
    assert main(["train", "none.toml"]) == 2
    assert main(["report", "nowhere"]) == 2
    assert main(["summary", "c.toml:f"]) == 2
    assert main(["summary", "math:sqrt", "--input", "1"]) == 2
    (folder / "table.csv").write_text("a,y\n1,x\n")
    assert main(["train", "c.toml"]) == 2
    error = capsys.readouterr().err
    assert "none.toml: No such file" in error and "every cell below the header must be a number" in error
    assert "Traceback" not in error


FILES = {
    "empty.csv": (b"", "expected a header and, below it, rows of as many cells"),
    "head.csv": (b"a,y\n", "expected a header and, below it"),
    "ragged.csv": (b"a,b,y\n1,2,3\n1,2\n", "expected a header and, below it"),
    "one.csv": (b"a,y\n1,2\n", "expected two samples or more, and a target for each; has 1 and 1"),
    "latin.csv": (b"a,y\n1,\xff\n", "cannot be read: 'utf-8' codec"),
    "text.npz": (b"junk", "cannot be read"),
    "empty.npz": (b"", "cannot be read"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_data(folder, capsys, name):
    content, told = FILES[name]
    (folder / name).write_bytes(content)
    (folder / "c.toml").write_text(CONFIG.replace("table.csv", name))
    assert main(["train", "c.toml"]) == 2
    error = capsys.readouterr().err
    assert f"[data] {name}: {told}" in error and error.count("\n") == 1


def test_a_program_of_ones_own_has_its_traceback(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    source = """
from rushlight import nn
class Wrong(nn.Linear):
    def __init__(self):
        super().__init__(2, 1)
    def forward(self, x):
        raise ValueError("a mistake of mine")
"""
    (folder / "wrongmodel.py").write_text(source)
    layers = CONFIG.splitlines()[6]
    (folder / "c.toml").write_text(CONFIG.replace(layers, 'make = "wrongmodel:Wrong"'))
    with pytest.raises(ValueError, match="a mistake of mine"):
        main(["train", "c.toml"])


def test_reports_that_cannot_be(folder, capsys):
    (folder / "history.json").write_text('{"losses": 3}')
    assert main(["report", "."]) == 2
    History(losses=[1.0]).save(folder / "history.json")
    assert main(["report", ".", "--out", "none/report.html"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert (
        "must be lists" in told[0] and told[1] == "rushlight: [Errno 2] No such file or directory: 'none/report.html'"
    )


def test_a_loss_that_is_not_finite_is_a_failure(folder):
    plain = CONFIG.replace('[schedule]\nname = "OneCycleLR"\nmax_lr = 0.05\n', "").replace("clip_norm = 1.0", "")
    (folder / "c.toml").write_text(plain.replace('"Adam"\nlr = 0.02', '"SGD"\nlr = 1e30'))
    with pytest.warns(UserWarning, match="fit stopped") as caught:
        assert main(["train", "c.toml"]) == 1
    told = [w for w in caught if w.category is UserWarning]  # NumPy may tell of the overflow too
    assert len(told) == 1


def test_summaries(folder, capsys):
    assert main(["summary", "c.toml"]) == 0
    assert re.search(r"0 \(Linear\) +\(1, 8\) +24", capsys.readouterr().out)
    source = "from rushlight import nn\ndef make():\n    return nn.Linear(3, 2)\nready = nn.ReLU()"
    (folder / "mymodels.py").write_text(source)
    assert main(["summary", "mymodels:make", "--input", "4,3"]) == 0
    assert main(["summary", "mymodels:ready", "--input", "4,3"]) == 0
    assert "(4, 2)" in capsys.readouterr().out
    assert main(["summary", "mymodels:make", "--input", "4,5"]) == 2
    assert main(["summary", "mymodels:make"]) == 2
    assert "--input is missing" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["summary", "c.toml", "--input", "a"])
    assert stop.value.code == 2


def test_a_report(capsys):
    pytest.importorskip("matplotlib")
    main(["train", "c.toml"])
    assert main(["report", "run", "--out", "page.html"]) == 0
    assert capsys.readouterr().out.endswith("page.html\n")


def test_a_bench(capsys, monkeypatch):
    x = rushlight.ones(3)
    monkeypatch.setattr(bench, "cases", lambda: [("a sum", 10**6, x.sum), ("another", 0, x.exp)])
    assert main(["bench", "--seconds", "0.01"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"a sum +[\d.]+ ms +[\d.]+ GFLOP/s", out) and re.search(r"another +[\d.]+ ms\n", out)


def test_what_a_bench_measures():
    for _, _, call in bench.cases():
        call()
