"""autograd.functional against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
from both import same


def vector(lib: Any, *values: float) -> Any:
    return lib.tensor(values, dtype=lib.float64)


def cubes(x: Any) -> Any:
    return x * x * x


def two_in(x: Any, y: Any) -> Any:
    return (x * y.sum()) * x


def two_out(x: Any) -> Any:
    return x * 2, (x * x).sum()


CALLS = {
    "vjp": lambda f, lib: f.vjp(cubes, vector(lib, 1, 2), vector(lib, 3, 4)),
    "vjp, two in": lambda f, lib: f.vjp(two_in, (vector(lib, 1, 2), vector(lib, 3)), vector(lib, 5, 6)),
    "vjp, two out": lambda f, lib: f.vjp(
        two_out, vector(lib, 1, 2), (vector(lib, 1, 1), lib.tensor(2.0, dtype=lib.float64))
    ),
    "vjp, scalar": lambda f, lib: f.vjp(lambda x: x.sum(), vector(lib, 1, 2)),
    "vjp without v": lambda f, lib: f.vjp(cubes, vector(lib, 1, 2)),
    "vjp, v too long": lambda f, lib: f.vjp(cubes, vector(lib, 1, 2), vector(lib, 1, 2, 3)),
    "vjp, too many v": lambda f, lib: f.vjp(cubes, vector(lib, 1, 2), (vector(lib, 1, 2),) * 2),
    "vjp of a list": lambda f, lib: f.vjp(cubes, [1.0], None),
    "vjp, function gives a list": lambda f, lib: f.vjp(lambda x: [x], vector(lib, 1), None),
    "vjp, independent": lambda f, lib: f.vjp(lambda x, y: x.sum(), (vector(lib, 1), vector(lib, 2))),
    "vjp, independent, strict": lambda f, lib: f.vjp(
        lambda x, y: x.sum(), (vector(lib, 1), vector(lib, 2)), strict=True
    ),
    "vjp, constant, strict": lambda f, lib: f.vjp(lambda x: vector(lib, 1).sum(), vector(lib, 1), strict=True),
    "vjp, recorded": lambda f, lib: lib.autograd.grad(
        f.vjp(cubes, (x := vector(lib, 2.0).requires_grad_()), vector(lib, 1.0), create_graph=True)[1], x
    ),
    "jvp": lambda f, lib: f.jvp(cubes, vector(lib, 1, 2), vector(lib, 3, 4)),
    "jvp, two in": lambda f, lib: f.jvp(
        two_in, (vector(lib, 1, 2), vector(lib, 3)), (vector(lib, 5, 6), vector(lib, 7))
    ),
    "jvp, two out": lambda f, lib: f.jvp(two_out, vector(lib, 1, 2), vector(lib, 1, 1)),
    "jvp without v": lambda f, lib: f.jvp(cubes, vector(lib, 1, 2)),
    "jvp, one element": lambda f, lib: f.jvp(cubes, vector(lib, 2)),
    "jvp, v too long": lambda f, lib: f.jvp(cubes, vector(lib, 1, 2), vector(lib, 1, 2, 3)),
    "jvp, recorded": lambda f, lib: lib.autograd.grad(
        f.jvp(cubes, (x := vector(lib, 2.0).requires_grad_()), vector(lib, 1.0), create_graph=True)[1], x
    ),
    "jacobian": lambda f, lib: f.jacobian(cubes, vector(lib, 1, 2, 3)),
    "jacobian of a matrix": lambda f, lib: f.jacobian(lambda x: x * x[0], vector(lib, 1, 2, 3, 4).reshape(2, 2)),
    "jacobian, two in": lambda f, lib: f.jacobian(two_in, (vector(lib, 1, 2), vector(lib, 3))),
    "jacobian, two out": lambda f, lib: f.jacobian(two_out, vector(lib, 1, 2)),
    "jacobian, vectorized": lambda f, lib: f.jacobian(two_in, (vector(lib, 1, 2), vector(lib, 3)), vectorize=True),
    "jacobian forward": lambda f, lib: f.jacobian(
        two_in, (vector(lib, 1, 2), vector(lib, 3)), vectorize=True, strategy="forward-mode"
    ),
    "jacobian, recorded": lambda f, lib: lib.autograd.grad(
        f.jacobian(cubes, (x := vector(lib, 1, 2).requires_grad_()), create_graph=True).sum(), x
    ),
    "jacobian, constant": lambda f, lib: f.jacobian(lambda x: vector(lib, 1), vector(lib, 1)),
    "jacobian, constant, strict": lambda f, lib: f.jacobian(lambda x: vector(lib, 1), vector(lib, 1), strict=True),
    "jacobian, independent, strict": lambda f, lib: f.jacobian(
        lambda x, y: x, (vector(lib, 1), vector(lib, 1)), strict=True
    ),
    "jacobian, other strategy": lambda f, lib: f.jacobian(cubes, vector(lib, 1), strategy="sideways"),
    "jacobian, strict, vectorized": lambda f, lib: f.jacobian(cubes, vector(lib, 1), strict=True, vectorize=True),
    "hessian": lambda f, lib: f.hessian(lambda x: cubes(x).sum(), vector(lib, 1, 2)),
    "hessian, two in": lambda f, lib: f.hessian(lambda x, y: two_in(x, y).sum(), (vector(lib, 1, 2), vector(lib, 3))),
    "hessian forward": lambda f, lib: f.hessian(
        lambda x: cubes(x).sum(), vector(lib, 1, 2), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "hessian of a linear function": lambda f, lib: f.hessian(lambda x: x.sum(), vector(lib, 1, 2)),
    "hessian of a linear function, strict": lambda f, lib: f.hessian(lambda x: x.sum(), vector(lib, 1, 2), strict=True),
    "hessian of a vector": lambda f, lib: f.hessian(cubes, vector(lib, 1, 2)),
    "hessian of a tuple": lambda f, lib: f.hessian(lambda x: (x.sum(),), vector(lib, 1, 2)),
    "hessian, recorded": lambda f, lib: lib.autograd.grad(
        f.hessian(lambda x: cubes(x).sum(), (x := vector(lib, 1, 2).requires_grad_()), create_graph=True).sum(), x
    ),
    "vhp": lambda f, lib: f.vhp(lambda x: cubes(x).sum(), vector(lib, 1, 2), vector(lib, 3, 4)),
    "vhp, two in": lambda f, lib: f.vhp(
        lambda x, y: two_in(x, y).sum(), (vector(lib, 1, 2), vector(lib, 3)), (vector(lib, 5, 6), vector(lib, 7))
    ),
    "vhp of a vector": lambda f, lib: f.vhp(cubes, vector(lib, 1, 2), vector(lib, 1, 2)),
    "hvp": lambda f, lib: f.hvp(lambda x: cubes(x).sum(), vector(lib, 1, 2), vector(lib, 3, 4)),
    "hvp, two in": lambda f, lib: f.hvp(
        lambda x, y: two_in(x, y).sum(), (vector(lib, 1, 2), vector(lib, 3)), (vector(lib, 5, 6), vector(lib, 7))
    ),
    "hvp of a linear function": lambda f, lib: f.hvp(lambda x: x.sum(), vector(lib, 1, 2), vector(lib, 1, 2)),
    "hvp of a tuple": lambda f, lib: f.hvp(lambda x: (x.sum(),), vector(lib, 1, 2), vector(lib, 1, 2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_pytorch(name: str) -> None:
    exact = not any(word in name for word in ("strict", "strategy", "of a"))
    same(lambda lib: CALLS[name](lib.autograd.functional, lib), message=exact)
