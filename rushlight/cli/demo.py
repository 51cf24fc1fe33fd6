"""Trains a small convolutional network on handwritten digits, from scratch.

It learns from 8,500 images that come with Rushlight, is measured on 1,500 others, is saved as a safetensors file, read
back into a new network that must predict the same, and drawn: the loss curve and some of its predictions. It stops when
the mean training loss of an epoch falls to the threshold, or at the epoch limit. Ctrl-C stops it with what it has.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

import rushlight
import rushlight.nn.functional as F
from rushlight import Tensor, nn, optim
from rushlight.cli import picture
from rushlight.cli.arguments import percentage, positive_number, seed_number, threshold, whole_number
from rushlight.cli.interruption import Interruption
from rushlight.cli.outcome import FAILED, INTERRUPTED, OK, UsageError
from rushlight.cli.score import History, Meter
from rushlight.data import Digits
from rushlight.kernels.native import isa, native
from rushlight.serialization import load_safetensors, save_safetensors
from rushlight.utils.data import DataLoader

SUMMARY = "train a small network on handwritten digits, in seconds"


def block(channels: int, out_channels: int, kernel_size: int) -> list[nn.Module]:
    """Convolution, normalization, ReLU, and half the height and width."""
    return [
        nn.Conv2d(channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]


def digit_net() -> nn.Sequential:
    """Three convolutions find strokes, how they join, and what they form; a linear layer tells the ten digits apart."""
    return nn.Sequential(
        *block(1, 16, 5),  # (N, 1, 28, 28) -> (N, 16, 14, 14)
        *block(16, 32, 5),  # -> (N, 32, 7, 7)
        *block(32, 64, 3),  # -> (N, 64, 3, 3)
        nn.Flatten(),  # -> (N, 576)
        nn.Dropout(0.25),
        nn.Linear(576, 10),
    )


def train_epoch(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: optim.Optimizer,
    schedule: optim.lr_scheduler.LRScheduler,
    meter: Meter,
) -> None:
    """One pass over the data: the five lines that train any network, then the next learning rate and the score."""
    model.train()
    for images, labels in batches:
        scores = model(images)
        loss = F.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        schedule.step()
        meter.add(loss.item(), scores, labels)


def predict(model: nn.Module, images: Tensor, batch_size: int = 500) -> Tensor:
    """Scores (N, 10) of images (N, 1, 28, 28); the largest of a row is the digit."""
    model.eval()
    with rushlight.no_grad():
        return rushlight.cat([model(batch) for batch in images.split(batch_size)])


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Percent of the rows whose largest score is the label's."""
    return 100 * (scores.argmax(1) == labels).float().mean().item()


def progress_bar(batches: Iterable[Any], title: str) -> Any:
    """A bar that is there while it moves, and only in a terminal (`disable=None`)."""
    columns, lines = shutil.get_terminal_size()  # 80 x 24 where the terminal does not tell; tqdm would show nothing
    form = "{desc} {bar} {n_fmt}/{total_fmt}{postfix}"
    return tqdm(batches, title, leave=False, disable=None, ncols=columns, nrows=lines, bar_format=form)


def shown(bar: Any, meter: Meter) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of a progress bar that also shows the score."""
    for batch in bar:
        yield batch
        bar.set_postfix_str(str(meter), refresh=False)


def enough(loss: float, until_loss: float) -> str:
    """Why to stop after an epoch of this mean loss; empty to go on."""
    if not math.isfinite(loss):
        return f"the loss is {loss}: try a smaller --lr"
    if loss <= until_loss:
        return f"at the loss threshold, {until_loss:g}"
    return ""


def train(model: nn.Module, digits: Digits, held_out: Digits, options: argparse.Namespace) -> History:
    """Trains epoch by epoch until the loss threshold, the epoch limit, Ctrl-C, or a loss that is not finite."""
    history = History(stopped=f"at the epoch limit, {options.epochs}")
    loader: DataLoader[Any] = DataLoader(digits, batch_size=options.batch_size, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=options.lr)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.epochs * len(loader))
    with Interruption() as interruption:
        for epoch in range(1, options.epochs + 1):
            start = time.perf_counter()
            meter = Meter(history)
            title = f"epoch {epoch}/{options.epochs}"
            with progress_bar(loader, title) as bar:
                train_epoch(model, interruption.until_pressed(shown(bar, meter)), optimizer, schedule, meter)
            if interruption.pressed:
                history.stopped = f"interrupted in epoch {epoch}, after {len(history.losses)} batches"
                history.interrupted = True
                break
            history.end_epoch(meter)
            correct = accuracy(predict(model, held_out.data), held_out.targets)
            seconds = time.perf_counter() - start
            print(f"{title}  {meter}  held out {correct:5.2f} %  {seconds:.1f} s", flush=True)
            if reason := enough(meter.loss, options.until_loss):
                history.stopped = reason
                break
    return history


def reload(path: Path) -> nn.Module:
    """A new network with the weights of the checkpoint."""
    model = digit_net()
    model.load_state_dict(load_safetensors(path))
    return model


def draw(path: Path, history: History, held_out: Digits, scores: Tensor) -> None:
    """Writes the picture, or says what it takes."""
    try:
        picture.draw(path, history, held_out.data.numpy(), held_out.targets.numpy(), scores.argmax(1).numpy())
        print(f"picture     {path}")
    except ImportError:
        print("picture     none: that takes matplotlib (pip install matplotlib)")


def worker() -> str:
    """Who does the arithmetic."""
    if native is None:
        return "without native kernels, so slowly (`rushlight info` tells more)"
    return f"on {rushlight.get_num_threads()} threads with native kernels for {isa}"


def output_folder(path: Path) -> Path:
    """The folder, made if it is not there; refused before any training if nothing can be written to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise UsageError(f"--out {path}: no permission to write there")
    return path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `rushlight demo` takes."""
    add = parser.add_argument
    add("--epochs", type=whole_number, default=8, help="at most so many passes over the data (default: %(default)s)")
    add(
        "--until-loss",
        type=threshold,
        default=0.005,
        metavar="LOSS",
        help="stop after an epoch of at most this mean loss (default: %(default)s)",
    )
    add(
        "--goal",
        type=percentage,
        default=98.0,
        metavar="PERCENT",
        help="accuracy on held-out digits below which the exit code is 1 (default: %(default)g)",
    )
    add(
        "--seed",
        type=seed_number,
        default=0,
        help="of the weights, the order of the data and dropout (default: %(default)s)",
    )
    add("--batch-size", type=whole_number, default=64, metavar="N", help="images per step (default: %(default)s)")
    add("--lr", type=positive_number, default=0.01, help="highest learning rate (default: %(default)s)")
    add(
        "--threads",
        type=whole_number,
        metavar="N",
        help="of the native kernels (default: the cores this process may use)",
    )
    add(
        "--out",
        type=Path,
        default=Path("rushlight-demo"),
        metavar="DIR",
        help="folder for checkpoint and picture (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    folder = output_folder(options.out)
    if options.threads is not None:
        rushlight.set_num_threads(options.threads)
    rushlight.manual_seed(options.seed)
    digits, held_out = Digits(train=True), Digits(train=False)
    model = digit_net()
    weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{weights:,} weights learn from {len(digits):,} digits, {worker()}", flush=True)

    start = time.perf_counter()
    history = train(model, digits, held_out, options)
    print(f"stopped     {history.stopped} ({time.perf_counter() - start:.1f} s)")
    if history.losses and not math.isfinite(history.losses[-1]):
        return FAILED
    return report(model, history, held_out, folder, options.goal)


def report(model: nn.Module, history: History, held_out: Digits, folder: Path, goal: float) -> int:
    """Measures, saves, verifies and draws what was learnt; returns the exit code."""
    scores = predict(model, held_out.data)
    correct = accuracy(scores, held_out.targets)
    print(f"held out    {correct:.2f} % of {len(held_out):,} digits right")
    checkpoint = folder / "model.safetensors"
    save_safetensors(model.state_dict(), checkpoint)
    same = rushlight.equal(predict(reload(checkpoint), held_out.data), scores)
    print(f"checkpoint  {checkpoint}: read back, it predicts {'the same' if same else 'OTHERWISE'}")
    draw(folder / "demo.png", history, held_out, scores)
    if history.interrupted:
        return INTERRUPTED
    if correct < goal:
        print(f"the goal, {goal:g} %, is missed")
    return OK if same and correct >= goal else FAILED
