"""The command line: help, exit codes, messages, and the demo from start to picture, stopped in each of its ways."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import rushlight
from rushlight.cli import demo, main
from rushlight.cli.interruption import Interruption
from rushlight.data import Digits
from rushlight.version import __version__


def test_a_closed_pipe_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "rushlight", "info"], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert result.returncode == 0 and "Broken" not in result.stderr and "Traceback" not in result.stderr


@pytest.fixture
def few(monkeypatch):
    """The demo on a tenth of the digits."""

    class Few(Digits):
        def __init__(self, train=True):
            super().__init__(train)
            self.data, self.targets = self.data[: 850 if train else 150], self.targets[: 850 if train else 150]
            self.tensors = (self.data, self.targets)

    monkeypatch.setattr(demo, "Digits", Few)


def command(*args, **kwargs):
    """The command as a process of its own."""
    return subprocess.run([sys.executable, "-m", "rushlight", *args], capture_output=True, text=True, **kwargs)


def usage(capsys, *args):
    """Runs what must be refused as wrong usage; its message."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_help_and_version_as_a_process():
    top = command("--help")
    assert top.returncode == 0 and "demo" in top.stdout and "exit codes" in top.stdout
    assert command("--version").stdout == f"rushlight {__version__}\n"


@pytest.mark.parametrize("name", ["check", "demo", "info", "run"])
def test_help_of_each_command(capsys, name):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert "usage: rushlight " + name in capsys.readouterr().out


def test_wrong_usage_names_the_argument(capsys):
    assert main([]) == 2
    assert "demo" in capsys.readouterr().err  # lists what there is
    assert "nonsense" in usage(capsys, "nonsense")
    assert "--lr: expected a number above 0, not '-1'" in usage(capsys, "demo", "--lr", "-1")
    assert "--lr: expected a number, not 'nan'" in usage(capsys, "demo", "--lr", "nan")
    assert "--epochs: expected a whole number of at least 1, not '0'" in usage(capsys, "demo", "--epochs", "0")
    assert "--goal: expected a number from 0 to 100" in usage(capsys, "demo", "--goal", "101")
    assert "--seed" in usage(capsys, "demo", "--seed", "-3")
    assert "--seed" in usage(capsys, "demo", "--seed", str(2**64))
    assert "--until-loss" in usage(capsys, "demo", "--until-loss", "-0.1")
    assert "unrecognized" in usage(capsys, "demo", "--speed", "9")


def test_folder_that_cannot_be_made_is_refused_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    message = capsys.readouterr()
    assert message.err.startswith("rushlight: --out") and "epoch" not in message.out


def test_info_names_what_runs(capsys):
    assert main(["info"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["rushlight"].startswith(__version__)
    assert lines["numpy"] == np.__version__
    assert lines["threads"] == str(rushlight.get_num_threads())
    assert {"native", "allocator", "safetensors"} <= lines.keys()


def test_demo_trains_saves_and_draws(few, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["demo", "--epochs", "2", "--goal", "50", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "epoch 2/2" in out and "at the epoch limit, 2" in out and "predicts the same" in out
    assert sorted(os.listdir(tmp_path)) == ["demo.png", "model.safetensors"]  # nothing temporary is left
    assert (tmp_path / "demo.png").read_bytes()[1:4] == b"PNG"
    assert set(load_file(tmp_path / "model.safetensors")) == set(demo.digit_net().state_dict())


def test_demo_says_that_the_goal_is_missed(few, tmp_path, capsys):
    assert main(["demo", "--epochs", "1", "--goal", "100", "--out", str(tmp_path)]) == 1
    assert "the goal, 100 %, is missed" in capsys.readouterr().out


def test_demo_stops_at_the_loss_threshold(few, tmp_path, capsys):
    assert main(["demo", "--epochs", "9", "--until-loss", "100", "--goal", "0", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "at the loss threshold, 100" in out and "epoch 1/9" in out and "epoch 2/9" not in out


def test_demo_stops_at_a_loss_that_is_no_number(few, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo.F, "cross_entropy", lambda scores, labels: (scores * float("nan")).sum())
    assert main(["demo", "--epochs", "3", "--goal", "0", "--out", str(tmp_path)]) == 1
    assert "try a smaller --lr" in capsys.readouterr().out
    assert not os.listdir(tmp_path)


def test_demo_repeats_with_the_same_seed(few, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        main(["demo", "--epochs", "1", "--goal", "0", "--seed", seed, "--out", str(tmp_path / name)])
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b and a != c


def test_demo_without_matplotlib_says_what_to_install(few, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["demo", "--epochs", "1", "--goal", "0", "--out", str(tmp_path)]) == 0
    assert "pip install matplotlib" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_demo_reports_a_checkpoint_that_predicts_otherwise(few, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "reload", lambda path: demo.digit_net())
    assert main(["demo", "--epochs", "1", "--goal", "0", "--out", str(tmp_path)]) == 1
    assert "OTHERWISE" in capsys.readouterr().out


def test_threads_are_set(few, tmp_path):
    before = rushlight.get_num_threads()
    try:
        main(["demo", "--epochs", "1", "--goal", "0", "--threads", "1", "--out", str(tmp_path)])
        assert rushlight.get_num_threads() == 1
    finally:
        rushlight.set_num_threads(before)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_ends_the_demo_with_what_it_has(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "rushlight", "demo", "--epochs", "500", "--until-loss", "0", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "weights learn" in process.stdout.readline()
    time.sleep(3)  # now it is in the first epochs
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted in epoch" in out and "predicts the same" in out and "Traceback" not in err
    assert (tmp_path / "model.safetensors").exists()


@pytest.fixture
def usual_ctrl_c():
    """Python's own handler, which a process started in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_interruption_finishes_the_step_and_gives_ctrl_c_back(usual_ctrl_c):
    seen = []
    with Interruption() as interruption:
        for item in interruption.until_pressed(range(10)):
            if item == 3:
                signal.raise_signal(signal.SIGINT)
            seen.append(item)
        assert interruption.pressed and seen == [0, 1, 2, 3]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual_ctrl_c


def test_interruption_outside_the_main_thread_does_nothing():
    seen = []

    def work():
        with Interruption() as interruption:
            seen.extend(interruption.until_pressed(range(3)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0, 1, 2]


@pytest.mark.slow
def test_demo_reaches_98_percent(tmp_path):
    start = time.perf_counter()
    result = command("demo", "--out", str(tmp_path))
    print(result.stdout, f"{time.perf_counter() - start:.1f} s", sep="\n")
    assert result.returncode == 0, result.stderr


def test_versions_agree():
    project = Path(__file__).parent.parent / "pyproject.toml"
    assert f'\nversion = "{__version__}"\n' in project.read_text()
