"""Batch, layer, group, instance and RMS norm, normalize, local response norm."""

import numpy as np
from harness import Case, Refusal

F = "nn.functional."


def cases():
    yield from batch()
    yield from examples()
    yield from lengths()


def batch():
    yield Case(F + "batch_norm", lambda t: (t(4, 3, 2, 2), None, None, t(3), t(3)), {"training": True}, id="training")
    yield Case(F + "batch_norm", lambda t: (t(5, 3), None, None, t(3), t(3)), {"training": True, "eps": 0.1}, id="2-d")
    yield Case(F + "batch_norm", lambda t: (t(4, 2, 3), None, None), {"training": True}, id="plain")
    yield Case(F + "batch_norm", lambda t: (t(2, 2, 2, 2, 2), None, None, t(2)), {"training": True}, id="3-d-no-bias")
    yield Case(
        F + "batch_norm",
        lambda t: (t(4, 3, 2, 2), t(3, grad=False), t.positive(3, grad=False), t(3), t(3)),
        id="running",
    )
    yield Case(F + "batch_norm", lambda t: (t(4, 3), t(3, grad=False), t.positive(3, grad=False)), id="running-plain")


def examples():
    yield Case("layer_norm", lambda t: (t(3, 4), (4,), t(4), t(4)))
    yield Case(F + "layer_norm", lambda t: (t(2, 3, 4), (3, 4), t(3, 4), t(3, 4)), id="2-d")
    yield Case(F + "layer_norm", lambda t: (t(2, 3, 4), (4,)), {"eps": 0.1}, id="plain")
    yield Case(F + "layer_norm", lambda t: (t(3, 4), (4,), t(4)), id="no-bias")
    yield Case(F + "layer_norm", lambda t: (t(0, 4), (4,), t(4), t(4)), id="empty")
    yield Case(F + "group_norm", lambda t: (t(2, 4, 3), 2, t(4), t(4)))
    yield Case(F + "group_norm", lambda t: (t(2, 4, 2, 2), 4), id="plain")
    yield Case(F + "group_norm", lambda t: (t(2, 6), 2, t(6)), id="2-d-no-bias")
    yield Case(F + "instance_norm", lambda t: (t(2, 3, 4),), lambda t: {"weight": t(3), "bias": t(3)})
    yield Case(F + "instance_norm", lambda t: (t(2, 3, 2, 2),), id="plain")
    yield Case(
        F + "instance_norm",
        lambda t: (t(2, 3, 4), t(3, grad=False), t.positive(3, grad=False), t(3), t(3)),
        {"use_input_stats": False},
        id="running",
    )
    yield Case(F + "rms_norm", lambda t: (t(3, 4), (4,), t(4)))
    yield Case(F + "rms_norm", lambda t: (t(2, 3, 4), (3, 4)), {"eps": 0.1}, id="2-d-plain")


def lengths():
    yield Case(F + "normalize", lambda t: (t(3, 4),))
    yield Case(F + "normalize", lambda t: (t.distinct(2, 3, 2),), {"p": 1.5, "dim": -1}, id="p")
    yield Case(F + "normalize", lambda t: (t.const(np.float32([[0, 0], [3, 4]])),), {"eps": 1.0}, id="zero")
    yield Case(F + "local_response_norm", lambda t: (t(2, 4, 3), 2))
    yield Case(F + "local_response_norm", lambda t: (t(1, 5, 2, 2), 3), {"alpha": 0.5, "beta": 0.5, "k": 2.0}, id="4-d")


def refusals():
    yield Refusal(
        F + "layer_norm", lambda t: (t(2, 7), (8,)), RuntimeError, r"layer_norm: input \(2, 7\) does not end in \(8,\)"
    )
    yield Refusal(F + "layer_norm", lambda t: (t(2, 7), (7,), t(6)), RuntimeError, "layer_norm: Expected weight")
    yield Refusal(F + "layer_norm", lambda t: (t(2, 7), ()), RuntimeError, "at least 1-dimensional")
    yield Refusal(F + "layer_norm", lambda t: (t.ints(3, 2, 7), (7,)), NotImplementedError, "layer_norm")
    yield Refusal(F + "rms_norm", lambda t: (t(2, 7), (8,)), RuntimeError, r"rms_norm: input \(2, 7\)")
    yield Refusal(F + "batch_norm", lambda t: (t(2, 3), t(2), t(3)), RuntimeError, r"batch_norm: running_mean \(2,\)")
    yield Refusal(F + "batch_norm", lambda t: (t(2, 3), None, None), RuntimeError, "running_mean must be defined")
    yield Refusal(
        F + "batch_norm",
        lambda t: (t(1, 3), None, None),
        ValueError,
        "more than 1 value per channel",
        {"training": True},
    )
    yield Refusal(
        F + "batch_norm",
        lambda t: (t(2, 3), None, None),
        ValueError,
        "eps must be positive",
        {"training": True, "eps": 0.0},
    )
    yield Refusal(F + "group_norm", lambda t: (t(2, 3), 2), RuntimeError, "divisible by num_groups")
    yield Refusal(F + "instance_norm", lambda t: (t(2, 3, 1),), ValueError, "more than 1 spatial element")
    yield Refusal(F + "local_response_norm", lambda t: (t(2, 3), 2), ValueError, "3D or higher")
