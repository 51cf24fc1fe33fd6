"""Public functions, classes and methods take the arguments that PyTorch's take, by the same names, in the same order.

Only what is written in Python tells its signature to `inspect`; operators' arguments are held by tests/contracts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

torch = pytest.importorskip("torch")

MODULES = """
autograd autograd.functional autograd.graph autograd.forward_ad nn nn.functional nn.init nn.utils nn.utils.rnn
nn.utils.parametrize nn.utils.parametrizations nn.utils.prune nn.utils.stateless nn.utils.fusion nn.parallel optim
optim.lr_scheduler optim.swa_utils utils.data utils.checkpoint func distributions amp serialization random hub
cuda.amp multiprocessing distributed profiler overrides utils.benchmark
""".split()

# What lacks an argument of PyTorch's, and which.
LACKING = {
    "autograd.graph.Node.name": {"self"},  # a node's class answers
    "autograd.graph.Node.register_hook": {"self", "fn"},
    "autograd.graph.Node.register_prehook": {"self", "fn"},
    "distributed.new_group": {"sort_ranks"},
    "distributed.recv_object_list": {"use_batch"},
    "distributed.send_object_list": {"use_batch"},
    "distributions.CorrCholeskyTransform.log_abs_det_jacobian": {"intermediates"},  # `y`, as in all transforms
    "distributions.HalfCauchy.icdf": {"prob"},  # `value`, as in all distributions
    "distributions.HalfNormal.icdf": {"prob"},
    "distributions.MixtureSameFamily.cdf": {"x"},
    "distributions.MixtureSameFamily.log_prob": {"x"},
    "nn.Sequential.extend": {"sequential"},  # `modules`, as in ModuleList
    "nn.RMSNorm.forward": {"x"},  # `input`, as in all layers
    "profiler.profile.__init__": {
        *("experimental_config", "execution_trace_observer", "use_cuda"),
        *("custom_trace_id_callback", "post_processing_timeout_s"),
    },
    "profiler.tensorboard_trace_handler": {"use_python_export"},
    "utils.benchmark.Measurement.__init__": {"task_spec", "metadata"},
    "utils.checkpoint.CheckpointFunction.forward": {"run_function", "preserve_rng_state"},
}


def names(function: Any) -> list[str] | None:
    """Its arguments; None if it does not tell, or takes any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]


def methods(theirs: Any, mine: Any) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """`__init__` and the public methods that both classes have."""
    yield "__init__", theirs.__init__, mine.__init__
    for name, method in vars(theirs).items():
        ours = inspect.getattr_static(mine, name, None)
        pair = [getattr(each, "__func__", each) for each in (method, ours)]
        if not name.startswith("_") and all(map(inspect.isfunction, pair)):
            yield name, *pair


def pairs(module: str) -> Iterator[tuple[str, Any, Any]]:
    theirs, ours = import_module(f"torch.{module}"), import_module(f"rushlight.{module}")
    for name in getattr(theirs, "__all__", dir(theirs)):
        a, b = getattr(theirs, name, None), getattr(ours, name, None)
        if name.startswith("_") or not callable(a) or not callable(b):
            continue
        if not inspect.isclass(a):
            yield f"{module}.{name}", a, b
        elif inspect.isclass(b) and a.__module__.startswith("torch"):
            yield from ((f"{module}.{name}.{method}", x, y) for method, x, y in methods(a, b))


@pytest.mark.parametrize("module", MODULES)
def test_arguments(module):
    compared = 0
    for name, theirs, mine in pairs(module):
        wanted, found = names(theirs), names(mine)
        if wanted is None or found is None:
            continue
        compared += 1
        public = [n for n in wanted if not n.startswith("_")]
        assert set(public) - set(found) == LACKING.get(name, set()), name
        assert [n for n in found if n in wanted] == [n for n in wanted if n in found], name
    assert compared
