"""grad, vjp, jvp, jacobians and Hessians against torch.func's, alone and inside one another."""

from __future__ import annotations

from typing import Any

import pytest
from both import same
from close import close, numbers


def weights(lib: Any) -> Any:
    return {"w": numbers(lib, 3, 4, seed=1), "b": [numbers(lib, 3, seed=2)]}


def net(lib: Any) -> Any:
    return lambda p, x: lib.tanh(x @ p["w"].T + p["b"][0])


def loss(lib: Any) -> Any:
    return lambda p, x, y: lib.nn.functional.cross_entropy(net(lib)(p, x)[None], y[None])


def wave(x: Any) -> Any:
    return (x.sin() * x).prod()


def scalar_map(x: Any, w: Any) -> Any:
    return (w @ x).tanh().sum()


CALLS: dict[str, Any] = {
    "grad": lambda f, lib, x: f.grad(wave)(x),
    "grad, two arguments": lambda f, lib, x: f.grad(lambda a, b: (a * b.sin()).sum(), argnums=(1, 0))(x, x + 1),
    "grad of a nest": lambda f, lib, x: f.grad(loss(lib))(weights(lib), x, lib.tensor(2)),
    "grad with keywords": lambda f, lib, x: f.grad(lambda a, power: (a**power).sum())(x, power=3),
    "grad where there is no dependence": lambda f, lib, x: f.grad(lambda a, b: b.sum() + 0 * a.sum(), (0, 1))(x, x),
    "grad_and_value with aux": lambda f, lib, x: f.grad_and_value(lambda a: (wave(a), a * 2), has_aux=True)(x),
    "grad with aux": lambda f, lib, x: f.grad(lambda a: (wave(a), {"twice": a * 2}), has_aux=True)(x),
    "third derivative": lambda f, lib, x: f.grad(f.grad(f.grad(lambda a: a**5)))(x[0]),
    "no confusion of levels": lambda f, lib, x: f.grad(lambda a: a * f.grad(lambda b: a + b)(a))(x[0]),
    "vjp": lambda f, lib, x: (lambda out, pull: (out, pull((x[:3], x))))(
        *f.vjp(lambda a, w: (w @ a, a.sin()), x, weights(lib)["w"])
    ),
    "vjp with aux": lambda f, lib, x: f.vjp(lambda a: (a.sin(), a.cos()), x, has_aux=True)[2],
    "jvp": lambda f, lib, x: f.jvp(lambda a, w: (w @ a, a.sin()), (x, weights(lib)["w"]), (x + 1, weights(lib)["w"])),
    "jvp of a nest": lambda f, lib, x: f.jvp(net(lib), (weights(lib), x), (weights(lib), x)),
    "jvp where there is no dependence": lambda f, lib, x: f.jvp(lambda a: lib.ones(2), (x,), (x,)),
    "jvp of an integer": lambda f, lib, x: f.jvp(lambda a: (a * 2).sum(), (x,), (x,)),
    "linearize": lambda f, lib, x: f.linearize(wave, x)[1](x + 1),
    "jacrev": lambda f, lib, x: f.jacrev(net(lib), argnums=(0, 1))(weights(lib), x),
    "jacrev of two results": lambda f, lib, x: f.jacrev(lambda a: {"s": a.sin(), "c": (a.sum(), a[1:])})(x),
    "jacrev in chunks": lambda f, lib, x: f.jacrev(lambda a: (a**2).sin(), chunk_size=3)(x),
    "jacrev with aux": lambda f, lib, x: f.jacrev(lambda a: (a.sin(), a), has_aux=True)(x),
    "jacfwd": lambda f, lib, x: f.jacfwd(net(lib), argnums=(0, 1))(weights(lib), x),
    "jacfwd with aux": lambda f, lib, x: f.jacfwd(lambda a: (a.sin(), a), has_aux=True)(x),
    "hessian": lambda f, lib, x: f.hessian(wave)(x),
    "hessian, two arguments": lambda f, lib, x: f.hessian(lambda a, b: (a * a * b).sum(), (0, 1))(x, x + 1),
    "jacfwd of jacrev": lambda f, lib, x: f.jacfwd(f.jacrev(wave))(x),
    "jacrev of jacfwd": lambda f, lib, x: f.jacrev(f.jacfwd(wave))(x),
    "vmap of hessian": lambda f, lib, x: f.vmap(f.hessian(wave))(lib.stack([x, x + 1])),
    "vmap of jvp": lambda f, lib, x: f.vmap(lambda t: f.jvp(wave, (x,), (t,)))(lib.stack([x, x + 1])),
    "per-example gradients": lambda f, lib, x: f.vmap(f.grad(loss(lib)), (None, 0, 0))(
        weights(lib), numbers(lib, 5, 4), lib.tensor([0, 1, 2, 0, 1])
    ),
    "grad of vmap": lambda f, lib, x: f.grad(
        lambda w: f.vmap(scalar_map, (0, None))(numbers(lib, 5, 4), w).pow(2).sum()
    )(weights(lib)["w"]),
    "grad of vmap of grad, weights from outside": lambda f, lib, x: f.grad(
        lambda w: f.vmap(f.grad(lambda a: scalar_map(a, w)))(numbers(lib, 5, 4)).pow(2).sum()
    )(weights(lib)["w"]),
    "jacobian of a gradient of vmap": lambda f, lib, x: f.jacrev(
        f.grad(lambda w: f.vmap(f.grad(lambda a: scalar_map(a, w)))(numbers(lib, 2, 4)).pow(2).sum())
    )(weights(lib)["w"]),
    "nested vmap of grad": lambda f, lib, x: f.vmap(
        lambda a: f.vmap(f.grad(lambda w: (a * w).sin().sum()))(weights(lib)["w"])
    )(numbers(lib, 5, 4)),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers(name: str) -> None:
    close(lambda lib: CALLS[name](lib.func, lib, numbers(lib, 4)))


OUTSIDE: dict[str, Any] = {
    "the argument requires grad": lambda f, x, w: f.grad(lambda a: (a**3).sum())(x),
    "a tensor from outside requires grad": lambda f, x, w: f.grad(lambda a: ((a * w) ** 2).sum())(x.detach()),
    "the gradient does not depend on it": lambda f, x, w: f.grad(lambda a: (a**2 + w).sum())(x.detach()),
    "nothing outside requires grad": lambda f, x, w: f.grad(lambda a: (a**2).sum())(x.detach()),
    "vjp": lambda f, x, w: f.vjp(lambda a: a * w, x.detach())[1](x.detach()),
    "jvp": lambda f, x, w: f.jvp(lambda a: a * a * w, (x.detach(),), (x.detach(),)),
    "jacfwd": lambda f, x, w: f.jacfwd(lambda a: (a * w).sin())(x.detach()),
    "vmap": lambda f, x, w: f.vmap(lambda a: (a * w).sum())(x.detach().reshape(2, 2).repeat(1, 2)),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_requires_grad_outside_is_recorded(name: str) -> None:
    def scenario(lib: Any) -> Any:
        x, w = numbers(lib, 4).requires_grad_(), numbers(lib, 4, seed=1).requires_grad_()
        out = OUTSIDE[name](lib.func, x, w)
        found = [each for each in (out if isinstance(out, tuple) else (out,)) if each.requires_grad]
        total = sum(each.sum() for each in found)
        return out, lib.autograd.grad(total, [x, w], allow_unused=True, materialize_grads=True) if found else ()

    close(scenario)


def test_no_grad_outside_does_not_reach_in() -> None:
    def scenario(lib: Any) -> Any:
        x = numbers(lib, 4).requires_grad_()
        with lib.no_grad():
            return lib.func.grad(lambda a: (a**2).sum())(x), lib.func.jacfwd(lambda a: a.sin())(x)

    close(scenario)


def test_no_grad_inside_cuts() -> None:
    def cut(lib: Any) -> Any:
        def function(a: Any) -> Any:
            with lib.no_grad():
                c = a**2
            return (a - c).sum()

        return lib.func.grad(function)(numbers(lib, 4))

    close(cut)


REFUSED: dict[str, Any] = {
    "grad of no scalar": lambda f, x: f.grad(lambda a: a)(x),
    "grad of no tensor": lambda f, x: f.grad(lambda a: 1.0)(x),
    "grad, argnums too large": lambda f, x: f.grad(wave, argnums=1)(x),
    "grad, argnums empty": lambda f, x: f.grad(wave, argnums=())(x),
    "grad, argnums twice": lambda f, x: f.grad(lambda a, b: wave(a), argnums=(0, 0))(x, x),
    "grad by a number": lambda f, x: f.grad(wave)(1.0),
    "no aux": lambda f, x: f.grad(wave, has_aux=True)(x),
    "vjp, another structure": lambda f, x: f.vjp(lambda a: a, x)[1]((x, x)),
    "vjp of integers": lambda f, x: f.vjp(lambda a: a.long(), x),
    "vjp of no tensor": lambda f, x: f.vjp(lambda a: 1.0, x),
    "jvp of no tuple": lambda f, x: f.jvp(wave, x, x),
    "jvp, another structure": lambda f, x: f.jvp(wave, (x,), (x, x)),
    "jvp, another shape": lambda f, x: f.jvp(wave, (x,), (x[1:],)),
    "jvp, strict": lambda f, x: f.jvp(lambda a: x, (x,), (x,), strict=True),
    "jvp of nothing": lambda f, x: f.jvp(lambda: x, (), ()),
    "jacrev, chunk_size": lambda f, x: f.jacrev(wave, chunk_size=0),
    "jacrev, complex": lambda f, x: f.jacrev(lambda a: a * 1j)(x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    same(lambda lib: REFUSED[name](lib.func, numbers(lib, 4)), message=False)


def test_in_place_inside() -> None:
    def scenario(lib: Any) -> Any:
        def function(a: Any) -> Any:
            y = a * 2
            y[0] = a[1]
            y[1:].mul_(a[1:])
            return (y**2).sum()

        return lib.func.grad(function)(numbers(lib, 4)), lib.func.vmap(lib.func.grad(function))(numbers(lib, 3, 4))

    close(scenario)
