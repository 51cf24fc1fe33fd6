"""What a benchmark is: a name, a function that makes the call to be timed, and how much work that call is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """`make(torch)` prepares data under the library given and returns the call. `flops` and `bytes` are those of one
    call: multiplications and additions, and memory read and written if every array is touched once."""

    name: str
    make: Callable[[Any], Call]
    flops: float = 0.0
    bytes: float = 0.0


def forward(
    name: str, function: Callable[..., Any], *shapes: tuple[int, ...], flops: float = 0, bytes: float = 0
) -> Case:
    """`function(torch, *tensors)` on normal tensors of these shapes, without gradients."""

    def make(torch: Any) -> Call:
        tensors = [torch.randn(*shape) for shape in shapes]

        def call() -> Any:
            with torch.no_grad():
                return function(torch, *tensors)

        return call

    return Case(name, make, flops, bytes)


def both_ways(
    name: str, function: Callable[..., Any], *shapes: tuple[int, ...], flops: float = 0, bytes: float = 0
) -> Case:
    """`function(torch, *tensors)`, and the gradients of all tensors."""

    def make(torch: Any) -> Call:
        tensors = [torch.randn(*shape).requires_grad_() for shape in shapes]
        with torch.no_grad():
            grad = torch.ones_like(function(torch, *tensors))

        def call() -> Any:
            for tensor in tensors:
                tensor.grad = None
            function(torch, *tensors).backward(grad)

        return call

    return Case(f"{name}, both ways", make, flops, bytes)


def pair(
    name: str, function: Callable[..., Any], *shapes: tuple[int, ...], flops: float = 0, bytes: float = 0
) -> list[Case]:
    """Forward alone, and forward with backward, which is about three times the arithmetic and traffic."""
    return [
        forward(name, function, *shapes, flops=flops, bytes=bytes),
        both_ways(name, function, *shapes, flops=3 * flops, bytes=3 * bytes),
    ]
