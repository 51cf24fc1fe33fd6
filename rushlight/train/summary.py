"""summary: a model layer by layer, with shapes, parameters, FLOPs and memory, as one forward pass shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import rushlight
from rushlight import nn

from ..autograd.watch import watching
from ..errors import DTypeError
from ..profiler.flops import flops
from ..utils.data.random_state import kept
from .run import evaluating

TITLES = ("Layer", "Output shape", "Parameters", "FLOPs", "Memory")


@dataclass
class Layer:
    """A module as the pass met it.

    Attributes:
        path: its name in the model, "" for the model itself.
        kind: its class.
        depth: how many modules it is within.
        output: shapes of what it gave, empty if it was not called.
        parameters: how many numbers its own parameters hold, those of modules within it too.
        flops: of the forward, with all within it.
        memory: bytes of what it gave.
    """

    path: str
    kind: str
    depth: int
    output: list[tuple[int, ...]] = field(default_factory=list)
    parameters: int = 0
    flops: int = 0
    memory: int = 0


@dataclass
class Summary:
    """A model, layer by layer.

    Attributes:
        layers: in the order of the model's tree.
        parameters, trainable: how many numbers, and how many of them are trained; shared ones count once.
        flops: of a forward pass.
        parameter_bytes: of parameters and buffers.
        activation_bytes: of the outputs of all innermost layers, which a training keeps for backward.
    """

    layers: list[Layer]
    parameters: int
    trainable: int
    flops: int
    parameter_bytes: int
    activation_bytes: int

    def __str__(self) -> str:
        rows = [TITLES, *(self._cells(layer) for layer in self.layers)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        texts = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
        line = "-" * len(texts[0])
        return "\n".join([texts[0], line, *texts[1:], line, *self._totals()])

    def _cells(self, layer: Layer) -> tuple[str, ...]:
        name = "  " * layer.depth + (f"{layer.path.rpartition('.')[2]} ({layer.kind})" if layer.path else layer.kind)
        shape = ", ".join(map(str, layer.output)) or "not called"
        counts = (f"{n:,}" if n else "-" for n in (layer.parameters, layer.flops))
        return name, shape, *counts, as_bytes(layer.memory) if layer.memory else "-"

    def _totals(self) -> list[str]:
        return [
            f"parameters   {self.parameters:,} ({self.trainable:,} trained), {as_bytes(self.parameter_bytes)} with "
            "buffers",
            f"FLOPs        {self.flops:,} for this input, forward",
            f"activations  {as_bytes(self.activation_bytes)}",
        ]


def as_bytes(count: float) -> str:
    """A size with its unit.

    Example:
        >>> as_bytes(100), as_bytes(2048), as_bytes(3 << 20)
        ('100 B', '2.0 KiB', '3.0 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"


def _tensors(value: Any) -> list[Any]:
    """The Tensors in a nest of containers."""
    if isinstance(value, rushlight.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _bytes(tensor: Any) -> int:
    return int(tensor.numel() * tensor.element_size())


class _Pass:
    """One forward pass, watched."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = {module: self._layer(path, module) for path, module in model.named_modules()}
        self.open: list[Layer] = []

    @staticmethod
    def _layer(path: str, module: nn.Module) -> Layer:
        depth = path.count(".") + 1 if path else 0
        return Layer(path, type(module).__name__, depth, parameters=sum(p.numel() for p in module.parameters()))

    def enter(self, module: nn.Module, args: Any) -> None:
        self.open.append(self.layers[module])

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        layer = self.open.pop()
        tensors = _tensors(output)
        layer.output = [tuple(t.shape) for t in tensors]
        layer.memory += sum(map(_bytes, tensors))

    def around(self, entry: Any, kind: str, function: Any, args: tuple[Any, ...]) -> Any:
        out = function(entry, *args)
        count = flops(type(entry).__name__, args, out)
        for layer in self.open:
            layer.flops += count
        return out

    def run(self, model: nn.Module, args: Sequence[Any]) -> None:
        handles = []
        for module in self.layers:
            handles += [module.register_forward_pre_hook(self.enter), module.register_forward_hook(self.leave)]
        try:
            with kept(), evaluating(model), watching(self.around):
                model(*args)
        finally:
            for handle in handles:
                handle.remove()


def summary(model: nn.Module, *input: Any) -> Summary:
    """A model layer by layer: output shapes, parameters, FLOPs and memory of a forward pass on `input`.

    The pass is in eval mode and without gradients; the model, its modes and all random numbers stay as they are.

    Args:
        input: the model's arguments: Tensors; or one tuple of sizes, for which random numbers are made.

    Returns:
        A `Summary`, which prints as a table.

    Raises:
        TypeError: no input is given.

    Example:
        >>> print(summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (1, 4)))
        Layer         Output shape  Parameters  FLOPs  Memory
        -----------------------------------------------------
        Sequential          (1, 2)          58     96     8 B
          0 (Linear)        (1, 8)          40     64    32 B
          1 (ReLU)          (1, 8)           -      -    32 B
          2 (Linear)        (1, 2)          18     32     8 B
        -----------------------------------------------------
        parameters   58 (58 trained), 232 B with buffers
        FLOPs        96 for this input, forward
        activations  72 B
    """
    if not input:
        raise DTypeError("summary: no input is given: it takes one forward pass, so give Tensors or a tuple of sizes")
    if len(input) == 1 and isinstance(input[0], (tuple, list)) and all(isinstance(n, int) for n in input[0]):
        with kept():
            input = (rushlight.rand(*input[0]),)
    watched = _Pass(model)
    watched.run(model, input)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    inner = [layer for module, layer in watched.layers.items() if not list(module.children())]
    return Summary(
        list(watched.layers.values()),
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        flops=watched.layers[model].flops,
        parameter_bytes=sum(map(_bytes, [*parameters, *buffers])),
        activation_bytes=sum(layer.memory for layer in inner),
    )
