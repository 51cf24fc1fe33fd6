"""autocast's blocks, state, cache and decorators, against PyTorch."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest
from both import same

import rushlight
from rushlight.nn import functional as F


def product(lib: Any) -> str:
    return str((lib.ones(2, 2) @ lib.ones(2, 2)).dtype)


def nested(lib: Any) -> Any:
    seen = [product(lib)]
    with lib.autocast("cpu"):
        seen.append(product(lib))
        with lib.autocast("cpu", enabled=False):
            seen += [product(lib), lib.is_autocast_enabled("cpu")]
            with lib.autocast("cpu", lib.float16):
                seen += [product(lib), str(lib.get_autocast_dtype("cpu"))]
        seen += [product(lib), lib.is_autocast_enabled("cpu"), lib.is_autocast_enabled()]
    return [*seen, product(lib), lib.is_autocast_enabled("cpu")]


def by_hand(lib: Any) -> Any:
    seen = [lib.autocast_increment_nesting()]
    lib.set_autocast_enabled("cpu", True)
    lib.set_autocast_dtype("cpu", lib.float16)
    seen += [product(lib), str(lib.get_autocast_dtype("cpu")), lib.is_autocast_cache_enabled()]
    lib.set_autocast_enabled("cpu", False)
    lib.set_autocast_dtype("cpu", lib.bfloat16)
    lib.clear_autocast_cache()
    return [*seen, product(lib), lib.autocast_decrement_nesting()]


def decorated(lib: Any) -> Any:
    @lib.autocast("cpu")
    def function(x: Any, y: int = 0) -> tuple[str, int]:
        return product(lib), y

    return function(1, y=3), function(1), product(lib), function.__name__


def after_an_error(lib: Any) -> Any:
    try:
        with lib.autocast("cpu"):
            lib.ones(2, 3) @ lib.ones(2, 3)
    except RuntimeError:
        return product(lib), lib.is_autocast_enabled("cpu")


SCENARIOS: dict[str, Any] = {
    "nested": nested,
    "by hand": by_hand,
    "decorated": decorated,
    "after an error": after_an_error,
    "an unknown device": lambda lib: lib.autocast("xyz"),
    "no string": lambda lib: lib.autocast(1),
    "no device": lambda lib: lib.autocast(),
    "meta": lambda lib: lib.autocast("meta"),
    "availability": lambda lib: [lib.amp.is_autocast_available(d) for d in ("cpu", "cuda", "mps")],
    "out=": lambda lib: (lib.autocast("cpu").__enter__(), lib.mm(lib.ones(2, 2), lib.ones(2, 2), out=lib.ones(2, 2)))[
        1
    ].dtype is lib.float32,
    "two halves": lambda lib: with_autocast(lib, lambda: lib.cat([lib.ones(2).half(), lib.ones(2).bfloat16()])),
    "float64 beside float32": lambda lib: with_autocast(lib, lambda: lib.ones(2, 2) @ lib.ones(2, 2).double()),
    "a tuple": lambda lib: with_autocast(lib, lambda: str(lib.stack((lib.ones(2).bfloat16(), lib.ones(2))).dtype)),
}  # fmt: skip


def with_autocast(lib: Any, call: Any) -> Any:
    with lib.autocast("cpu"):
        return call()


@pytest.fixture(autouse=True)
def _off() -> Any:
    import torch

    yield
    for lib in (torch, rushlight):
        lib.set_autocast_enabled("cpu", False)
        while lib.autocast_increment_nesting() > 1:
            lib.autocast_decrement_nesting()
            lib.autocast_decrement_nesting()
        lib.autocast_decrement_nesting()


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str) -> None:
    same(SCENARIOS[name], message=False)


@pytest.mark.parametrize(("device", "dtype"), [("cuda", None), ("cpu", "float32"), ("cpu", "float64")])
def test_what_cannot_be_warns_and_is_off(device: str, dtype: str | None) -> None:
    def scenario(lib: Any) -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            block = lib.autocast(device, None if dtype is None else getattr(lib, dtype))
            with block:
                return product(lib), [w.category.__name__ for w in seen], lib.is_autocast_enabled("cpu")

    same(scenario)


@pytest.mark.parametrize("room", ["cpu", "cuda"])
def test_the_names_of_old(room: str) -> None:
    def scenario(lib: Any) -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            amp = getattr(lib, room).amp
            with amp.autocast():
                kind = product(lib)
            return kind, amp.GradScaler().is_enabled(), sorted({w.category.__name__ for w in seen})

    same(scenario)


def test_gradients_reach_float32_parameters() -> None:
    def scenario(lib: Any) -> Any:
        w = lib.from_numpy(np.random.default_rng(0).standard_normal((3, 3)).astype(np.float32)).requires_grad_()
        x = lib.from_numpy(np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32))
        with lib.autocast("cpu"):
            loss = lib.nn.functional.mse_loss((x @ w).relu() @ w, x)
        loss.backward()
        return str(loss.dtype), str(w.grad.dtype), loss.item(), w.grad

    same(lambda lib: scenario(lib)[:2])
    (mine, theirs) = (scenario(lib)[2:] for lib in (rushlight, pytest.importorskip("torch")))
    assert mine[0] == pytest.approx(theirs[0], rel=1e-2)
    np.testing.assert_allclose(mine[1].numpy(), theirs[1].numpy(), 2e-2, 2e-2)


def test_weights_are_cast_once_in_a_block() -> None:
    w = rushlight.ones(2, 2, requires_grad=True)
    x = rushlight.ones(2, 2)

    def behind(y: Any) -> Any:
        return y.grad_fn.next_functions[1][0]

    with rushlight.autocast("cpu"):
        first, second = behind(x @ w), behind(x @ w)
        with rushlight.autocast("cpu", cache_enabled=False):
            third, fourth = behind(x @ w), behind(x @ w)
        with rushlight.no_grad():
            assert not (x @ w).requires_grad
        assert (x @ w).requires_grad
    with rushlight.autocast("cpu"):
        later = behind(x @ w)
    assert first is second and third is not fourth and later is not first


def test_it_holds_for_one_thread() -> None:
    seen = []
    with rushlight.autocast("cpu"):
        thread = threading.Thread(target=lambda: seen.append(product(rushlight)))
        thread.start()
        thread.join()
    assert seen == ["torch.float32"]


def test_functions_are_as_before_afterwards() -> None:
    code = F.linear.__code__
    with rushlight.autocast("cpu"):
        assert F.linear.__code__ is not code
    assert F.linear.__code__ is code


@pytest.mark.parametrize("cast_inputs", [None, "float32"])
@pytest.mark.parametrize("enabled", [True, False])
def test_custom_functions(cast_inputs: str | None, enabled: bool) -> None:
    def scenario(lib: Any) -> Any:
        seen = []

        class Product(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu", cast_inputs=cast_inputs and getattr(lib, cast_inputs))
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                ctx.save_for_backward(a, b)
                seen.extend([str(a.dtype), product(lib)])
                return a @ b

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, grad: Any) -> Any:
                a, b = ctx.saved_tensors
                seen.extend([str(grad.dtype), product(lib)])
                return grad @ b.to(grad.dtype).T, a.to(grad.dtype).T @ grad

        a, b = lib.ones(2, 2).bfloat16().requires_grad_(), lib.ones(2, 2).bfloat16().requires_grad_()
        with lib.autocast("cpu", enabled=enabled):
            out = Product.apply(a, b)
        out.sum().backward()
        return seen, str(out.dtype), str(a.grad.dtype)

    same(scenario)
