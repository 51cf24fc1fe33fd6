"""Pictures: what they show, and the page of a training, also in a browser if one is there."""

from __future__ import annotations

import math
import re
import shutil
import subprocess

import pytest

import rushlight
import rushlight.nn.functional as F
from rushlight import nn, optim, train
from rushlight.train import callbacks, metrics, plots
from rushlight.train.report import page, report

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("matplotlib.image")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a small training."""
    folder = tmp_path_factory.mktemp("run <1>")
    rushlight.manual_seed(0)
    model = nn.Linear(3, 2)
    x = rushlight.randn(20, 3)
    batches = [(x, (x.sum(1) > 0).long())]
    history = train.fit(
        model, batches, F.cross_entropy, optim.SGD(model.parameters(), lr=0.5), 4, validate=batches, progress=False,
        metrics=[metrics.Accuracy(), metrics.ConfusionMatrix()], callbacks=[callbacks.Record(folder)],
    )  # fmt: skip
    return folder, history


def lines(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


def test_curves(run):
    history = run[1]
    loss, accuracy = plots.curves(history).axes
    assert lines(loss) == {
        "each batch": history.losses, "training": history["loss"], "validation": history["val_loss"],
    }  # fmt: skip
    assert loss.get_yscale() == "log" and accuracy.get_title() == "accuracy"
    assert lines(accuracy) == {"training": history["accuracy"], "validation": history["val_accuracy"]}


def test_the_learning_rate():
    axes = plots.figure(4, 3).subplots()
    plots.draw_rates(axes, train.History(rates=[0.1, 0.2, 0.05]))
    assert list(axes.get_lines()[0].get_ydata()) == [0.1, 0.2, 0.05] and axes.get_title() == "learning rate"


def test_a_curve_of_characters():
    text = plots.text_curve([1000 / (i + 1) for i in range(300)], width=40, height=8).splitlines()
    assert len(text) == 9 and text[0].startswith("    ") and text[0].endswith("|*") and text[7].rstrip().endswith("*")
    assert plots.text_curve([math.nan]) == "(no finite values)"
    assert plots.text_curve([1.0, math.inf, 1.0], 5, 3).count("*") == 2


def test_a_confusion_matrix():
    (axes,) = plots.confusion_matrix([[3, 1], [0, 2]], ["cat", "dog"]).axes
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "2"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    with pytest.raises(RuntimeError, match=r"\(2,\); expected \(C, C\)"):
        plots.confusion_matrix([1, 2])


def test_predictions():
    images = rushlight.rand(3, 1, 4, 4)
    axes = plots.predictions(images, [1, 2, 0], rushlight.tensor([1, 2, 2]), columns=2).axes
    assert [a.get_title() for a in axes] == ["1", "2", "2, is 0", ""]
    assert axes[0].get_images()[0].get_array().shape == (4, 4)
    assert plots.predictions(rushlight.rand(1, 3, 4, 4), [0], [0]).axes[0].get_images()[0].get_array().shape == (
        4,
        4,
        3,
    )


def test_histograms_and_filters():
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Linear(2, 2))
    assert [a.get_title() for a in plots.histograms(model).axes] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    model[1](rushlight.ones(1, 2)).sum().backward()
    assert [a.get_title() for a in plots.histograms(model, gradients=True).axes if a.patches] == ["1.weight", "1.bias"]
    assert len([a for a in plots.filters(model[0]).axes if a.get_images()]) == 5
    with pytest.raises(RuntimeError, match=r"\(2, 2\); expected \(O, C, kh, kw\)"):
        plots.filters(model[1])


def test_a_page_stands_by_itself(run):
    folder, history = run
    plots.curves(history).savefig(folder / "mine.png", dpi=20)
    (folder / "config.toml").write_text("a = '<b>'")
    text = report(folder).read_text()
    assert report(folder, folder / "other.html").read_text() == text == page(folder)
    assert "run &lt;1&gt;" in text and "&lt;b&gt;" in text and "<b>" not in text and "<script" not in text
    assert not re.search(r'(src|href)="(?!data:|#)', text)  # nothing is fetched
    for wanted in (
        history.stopped,
        "Confusion",
        "Linear(in_features=3",
        f"{history['accuracy'][-1]:.4g}",
        "mine",
        "best val_loss",
    ):
        assert wanted in text
    assert "learning rate" not in text  # which did not change
    history.rates[-1] /= 2
    history.save(folder / "history.json")
    assert 'aria-label="learning rate"' in page(folder)


def test_a_page_of_a_training_that_has_just_begun(tmp_path):
    train.History().save(tmp_path / "history.json")
    assert "it goes on, or was killed" in page(tmp_path)
    train.History(epochs=[{"epoch": 1, "loss": math.nan}]).save(tmp_path / "history.json")
    assert "nan" in page(tmp_path)
    with pytest.raises(ValueError, match="history.json' is not there"):
        page(tmp_path / "nowhere")


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def look(path, folder, *what):
    """Opens a page in a browser that has never been used and sees nothing but it."""
    flags = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync "
        "disable-component-update hide-scrollbars"
    )
    command = [BROWSER, *(f"--{flag}" for flag in flags.split()), f"--user-data-dir={folder}", *what, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(BROWSER is None, reason="no browser is installed")
def test_a_browser_shows_the_page(run, tmp_path):
    path = report(run[0]).resolve()
    shown = look(path, tmp_path / "one", "--dump-dom")
    assert shown.stdout.count("<svg") == 4 and "Epochs" in shown.stdout, shown.stderr
    look(path, tmp_path / "two", f"--screenshot={tmp_path / 'page.png'}", "--window-size=1000,1600")
    picture = matplotlib.image.imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[:2] == (1600, 1000)
    blue = matplotlib.colors.to_rgb(plots.STRONG)
    assert (abs(picture - blue) < 0.02).all(-1).sum() > 300, "no curves are seen"
