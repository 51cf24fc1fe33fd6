"""GradScaler: the same calls under both libraries."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
from both import same

import rushlight

INF = float("inf")


def parts(lib: Any, **options: Any) -> tuple[Any, Any, Any]:
    """A parameter, its optimizer and a scaler."""
    p = lib.nn.Parameter(lib.ones(2))
    return p, lib.optim.SGD([p], lr=0.5), lib.amp.GradScaler("cpu", **{"init_scale": 4.0, **options})


def training(lib: Any, **options: Any) -> Any:
    """Six steps, the fourth with an infinite gradient."""
    p, optimizer, scaler = parts(lib, growth_interval=2, **options)
    seen = []
    for step in range(6):
        optimizer.zero_grad()
        scaler.scale((p * (INF if step == 3 else 1.0)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append([scaler.get_scale(), p.tolist(), p.grad.tolist(), scaler.state_dict()])
    return seen


def clipped(lib: Any) -> Any:
    p, optimizer, scaler = parts(lib)
    scaler.scale(p.sum() * 3).backward()
    before = p.grad.clone()
    scaler.unscale_(optimizer)
    lib.nn.utils.clip_grad_norm_([p], 1.0)
    return before, p.grad, scaler.step(optimizer), p.detach()


def interchanged(lib: Any) -> Any:
    """A state goes from one scaler to another, before and after its tensors are made."""
    _, _, scaler = parts(lib)
    state = {"scale": 8.0, "growth_factor": 3.0, "backoff_factor": 0.1, "growth_interval": 7, "_growth_tracker": 5}
    scaler.load_state_dict(state)
    scaler.scale(lib.ones(()))
    first = scaler.state_dict()
    scaler.load_state_dict({**state, "scale": 2.0})
    return first, scaler.state_dict(), scaler.scale(lib.ones(()))


def settings(lib: Any) -> Any:
    _, _, scaler = parts(lib)
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(9)
    return scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval(), scaler.is_enabled()


def disabled(lib: Any) -> Any:
    p, optimizer, scaler = parts(lib, enabled=False)
    loss = p.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    return p.detach(), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled(), scaler.load_state_dict({})


def after(lib: Any, *names: str, grad: Any = True) -> Any:
    """Calls these methods one after the other, on a scaler that has scaled."""
    p, optimizer, scaler = parts(lib)
    scaler.scale(p.sum()).backward()
    p.grad = p.grad if grad is True else grad
    for name in names:
        getattr(scaler, name)(*((optimizer,) if name != "update" else ()))
    return scaler.state_dict()


def of_half(lib: Any) -> Any:
    p = lib.nn.Parameter(lib.ones(2).half())
    scaler = lib.amp.GradScaler("cpu")
    scaler.scale(p.sum()).backward()
    scaler.unscale_(lib.optim.SGD([p], lr=1.0))


SCENARIOS: dict[str, Any] = {
    "training": training,
    "training with other factors": lambda lib: training(lib, growth_factor=3.0, backoff_factor=0.1),
    "clipped": clipped,
    "states": interchanged,
    "settings": settings,
    "disabled": disabled,
    "before the first scale": lambda lib: parts(lib)[2].get_scale(),
    "nests of outputs": lambda lib: parts(lib)[2].scale([lib.ones(2), (lib.ones(1), lib.ones(()))]),
    "a generator of outputs": lambda lib: list(parts(lib)[2].scale(lib.ones(n) for n in (1, 2))),
    "a new scale": lambda lib: (
        scaler := parts(lib)[2], scaler.scale(lib.ones(())), scaler.update(16.0), scaler.get_scale()
    )[3],
    "unscaled twice": lambda lib: after(lib, "unscale_", "unscale_"),
    "unscaled after the step": lambda lib: after(lib, "step", "unscale_"),
    "two steps": lambda lib: after(lib, "step", "step"),
    "update alone": lambda lib: after(lib, "update"),
    "an optimizer without gradients": lambda lib: after(lib, "step", grad=None),
    "step, update": lambda lib: after(lib, "unscale_", "step", "update"),
    "a step without scaling": lambda lib: parts(lib)[2].step(parts(lib)[1]),
    "an update without scaling": lambda lib: parts(lib)[2].update(),
    "a closure": lambda lib: (p := parts(lib), p[2].scale(p[0].sum()).backward(), p[2].step(p[1], closure=lambda: 0)),
    "a growth factor of 1": lambda lib: parts(lib, growth_factor=1.0),
    "a backoff factor of 1": lambda lib: parts(lib, backoff_factor=1.0),
    "an empty state": lambda lib: parts(lib)[2].load_state_dict({}),
    "no tensor": lambda lib: parts(lib)[2].scale(3),
    "half precision parameters": of_half,
    "pickled": lambda lib: pickle.loads(pickle.dumps(parts(lib)[2])).state_dict(),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str) -> None:
    same(SCENARIOS[name], message=False)


def test_other_devices_warn() -> None:
    def scenario(lib: Any) -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            return lib.amp.GradScaler().is_enabled(), [w.category.__name__ for w in seen]

    same(scenario)


def test_pickling_amid_a_step_is_refused() -> None:
    p, optimizer, scaler = parts(rushlight)
    scaler.scale(p.sum()).backward()
    scaler.step(optimizer)
    with pytest.raises(AssertionError, match="beginning of an iteration"):
        pickle.dumps(scaler)
