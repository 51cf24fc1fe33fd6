"""Special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import Case, Refusal

S = "special."


def cases() -> Any:
    for name in "erf erfc erfcx ndtr log_ndtr i0 i0e i1 i1e sinc".split():
        yield Case(S + name, lambda t: (t.float(t.rng.random((3, 4)) * 8 - 4),), rtol=1e-3)
    for name in "erfinv ndtri logit entr".split():
        yield Case(S + name, lambda t: (t.unit(3, 4),))
    for name in "gammaln digamma psi".split():
        yield Case(S + name, lambda t: (t.positive(3, 4),))
        yield Case(
            S + name,
            lambda t: (t.float(-t.rng.integers(0, 4, 6) - 0.2 - 0.6 * t.rng.random(6)),),
            id="negative",
            rtol=1e-3,
        )
    for n in range(4):
        yield Case("polygamma", lambda t, n=n: (n, t.positive(3, 4)), id=str(n))
    yield Case("mvlgamma", lambda t: (t.float(t.rng.random((3, 4)) + 2), 3))
    yield Case("logit", lambda t: (t.float([-0.1, 0.05, 0.2, 0.5, 0.97, 1.2]), 0.1), id="eps")
    for name in ("gammainc", "gammaincc"):
        yield Case(S + name, lambda t: (t.positive(3, 4, grad=False), t.positive(4)))
    yield Case(S + "zeta", lambda t: (t.float(t.rng.random((3, 4)) + 1.5, grad=False), t.positive(4)))
    for name in ("xlogy", "xlog1py"):
        yield Case(S + name, lambda t: (t(3, 4), t.positive(4)))
        yield Case(S + name, lambda t: (t(3, 4), 2.0), id="number")
    for name in "bessel_j0 bessel_j1 bessel_y0 bessel_y1 airy_ai spherical_bessel_j0".split():
        yield Case(S + name, lambda t: (t.float(t.rng.random(50) * 40, grad=False),))
    for name in "modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1".split():
        yield Case(S + name, lambda t: (t.float(t.rng.random(50) * 10, grad=False),))
    for name in "scaled_modified_bessel_k0 scaled_modified_bessel_k1".split():
        yield Case(S + name, lambda t: (t.float(t.rng.random(50) * 50, grad=False),))
    polynomials = [f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"]
    polynomials += ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]
    for name in polynomials:
        yield Case(S + name, lambda t: (t.unit(3, 6, grad=False), t.const(np.array([-1, 0, 1, 2, 5, 9]))))
        yield Case(S + name, lambda t: (t.unit(4, grad=False), 3), id="number")


def refusals() -> Any:
    yield Refusal("polygamma", lambda t: (-1, t(3)), RuntimeError, "negative n")
    yield Refusal("mvlgamma", lambda t: (t.unit(3), 0), RuntimeError, "greater than or equal to 1")
    yield Refusal("lgamma", lambda t: (t.complex(3),), NotImplementedError, "lgamma")
