"""Runs the same steps under PyTorch and Rushlight: same parameters, same gradients, same options."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight

SHAPES = ((4, 3), (5,), (), (2, 3, 2, 2), (0, 3))


def values(shapes: Any = SHAPES, dtype: Any = np.float32, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    drawn = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    if np.dtype(dtype).kind == "c":
        drawn = [d + 1j * rng.standard_normal(d.shape).astype(d.real.dtype) for d in drawn]
    return [np.asarray(d, dtype) for d in drawn]


def leaves(library: Any, arrays: list[np.ndarray]) -> list[Any]:
    return [library.from_numpy(a.copy()).requires_grad_() for a in arrays]


def give_grads(library: Any, params: list[Any], seed: int, skip: tuple[int, ...] = ()) -> None:
    """The same random gradients in both libraries; none for the parameters in `skip`."""
    drawn = values([tuple(p.shape) for p in params], params[0].detach().numpy().dtype, seed)
    for i, (p, g) in enumerate(zip(params, drawn)):
        p.grad = None if i in skip else library.from_numpy(g)


def numbers(params: list[Any]) -> list[np.ndarray]:
    return [p.detach().numpy() for p in params]


def to_torch(value: Any) -> Any:
    """A state dict of Rushlight with PyTorch's tensors."""
    import torch

    if isinstance(value, rushlight.Tensor):
        return torch.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {k: to_torch(v) for k, v in value.items()}
    return type(value)(map(to_torch, value)) if isinstance(value, (list, tuple)) else value


def to_rushlight(value: Any) -> Any:
    """A state dict of PyTorch with Rushlight's tensors."""
    import torch

    if isinstance(value, torch.Tensor):
        return rushlight.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {k: to_rushlight(v) for k, v in value.items()}
    return type(value)(map(to_rushlight, value)) if isinstance(value, (list, tuple)) else value


def assert_close(ours: list[np.ndarray], theirs: list[np.ndarray], rtol: float = 1e-5, atol: float = 1e-6) -> None:
    for i, (a, b) in enumerate(zip(ours, theirs)):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=f"parameter {i}")
