"""Callback: the moments of a training at which other code may act, in the order in which they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import Run

MOMENTS = (
    "on_fit_begin",
    "on_resume",
    "on_epoch_begin",
    "on_batch_begin",
    "on_loss",
    "on_gradients",
    "on_step",
    "on_batch_end",
    "on_epoch_end",
    "on_fit_end",
)


class Callback:
    """Base of callbacks: a subclass overrides the moments that it wants. Each is handed the `Run`, which holds all
    there is to know, and may call `run.stop(reason)`.

    Attributes:
        order: at each moment, callbacks of a smaller order come first. Those that change gradients or weights stand
            below 0, those that only look stand at 0 or above; checkpoints come at 90.
        first_rank_only: of several processes that train together, only rank 0 calls it: it writes or shows what is
            the same for all, or would be written over by the others.

    Example:
        >>> class Patience(rushlight.train.Callback):
        ...     def on_step(self, run):
        ...         if run.step == 100:
        ...             run.stop("enough")
    """

    order: int = 0
    first_rank_only: bool = False

    def on_fit_begin(self, run: Run) -> None:
        """Before anything; all is set up."""

    def on_resume(self, run: Run) -> None:
        """After that: the moment to load a saved state into everything."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first batch of an epoch, and before the next one of an epoch that is taken up."""

    def on_batch_begin(self, run: Run) -> None:
        """`run.batch` is there."""

    def on_loss(self, run: Run) -> None:
        """`run.output`, `run.target`, `run.loss` and `run.loss_value` are there."""

    def on_gradients(self, run: Run) -> None:
        """All gradients of a step are there, and nothing is changed yet."""

    def on_step(self, run: Run) -> None:
        """The optimizer has changed the weights; gradients are cleared."""

    def on_batch_end(self, run: Run) -> None:
        """After a batch, whether or not it ended in a step."""

    def on_epoch_end(self, run: Run) -> None:
        """After the last batch; `run.figures` holds the epoch's figures, validation included."""

    def on_fit_end(self, run: Run) -> None:
        """At the end, however it came about."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold of this callback: a nest of containers, Tensors, numbers, text and None."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` gave. Called after `on_fit_begin`."""
