"""`torch.utils.flop_counter`: floating-point operations of what runs in a block, by module and operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ..autograd.watch import watching
from ..errors import UnsupportedError
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..nn.module import Module
from ..profiler.flops import flops

GLOBAL = "Global"


class FlopCounterMode:
    """Counts, forward and backward, what operators that multiply matrices compute; others count nothing.

    Backward costs as much as forward for each of the two operands whose gradient is wanted.

    Args:
        mods: ignored by PyTorch, too; modules are found as they are called.
        depth: how many levels of modules the table shows.
        display: print the table at the end.
        custom_mapping: refused; what counts are Rushlight's operators.

    Raises:
        NotImplementedError: a custom_mapping.

    Example:
        >>> model = rushlight.nn.Sequential(rushlight.nn.Linear(4, 8), rushlight.nn.Linear(8, 2))
        >>> with FlopCounterMode(display=False) as counter:
        ...     _ = model(rushlight.ones(3, 4))
        >>> counter.get_total_flops(), counter.get_flop_counts()["Sequential.1"]
        (288, {'Linear': 96})
    """

    def __init__(
        self,
        mods: Module | list[Module] | None = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        if custom_mapping:
            raise UnsupportedError("FlopCounterMode: custom_mapping names PyTorch's inner operators; leave it out")
        self.depth, self.display = depth, display
        self._counts: dict[str, dict[str, int]] = {}
        self._names: dict[Module, str] = {}
        self._open: list[str] = []
        self._done: dict[Any, tuple[int, list[str]]] = {}  # entry -> FLOPs of its forward, and the modules around it

    def __enter__(self) -> FlopCounterMode:
        self._counts = {GLOBAL: defaultdict(int)}
        self._listening = ExitStack()
        self._listening.enter_context(watching(self._around))
        self._listening.enter_context(register_module_forward_pre_hook(self._enter_module))
        self._listening.enter_context(register_module_forward_hook(self._leave_module, always_call=True))
        return self

    def __exit__(self, *failure: object) -> None:
        self._listening.close()
        self._names, self._open, self._done = {}, [], {}
        if self.display:
            print(self.get_table(self.depth))

    def _enter_module(self, module: Module, args: Any) -> None:
        if module not in self._names:
            root = type(module).__name__
            for path, inner in module.named_modules():
                self._names[inner] = f"{root}.{path}" if path else root
        self._open.append(self._names[module])

    def _leave_module(self, module: Module, args: Any, output: Any) -> None:
        self._open.pop()

    def _around(self, entry: Any, kind: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        out = function(entry, *args)
        if kind == "forward":
            count = flops(type(entry).__name__, args, out)
            if count:
                self._done[entry] = count, list(self._open)
                self._add(type(entry).__name__, count, self._open)
        elif entry in self._done:
            count, modules = self._done[entry]
            grads = out if isinstance(out, tuple) else (out,)
            wanted = sum(grad is not None for grad in grads[:2])
            self._add(f"{type(entry).__name__}Backward", count * wanted, modules)
        return out

    def _add(self, name: str, count: int, modules: list[str]) -> None:
        for module in {GLOBAL, *modules}:
            self._counts.setdefault(module, defaultdict(int))[name] += count

    def get_total_flops(self) -> int:
        """All that was counted in the last block."""
        return sum(self._counts.get(GLOBAL, {}).values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """By module (`Model.layers.0`, and "Global" for all), by operator. torch: the keys are its inner operators."""
        return {module: dict(counts) for module, counts in self._counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The counts in columns, down to so many levels of modules."""
        levels = self.depth if depth is None else depth
        total = self.get_total_flops()
        rows = [("Module", "FLOP", "% Total")]
        for module, counts in self._counts.items():
            if module != GLOBAL and module.count(".") >= levels:
                continue
            parts = [(module, sum(counts.values())), *((f" - {name}", count) for name, count in counts.items())]
            rows += [(name, f"{count:,}", f"{100 * count / max(total, 1):.2f}%") for name, count in parts]
        widths = [max(len(row[n]) for row in rows) for n in range(3)]
        return "\n".join(f"{a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)
