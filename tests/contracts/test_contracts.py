"""Every operator, through every contract: torch's answer, derivatives, twins, layouts, purity, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import Case, Draw, Refusal, convert, definitions_only, families, resolve, run, tensors_in
from stand_in import StandIn
from stand_in_cupy import gpus

import rushlight
from rushlight import gpu
from rushlight.autograd.tape import wrap
from rushlight.kernels import native

CASES = [
    pytest.param(case, id=f"{name}-{case.name}-{case.id or i}")
    for name, module in families().items()
    for i, case in enumerate(module.cases())
]
REFUSALS = [
    pytest.param(refusal, id=f"{name}-{refusal.name}-{i}")
    for name, module in families().items()
    if hasattr(module, "refusals")
    for i, refusal in enumerate(module.refusals())
]


def equal(ours: Any, theirs: Any, case: Case) -> None:
    if theirs is None or ours is None:
        assert (ours is None or not np.any(ours)) and (theirs is None or not np.any(theirs))
        return
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=case.rtol, atol=case.atol)


def all_equal(ours: list[Any], theirs: list[Any], case: Case) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        equal(a, b, case)


@pytest.mark.parametrize("case", CASES)
def test_equals_torch(case: Case) -> None:
    """Values, dtypes and gradients."""
    torch = pytest.importorskip("torch")
    for dtype in case.dtypes:
        outputs, grads = run(case, rushlight, dtype, case.grad)
        expected, expected_grads = run(case, torch, dtype, case.grad)
        all_equal(outputs, expected, case)
        all_equal(grads, expected_grads, case)


@pytest.mark.parametrize("case", [p for p in CASES if p.values[0].grad])
def test_derivatives(case: Case) -> None:
    """Gradients, and gradients of gradients, against finite differences in float64: this runs the definitions."""
    flat: list[Any] = []

    def slot(p: Any) -> Any:
        if not p.grad:
            return rushlight.tensor(p.array)
        flat.append(p)
        return Slot(len(flat) - 1)

    spec = convert(case.draw("float64"), slot)

    def function(*inputs: Any) -> Any:
        args, kwargs = fill(spec, inputs)
        outputs = tensors_in(case.function(rushlight)(*args, **kwargs))
        return tuple(out for out in outputs if out.is_floating_point() or out.is_complex())

    inputs = [rushlight.tensor(p.array).requires_grad_() for p in flat]
    if not inputs or not any(out.requires_grad for out in function(*inputs)):
        pytest.skip("nothing to differentiate")
    assert rushlight.autograd.gradcheck(function, inputs, fast_mode=False)
    if case.gradgrad:
        assert rushlight.autograd.gradgradcheck(function, inputs)


class Slot:
    """Where input number `index` goes in the arguments."""

    def __init__(self, index: int) -> None:
        self.index = index


def fill(value: Any, inputs: Any) -> Any:
    if isinstance(value, Slot):
        return inputs[value.index]
    if isinstance(value, (list, tuple)):
        return type(value)(fill(v, inputs) for v in value)
    return {k: fill(v, inputs) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", CASES)
def test_twins_equal_definitions(case: Case) -> None:
    if native is None:
        pytest.skip("no native build")
    outputs, grads = run(case, rushlight, "float32", case.grad)
    with definitions_only():
        expected, expected_grads = run(case, rushlight, "float32", case.grad)
    all_equal(outputs, expected, case)
    all_equal(grads, expected_grads, case)


class OnStandIns:
    """Rushlight, whose tensors lie on stand-ins for CuPy's arrays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(rushlight, name)

    @staticmethod
    def tensor(array: Any) -> Any:
        return wrap(StandIn(np.array(array)))


@pytest.mark.parametrize("case", CASES)
def test_definitions_run_beyond_numpy(case: Case) -> None:
    """On arrays with nothing that only NumPy's have; results and gradients stay on such arrays."""
    given: list[Any] = []
    convert(case.draw("float32"), given.append)
    if not given:
        pytest.skip("takes no tensor")
    with gpus():  # native kernels stay in front, and are to leave these arrays alone
        gpu.index_of(None)
        outputs, grads = run(case, OnStandIns(), "float32", case.grad, fetch=lambda tensor: tensor._array.get())
    with definitions_only():
        expected, expected_grads = run(case, rushlight, "float32", case.grad)
    all_equal(outputs, expected, case)
    all_equal(grads, expected_grads, case)


def spread(tensor: Any) -> Any:
    """The same values in memory with gaps and, where there are several dimensions, transposed."""
    if tensor.ndim == 0:
        return tensor
    wide = rushlight.stack([tensor, tensor], -1)[..., 0]
    return wide.transpose(0, -1).contiguous().transpose(0, -1) if tensor.ndim > 1 else wide


def channels_last(tensor: Any) -> Any:
    if tensor.ndim < 3:
        return tensor
    return tensor.movedim(1, -1).contiguous().movedim(-1, 1)


@pytest.mark.parametrize("layout", [spread, channels_last])
@pytest.mark.parametrize("case", [p for p in CASES if p.values[0].layouts])
def test_layouts(case: Case, layout: Any) -> None:
    """Memory layout changes nothing but rounding."""
    outputs, grads = run(case, rushlight, "float32", case.grad, layout)
    expected, expected_grads = run(case, rushlight, "float32", case.grad)
    all_equal(outputs, expected, case)
    all_equal(grads, expected_grads, case)


@pytest.mark.parametrize("case", [p for p in CASES if not p.values[0].name.endswith("_")])
def test_inputs_unchanged(case: Case) -> None:
    made: list[Any] = []

    def make(p: Any) -> Any:
        made.append((p.array.copy(), rushlight.tensor(p.array)))
        return made[-1][1].requires_grad_() if case.grad and p.grad else made[-1][1]

    args, kwargs = convert(case.draw("float32"), make)
    outputs = [out for out in tensors_in(case.function(rushlight)(*args, **kwargs)) if out.requires_grad]
    for out in outputs:
        out.backward(rushlight.ones_like(out), retain_graph=True)
    for before, tensor in made:
        np.testing.assert_array_equal(tensor.detach().numpy(), before)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusals(refusal: Refusal) -> None:
    args = convert(list(refusal.args(Draw(0, "float32"))), lambda p: rushlight.tensor(p.array))
    with pytest.raises(refusal.error, match=refusal.match):
        resolve(rushlight, refusal.name)(*args, **refusal.kwargs)
