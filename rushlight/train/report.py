"""report: one HTML page of a training, with its curves, that needs nothing else: no scripts, no other files."""

from __future__ import annotations

import base64
import html
import io
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import ArgumentError
from ..serialization.atomic import write_atomically
from ..version import __version__
from . import plots
from .history import History, better

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.quiet { color: #666; } svg, img { max-width: 100%; height: auto; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; } .confusion { max-width: 32rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; } th:first-child { text-align: left; }
.facts td { text-align: left; } tr.best td { background: #e8f3ea; }
.wide { overflow-x: auto; } pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .85rem; }
"""


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head><body>{body}</body></html>
"""


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return html.escape(str(value))


def _table(rows: list[list[Any]], best: int | None = None) -> str:
    """Rows as a table whose first is the heading; the row with this number is marked."""
    head = "".join(f"<th>{_text(cell)}</th>" for cell in rows[0])
    lines = []
    for number, row in enumerate(rows[1:]):
        mark = ' class="best"' if number == best else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _facts(history: History) -> str:
    rows = history.epochs
    seconds = sum(row.get("seconds", 0) for row in rows)
    facts = {
        "Stopped": history.stopped or "it goes on, or was killed",
        "Epochs": len(rows),
        "Batches": len(history.losses),
    }
    facts["Time"] = f"{seconds:.1f} s"
    for name in _figures(history):
        best = history.best(name)
        facts[f"Best {name}"] = f"{best[name]:.4g} in epoch {best['epoch']}"
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="facts">{cells}</table>'


def _figures(history: History) -> list[str]:
    """Names of the figures that are single numbers and can be better or worse."""
    return [
        name
        for name in history.names()
        if name not in plots.HIDDEN and all(isinstance(value, (int, float)) for value in history[name])
    ]


def _svg(figure: Any, title: str) -> str:
    """A matplotlib figure as SVG, to stand in a page."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "rushlight"}):  # the same page for the same training
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    drawing = text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1)
    return f"<figure>{drawing}</figure>"


def _curves(history: History) -> str:
    """A drawing for each figure, beside or below one another as the window allows."""
    draw = {name: partial(plots.draw_panel, history=history, name=name) for name in plots.panels(history)}
    if len(set(history.rates)) > 1:
        draw["learning rate"] = partial(plots.draw_rates, history=history)
    drawn = []
    for name, into in draw.items():
        figure = plots.figure(6, 4)
        into(figure.subplots())
        drawn.append(_svg(figure, name))
    return f'<div class="curves">{"".join(drawn)}</div>'


def _epochs(history: History) -> str:
    names = ["epoch", *_figures(history), "lr", "steps", "seconds"]
    names = [name for name in names if name in history.names()]
    rows = [[row.get(name, "") for name in names] for row in history.epochs]
    judge = "val_loss" if "val_loss" in names else "loss"
    best = history.best(judge, better(judge))
    caption = f"<p class='quiet'>Marked: the epoch with the best {html.escape(judge)}.</p>"
    return _table([names, *rows], history.epochs.index(best)) + caption


def _confusion(history: History) -> Iterator[str]:
    for name in ("val_confusion", "confusion"):
        last = history.epochs[-1].get(name) if history.epochs else None
        if isinstance(last, list):
            yield f"<h2>Confusion, last epoch ({'validation' if name.startswith('val') else 'training'})</h2>"
            yield f'<div class="confusion">{_svg(plots.confusion_matrix(last), "confusion matrix")}</div>'
            return


def _files(folder: Path) -> Iterator[str]:
    """What else lies in the folder: the model, the configuration, pictures."""
    for name, title in (("model.txt", "Model"), ("config.toml", "Configuration")):
        if (folder / name).exists():
            yield f"<h2>{title}</h2><pre>{html.escape((folder / name).read_text(encoding='utf-8'))}</pre>"
    for picture in sorted(folder.glob("*.png")):
        data = base64.b64encode(picture.read_bytes()).decode()
        name = html.escape(picture.stem)
        yield f'<h2>{name}</h2><img src="data:image/png;base64,{data}" alt="{name}">'


def page(folder: str | os.PathLike[str]) -> str:
    """The page of a training, as text.

    Args:
        folder: where `callbacks.Record` kept it: history.json, and if they are there model.txt, config.toml, *.png.

    Raises:
        ValueError: no history is there. ImportError: matplotlib is not installed.
    """
    folder = Path(folder)
    path = folder / "history.json"
    if not path.exists():
        raise ArgumentError(f"report: {os.fspath(path)!r} is not there; callbacks.Record(folder) writes it")
    history = History.load(path)
    title = html.escape(folder.resolve().name)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
    parts = [f"<h1>{title}</h1><p class='quiet'>Trained with Rushlight {__version__}, {when}</p>", _facts(history)]
    if history.epochs:
        parts += ["<h2>Curves</h2>", _curves(history), "<h2>Epochs</h2>", _epochs(history)]
    parts += [*_confusion(history), *_files(folder)]
    return PAGE.format(title=title, style=STYLE, body="".join(parts))


def report(folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Writes the page of a training, FOLDER/report.html if no other place is given, and returns where it is.

    Raises:
        ValueError: no history is there. ImportError: matplotlib is not installed. OSError: it cannot be written.
    """
    path = Path(out) if out is not None else Path(folder) / "report.html"
    text = page(folder)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path
