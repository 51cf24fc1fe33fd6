"""fit: the training loop, and nothing but the loop. All else happens in callbacks, at the moments that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from .callback import Callback
from .callbacks.nan_guard import NaNGuard
from .callbacks.notices import Notices
from .callbacks.progress import Progress
from .history import History
from .metrics import Metric, as_metrics
from .run import Forward, Run, Stopped
from .score import Limits, Score

if TYPE_CHECKING:
    from rushlight import Tensor, nn, optim


def _loop(run: Run) -> None:
    while True:
        run.call("on_epoch_begin")
        for batch in run.data:
            run.batch = batch
            run.call("on_batch_begin")
            run.forward()
            run.call("on_loss")
            run.backward()
            if run.updates:
                run.call("on_gradients")
                run.update()
                run.call("on_step")
            run.call("on_batch_end")
        run.call("on_epoch_end")


def fit(
    model: nn.Module,
    data: Iterable[Any],
    loss: Callable[[Any, Any], Tensor],
    optimizer: optim.Optimizer,
    epochs: int | None = None,
    *,
    steps: int | None = None,
    until_loss: float | None = None,
    validate: Iterable[Any] | None = None,
    metrics: Sequence[Metric | Callable[[Any, Any], Any]] | Mapping[str, Any] = (),
    callbacks: Iterable[Callback] = (),
    forward: Forward | None = None,
    progress: bool = True,
    nan_guard: bool = True,
    notices: bool = True,
) -> History:
    """Trains a model: forward, loss, backward, step, batch by batch, until the loss threshold or a limit is reached.

    Args:
        model: put in training mode if it is in eval mode; otherwise each module stays in its own.
        data: batches (input, ..., target), each epoch anew: a DataLoader, or a list.
        loss: function of the model's output and the target, the mean over the batch.
        optimizer: of the model's parameters.
        epochs, steps: the limits, in passes over the data and in steps of the optimizer; at least one of these and
            until_loss.
        until_loss: stop after an epoch whose mean training loss is at most this.
        validate: batches on which the model is measured after each epoch, in eval mode and without gradients.
        metrics: of `rushlight.train.metrics`, or functions of output and target, whose mean over samples is taken; by
            name, in a dict.
        callbacks: see `rushlight.train.callbacks`.
        forward: function of model and batch that gives (output, target), for batches of another form.
        progress: show how far it is: a bar in terminals and notebooks, a line after each epoch elsewhere.
        nan_guard: stop before the first step with a loss or gradient that is not finite.
        notices: warn of what looks like a mistake.

    Returns:
        The history: every figure, and in `stopped` why it ended.

    Raises:
        ValueError: no limit is given.

    Example:
        >>> x = rushlight.linspace(-1, 1, 32).reshape(-1, 1)
        >>> model = nn.Linear(1, 1)
        >>> optimizer = optim.SGD(model.parameters(), lr=0.5)
        >>> history = fit(model, [(x, 3 * x)], F.mse_loss, optimizer, epochs=100, until_loss=1e-4, progress=False)
        >>> history.stopped
        'at the loss threshold, 0.0001'
    """
    if epochs is None and steps is None and until_loss is None:
        raise ArgumentError("fit: no limit is given, so it would never end: give epochs, steps or until_loss")
    chosen = as_metrics(metrics)
    standard = [Score(chosen), Limits()]
    optional = [(nan_guard, NaNGuard), (notices, Notices), (progress, Progress)]
    given = list(callbacks)
    standard += [kind() for wanted, kind in optional if wanted and not any(isinstance(c, kind) for c in given)]
    run = Run(
        model,
        data,
        loss,
        optimizer,
        epochs=epochs,
        steps=steps,
        until_loss=until_loss,
        validate=validate,
        metrics=chosen,
        callbacks=[*standard, *given],
        forward=forward,
    )
    return _trained(run)


def _trained(run: Run) -> History:
    """Runs the loop from its first moment to its last."""
    if not run.model.training:
        run.model.train()
    run.optimizer.zero_grad()
    try:
        run.call("on_fit_begin")
        run.call("on_resume")
        _loop(run)
    except Stopped:
        pass
    finally:
        run.end()
    return run.history
