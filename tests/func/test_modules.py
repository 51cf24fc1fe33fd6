"""Modules as functions of their parameters, against torch.func's: ensembles and per-example gradients."""

from __future__ import annotations

from typing import Any

import pytest
from both import same
from close import close

import rushlight


def model(lib: Any, kind: str) -> tuple[Any, Any]:
    """A model in float64, and a batch for it."""
    nn = lib.nn
    lib.manual_seed(0)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).double(), lib.randn(5, 4, dtype=lib.float64)
    if kind == "cnn":
        head = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))
        return head.double(), lib.randn(5, 1, 8, 8, dtype=lib.float64)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    return layer, lib.randn(3, 5, 8, dtype=lib.float64)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "transformer"])
def test_per_example_gradients(kind: str) -> None:
    def scenario(lib: Any) -> Any:
        net, batch = model(lib, kind)
        call = lib.func.functional_call
        loss = lambda parameters, x: call(net, parameters, (x[None],)).sin().sum()
        parameters = {name: p.detach() for name, p in net.named_parameters()}
        return lib.func.vmap(lib.func.grad(loss), (None, 0))(parameters, batch)

    close(scenario)


def test_ensemble() -> None:
    def scenario(lib: Any) -> Any:
        nets = [model(lib, "mlp")[0] for _ in range(2)]
        x = model(lib, "mlp")[1]
        parameters, buffers = lib.func.stack_module_state(nets)
        call = lambda p, b, x: lib.func.functional_call(nets[0], (p, b), (x,))
        out = lib.func.vmap(call, (0, 0, None))(parameters, buffers, x)
        return out, lib.autograd.grad(out.sin().sum(), list(parameters.values())), [p.is_leaf for p in buffers.values()]

    close(scenario)


REFUSED: dict[str, Any] = {
    "no dicts": lambda lib, net: lib.func.functional_call(net, 3, lib.ones(4)),
    "a list of no dicts": lambda lib, net: lib.func.functional_call(net, [3], lib.ones(4)),
    "a name twice": lambda lib, net: lib.func.functional_call(net, [{"0.bias": 0}, {"0.bias": 0}], lib.ones(4)),
    "strict": lambda lib, net: lib.func.functional_call(net, {"other": 0}, lib.ones(4), strict=True),
    "no models": lambda lib, net: lib.func.stack_module_state([]),
    "models of two classes": lambda lib, net: lib.func.stack_module_state([net, net[0]]),
    "models in two modes": lambda lib, net: lib.func.stack_module_state([net, model(lib, "mlp")[0].eval()]),
    "requires_grad differs": lambda lib, net: lib.func.stack_module_state(
        [net, model(lib, "mlp")[0].requires_grad_(False)]
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    same(lambda lib: REFUSED[name](lib, model(lib, "mlp")[0]), message=False)


def test_batch_norm_without_running_statistics() -> None:
    def scenario(lib: Any) -> Any:
        lib.manual_seed(0)
        net = lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.BatchNorm1d(3)).double()
        lib.func.replace_all_batch_norm_modules_(net)
        parameters = {name: p.detach() for name, p in net.named_parameters()}
        call = lambda p, x: lib.func.functional_call(net, p, (x,))
        return lib.func.vmap(call, (None, 0))(parameters, lib.randn(2, 6, 4, dtype=lib.float64))

    close(scenario)


def test_functionalize_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="nothing is traced"):
        rushlight.func.functionalize(lambda x: x)
