"""Every operation that a recording may contain, held to what known.py promises: recorded on some numbers and replayed
on others, in values and gradients, it gives the bits of the plain call."""

import numpy as np
import pytest
from harness import Placeholder, families, resolve

import rushlight
from rushlight.compiler.api import capture_of
from rushlight.compiler.known import OPERATIONS
from rushlight.kernels import native
from tests.compiler.both_ways import bits

# In some of their cases these run as they are: they find indices outside of an operator, or take lists of arrays.
AS_THEY_ARE = frozenset(
    "Tensor.__getitem__ cummax cummin div divide einsum masked_fill max median min nn.functional.adaptive_max_pool1d "
    "nn.functional.adaptive_max_pool2d nn.functional.pad sort split topk tril triu where".split()
)


def known_cases():
    for module in families().values():
        for i, case in enumerate(module.cases()):
            if id(resolve(rushlight, case.name)) in OPERATIONS:
                yield pytest.param(case, id=f"{case.name}-{case.id or i}")


def drawn(case, turned):
    """Arguments, or the same numbers in another order: so they stay where the operator is defined."""

    def tensor(value):
        if isinstance(value, Placeholder):
            array = np.flip(value.array) if turned else value.array
            made = rushlight.from_numpy(np.array(array, order="C"))
            return made.requires_grad_() if value.grad and case.grad and array.dtype.kind in "fc" else made
        if isinstance(value, (list, tuple)):
            return type(value)(map(tensor, value))
        return value

    args, kwargs = case.draw("float32")
    return [tensor(each) for each in args], {name: tensor(each) for name, each in kwargs.items()}


def outcome(function, arguments):
    """Results and gradients, or what was raised."""
    args, kwargs = arguments
    rushlight.manual_seed(1)
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    results = result if isinstance(result, (tuple, list)) else [result]
    total = [r.abs().sum() for r in results if isinstance(r, rushlight.Tensor) and r.requires_grad]
    if total:
        sum(total).backward()
    leaves = [a for v in [*args, *kwargs.values()] for a in (v if isinstance(v, (list, tuple)) else [v])]
    grads = [a.grad for a in leaves if isinstance(a, rushlight.Tensor) and a.is_leaf and a.grad is not None]
    return bits(results), bits(grads), [getattr(r, "requires_grad", None) for r in results]


@pytest.mark.skipif(native is None, reason="no native build: nothing is recorded")
@pytest.mark.parametrize("case", list(known_cases()))
def test_replayed_on_other_numbers(case):
    function = resolve(rushlight, case.name)

    def call(first, *args, **kwargs):
        return function(first.clone() if isinstance(first, rushlight.Tensor) else first, *args, **kwargs)

    made = rushlight.compile(call)
    for turned in (False, False, True, False, True):
        expected = outcome(call, drawn(case, turned))
        assert outcome(made, drawn(case, turned)) == expected
    capture = capture_of(made)
    assert capture.replays or (capture.refusals and case.name in AS_THEY_ARE), capture.refusals
