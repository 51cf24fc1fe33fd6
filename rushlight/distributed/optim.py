"""ZeroRedundancyOptimizer: each process keeps the optimizer's state of its share of the parameters only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import OperatorError, UnsupportedError
from ..optim import Optimizer
from .coalesced import broadcast_all
from .group import position, resolve
from .objects import gather_object

Group = dict[str, Any]


class ZeroRedundancyOptimizer(Optimizer):
    """Steps as `optimizer_class` does, with its state divided among the processes.

    Each process updates its share of the parameters and sends them to the others; gradients must be equal everywhere,
    as DistributedDataParallel makes them. Parameters are dealt out from the largest on, each to whom has least.

    Args:
        params: parameters, or dicts that describe groups; the same in all processes.
        optimizer_class: of the optimizer inside, `optim`. defaults: its options.
        process_group: the processes; all by default.

    Raises:
        NotImplementedError: parameters_as_bucket_view, overlap_with_ddp.

    Source: Rajbhandari et al. (2020), "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", stage 1;
    torch.distributed.optim.ZeroRedundancyOptimizer of PyTorch 2.13.
    """

    def __init__(
        self,
        params: Iterable[Any],
        optimizer_class: type[Optimizer],
        process_group: Any = None,
        parameters_as_bucket_view: bool = False,
        overlap_with_ddp: bool = False,
        **defaults: Any,
    ) -> None:
        for name, given in (
            ("parameters_as_bucket_view", parameters_as_bucket_view),
            ("overlap_with_ddp", overlap_with_ddp),
        ):
            if given:
                raise UnsupportedError(f"ZeroRedundancyOptimizer: {name} is not supported; leave it out")
        self.process_group = resolve(process_group)
        self.optim: Optimizer | None = None
        self._gathered: list[Any] | None = None
        self._loads = [0] * self.process_group.size()
        self._owners: dict[Any, int] = {}
        super().__init__(params, defaults)
        self.optim = optimizer_class([self._mine(group) for group in self.param_groups], **defaults)
        self.defaults = self.optim.defaults
        self._copy_options(self.optim.param_groups, self.param_groups)

    # ---------------------------------------------------------------------------------------------------- the shares

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group of parameters and deals them out."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in sorted(group["params"], key=lambda p: -p.numel()):
            owner = self._loads.index(min(self._loads))
            self._owners[p] = owner
            self._loads[owner] += p.numel()
        if self.optim is not None:
            self.optim.add_param_group(self._mine(group))

    def _mine(self, group: Group) -> Group:
        rank = self.process_group.rank()
        return {**group, "params": [p for p in group["params"] if self._owners[p] == rank]}

    @staticmethod
    def _copy_options(source: list[Group], target: list[Group]) -> None:
        for old, new in zip(source, target):
            new.update({name: value for name, value in old.items() if name != "params"})

    # -------------------------------------------------------------------------------------------------------- steps

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Updates this process's share, and brings all parameters to all processes."""
        assert self.optim is not None
        self._copy_options(self.param_groups, self.optim.param_groups)  # a schedule may have changed them
        loss = self.optim.step(closure, **kwargs)
        self._copy_options(self.optim.param_groups, self.param_groups)
        for rank in range(self.process_group.size()):
            broadcast_all([p for p, owner in self._owners.items() if owner == rank], self.process_group, rank)
        return loss

    # -------------------------------------------------------------------------------------------------------- state

    def consolidate_state_dict(self, to: int = 0) -> None:
        """Brings the state of all processes to process `to`, whose `state_dict()` then has it. All must call it."""
        assert self.optim is not None
        root = position(self.process_group, to, None, "consolidate_state_dict")
        here = self.process_group.rank() == root
        found: list[Any] | None = [None] * self.process_group.size() if here else None
        gather_object(self.optim.state_dict(), found, group=self.process_group, group_dst=root)
        self._gathered = found

    def state_dict(self) -> dict[str, Any]:
        """The whole state, as the optimizer inside would have it alone.

        Raises:
            RuntimeError: `consolidate_state_dict` did not bring it to this process.
        """
        if self._gathered is None:
            raise OperatorError(
                "Optimizer state has not been consolidated on this rank. Please call `consolidate_state_dict(to="
                f"{self.process_group.rank()})` on all ranks beforehand if you meant to save the global state."
            )
        whole = super().state_dict()
        for rank, part in enumerate(self._gathered):
            whole["state"].update({self._numbers_of(rank)[k]: entry for k, entry in part["state"].items()})
        whole["state"] = dict(sorted(whole["state"].items()))
        return whole

    def _numbers_of(self, rank: int) -> list[int]:
        """Of a process's parameters, in its optimizer's order, the numbers among all."""
        params = [p for group in self.param_groups for p in group["params"]]
        return [k for k, p in enumerate(params) if self._owners[p] == rank]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a whole state; each process keeps its share."""
        assert self.optim is not None
        numbers = {k: i for i, k in enumerate(self._numbers_of(self.process_group.rank()))}
        groups = [
            {**group, "params": [numbers[k] for k in group["params"] if k in numbers]}
            for group in state_dict["param_groups"]
        ]
        state = {numbers[k]: entry for k, entry in state_dict["state"].items() if k in numbers}
        self.optim.load_state_dict({"state": state, "param_groups": groups})
        self._copy_options(state_dict["param_groups"], self.param_groups)
