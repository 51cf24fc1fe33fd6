"""LiveCurve: the loss curve while a training goes on, in a terminal or notebook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .. import plots
from ..callback import Callback
from .progress import in_notebook

if TYPE_CHECKING:
    from ..run import Run


class LiveCurve(Callback):
    """Draws the loss of every batch so far after each epoch: with characters in a terminal (over the last drawing), by
    matplotlib in a notebook.

    Args:
        width, height: of the drawing, in characters.

    Raises:
        ImportError: on the first drawing in a notebook, matplotlib is not installed.
    """

    order = 96
    first_rank_only = True

    def __init__(self, width: int = 72, height: int = 12) -> None:
        self.width, self.height = width, height
        self.drawn = False
        self.display: Any = None

    def on_epoch_end(self, run: Run) -> None:
        if in_notebook():
            self._show(plots.curves(run.history))
        else:
            self._print(plots.text_curve(run.history.losses, self.width, self.height))

    def _show(self, figure: Any) -> None:
        if self.display is None:
            from IPython.display import display  # of the kernel that this runs in

            self.display = display(figure, display_id=True)
        else:
            self.display.update(figure)

    def _print(self, drawing: str) -> None:
        over = self.drawn and sys.stdout.isatty()
        up = f"\x1b[{drawing.count(chr(10)) + 2}A\x1b[J" if over else ""  # the drawing, and the line of Progress above
        print(f"{up}{drawing}", flush=True)
        self.drawn = True
