"""Progress: shows how far a training is: a bar in a terminal or notebook, a line after each epoch elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError
from ..callback import Callback

if TYPE_CHECKING:
    from ..run import Run

STYLES = ("auto", "tqdm", "rich", "lines")
HIDDEN = ("epoch", "steps", "seconds")


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    shell = sys.modules.get("IPython")
    kernel = shell and shell.get_ipython()
    return bool(kernel) and hasattr(kernel, "kernel")


def as_text(figures: dict[str, Any]) -> str:
    """Figures in one line.

    Example:
        >>> as_text({"epoch": 1, "loss": 0.123456, "lr": 1e-3, "seconds": 0.5})
        'loss 0.1235  lr 0.001  0.5 s'
    """
    shown = [f"{name} {_number(value)}" for name, value in figures.items() if name not in HIDDEN]
    return "  ".join([*(text for text in shown if not text.endswith(" ")), f"{figures.get('seconds', 0):.1f} s"])


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else ""  # a confusion matrix is no line


def _bar_class(style: str) -> Any:
    if style == "rich":
        try:
            from tqdm.rich import tqdm
        except ImportError:
            raise ImportError("Progress(style='rich') needs rich: pip install rich") from None
        return tqdm
    from tqdm.auto import tqdm  # knows notebooks from terminals

    return tqdm


class Progress(Callback):
    """Shows how far the training is.

    Args:
        style: "auto" (a bar in terminals and notebooks, lines elsewhere), "tqdm", "rich" or "lines".

    Raises:
        ValueError: another style. ImportError: rich is not installed.
    """

    order = 95
    first_rank_only = True

    def __init__(self, style: str = "auto") -> None:
        if style not in STYLES:
            raise ArgumentError(f"Progress: style={style!r}; expected one of {', '.join(STYLES)}")
        interactive = sys.stderr.isatty() or in_notebook()
        self.style = style if style != "auto" else ("tqdm" if interactive else "lines")
        self.bar: Any = None

    def on_epoch_begin(self, run: Run) -> None:
        if self.style != "lines":
            title = self._title(run, run.epoch + 1)
            bar = _bar_class(self.style)
            self.bar = bar(total=run.length, desc=title, initial=run.batch_number, leave=False)

    def on_batch_end(self, run: Run) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(f"loss {run.loss_value:.4f}", refresh=False)
            self.bar.update()

    def on_epoch_end(self, run: Run) -> None:
        self._close()
        print(f"{self._title(run, run.epoch)}  {as_text(run.figures)}", flush=True)

    def on_fit_end(self, run: Run) -> None:
        self._close()
        if run.history.stopped:
            print(f"stopped {run.history.stopped}", flush=True)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        self.bar = None

    def _title(self, run: Run, epoch: int) -> str:
        return f"epoch {epoch}" + (f"/{run.epochs}" if run.epochs is not None else "")
