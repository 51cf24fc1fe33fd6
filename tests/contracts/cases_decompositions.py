"""Inverses, solvers, determinants, spectra. Where signs are free, a function of the result that does not depend on
them."""

import numpy as np
from harness import Case, Refusal


def spd(t, *lead, n=3):
    """Symmetric positive matrices, spectrum well apart."""
    q = np.linalg.qr(t.rng.standard_normal((*lead, n, n)))[0]
    return t.float((q * (np.arange(n) + 1.0)) @ np.swapaxes(q, -1, -2))


def regular(t, *lead, n=3):
    """Matrices far from singular."""
    return t.float(t.rng.standard_normal((*lead, n, n)) + 3 * np.eye(n))


def lower(t, n=3):
    return t.float(np.tril(t.rng.standard_normal((n, n))) + 2 * np.eye(n))


def spread(t, *shape):
    """Matrices whose singular values are well apart."""
    u, _, vh = np.linalg.svd(t.rng.standard_normal(shape), full_matrices=False)
    return t.float((u * (np.arange(min(shape[-2:])) + 1.0)) @ vh)


def symmetric(x):
    """Functions that look at one triangle only are checked on what they take their argument for."""
    return (x + x.mT) / 2


def projections(library, name, x, *args):
    """Products of a decomposition's factors that do not depend on signs and phases."""
    found = getattr(library.linalg, name)(symmetric(x) if name in SYMMETRIC else x, *args)
    if name in ("cholesky", "eigvalsh"):
        return found
    first, *rest = found
    if name == "eigh":
        return first, rest[0].abs(), rest[0] @ (first.exp().unsqueeze(-1) * rest[0].mT.conj())
    if name == "eig":
        return first.real, (rest[0] * first.unsqueeze(-2) @ library.linalg.inv(rest[0])).real
    if name == "svd":
        s, vh = rest
        return s, first.abs(), (first[..., : s.shape[-1]] * s.exp().unsqueeze(-2)) @ vh[..., : s.shape[-1], :], vh.abs()
    return first.abs(), rest[0].abs(), first @ rest[0]


SYMMETRIC = ("cholesky", "eigh", "eigvalsh")


def case(name, args, **options):
    made = Case("linalg." + name, args, **options)
    made.function = lambda library: lambda *a: projections(library, name, *a)
    return made


def lowrank(args, id):
    """From the same seed, U S V^H is the same."""

    def product(library):
        def function(*args):
            library.manual_seed(3)
            u, s, v = library.svd_lowrank(*args)
            return s, (u * s) @ v.mT

        return function

    made = Case("svd_lowrank", args, grad=False, id=id)
    made.function = product
    return made


def triangular(name, args):
    """Only a triangle is looked at, though PyTorch's gradient is that of the whole."""
    made = Case(name, args)
    made.function = lambda library: lambda *a: getattr(library, name)(*a[:-1], a[-1].tril())
    return made


def cases():
    yield from inverses()
    yield from determinants()
    yield from decompositions()
    yield from norms()
    yield from lower_upper()
    yield from others()


def inverses():
    yield Case("linalg.inv", lambda t: (regular(t),))
    yield Case("linalg.inv", lambda t: (regular(t, 2),), id="batch")
    yield Case("inverse", lambda t: (regular(t),))
    yield Case("linalg.inv_ex", lambda t: (regular(t, 2),))
    yield Case("linalg.solve", lambda t: (regular(t), t(3, 2)))
    yield Case("linalg.solve", lambda t: (regular(t), t(3)), id="vector")
    yield Case("linalg.solve", lambda t: (regular(t, 2), t(3, 2)), id="broadcast")
    yield Case("linalg.solve", lambda t: (regular(t, 2), t(2, 4, 3)), dict(left=False), id="right")
    yield Case("linalg.solve_ex", lambda t: (regular(t), t(3, 2)))
    for upper in (True, False):
        yield Case("linalg.solve_triangular", lambda t: (regular(t), t(3, 2)), dict(upper=upper), id=f"{upper}")
        yield Case(
            "linalg.solve_triangular",
            lambda t: (regular(t), t(2, 3)),
            dict(upper=upper, left=False, unitriangular=True),
            id=f"{upper} unit",
        )
    yield Case("triangular_solve", lambda t: (t(3, 2), regular(t)), dict(transpose=True))
    yield Case("linalg.pinv", lambda t: (spread(t, 4, 3),))
    yield Case("linalg.pinv", lambda t: (spread(t, 2, 3, 4),), id="wide")
    yield Case("linalg.pinv", lambda t: (spd(t),), dict(hermitian=True), id="hermitian", grad=False)
    yield Case("linalg.lstsq", lambda t: (spread(t, 4, 3), t(4, 2)), grad=False)
    yield Case("linalg.tensorinv", lambda t: (t(2, 3, 6),))
    yield Case("linalg.tensorsolve", lambda t: (t(2, 3, 6), t(2, 3)))


def determinants():
    yield Case("linalg.det", lambda t: (regular(t),))
    yield Case("det", lambda t: (regular(t, 2),), id="batch")
    yield Case("slogdet", lambda t: (regular(t, 2),))
    yield Case("linalg.slogdet", lambda t: (t.complex(3, 3),), id="complex")
    yield Case("logdet", lambda t: (spd(t),))


def decompositions():
    yield case("cholesky", lambda t: (spd(t, 2),))
    yield case("cholesky", lambda t: (spd(t),), id="one")
    yield triangular("cholesky_inverse", lambda t: (lower(t),))
    yield triangular("cholesky_solve", lambda t: (t(3, 2), lower(t)))
    yield case("eigvalsh", lambda t: (spd(t, 2),))
    yield Case("linalg.svdvals", lambda t: (spread(t, 2, 4, 3),))
    yield case("eigh", lambda t: (spd(t),))
    yield case("eig", lambda t: (t.float([[1.0, 0.5, 0.2], [0.1, 2.0, 0.3], [0.4, 0.2, 4.0]]),))
    yield case("svd", lambda t: (spread(t, 4, 3), False))
    yield case("svd", lambda t: (spread(t, 2, 3, 4), False), id="wide")
    yield case("qr", lambda t: (spread(t, 4, 3),))
    yield case("qr", lambda t: (spread(t, 3, 5),), id="wide")
    yield case("qr", lambda t: (spread(t, 4, 3), "complete"), id="complete", grad=False)

    for shape in ((5, 3), (3, 5)):
        yield lowrank(lambda t, s=shape: (t(*s, grad=False), 2, 1), f"{shape}")
        yield lowrank(lambda t, s=shape: (t(*s, grad=False), 2, 2, t(1, s[1], grad=False)), f"{shape} less")


def norms():
    for order in (None, 2.5, float("inf")):
        yield Case("linalg.vector_norm", lambda t, o=order: (t.positive(), 2 if o is None else o, 0), id=f"0-d {order}")
        yield Case("linalg.vector_norm", lambda t, o=order: (t.distinct(2, 3), 2 if o is None else o, 1), id=str(order))
    for order in ("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")):
        yield Case("linalg.matrix_norm", lambda t, o=order: (spread(t, 2, 3, 4), o), id=str(order))
        yield Case(
            "linalg.matrix_norm",
            lambda t, o=order: (spread(t, 2, 3, 2), o, (2, 0), True),
            id=f"{order} dims",
        )
    yield Case("linalg.norm", lambda t: (t(2, 3),))
    yield Case("linalg.norm", lambda t: (t(3), 3), id="vector")
    yield Case("linalg.norm", lambda t: (spread(t, 3, 3), 2), id="matrix")
    yield Case("norm", lambda t: (spread(t, 4, 3), "nuc"), id="nuc")
    yield Case("linalg.cond", lambda t: (spread(t, 3, 3),))
    yield Case("linalg.cond", lambda t: (regular(t), 1), id="1", grad=False)
    yield Case("linalg.matrix_rank", lambda t: (spread(t, 2, 4, 3),), grad=False)


def lower_upper():
    for m, n in ((3, 3), (4, 3), (3, 4)):
        yield Case("linalg.lu", lambda t, m=m, n=n: (t(m, n),), id=f"{m}x{n}")
        yield Case("linalg.lu_factor", lambda t, m=m, n=n: (t(2, m, n),), id=f"{m}x{n}")
    yield Case("lu_unpack", lambda t: (t(2, 3, 3), t.const(np.int32([[2, 3, 3], [1, 2, 3]]))))
    yield Case("linalg.lu_factor_ex", lambda t: (t(3, 3),))


def others():
    yield Case("linalg.matrix_exp", lambda t: (t(2, 3, 3),))
    for n in (-2, 0, 1, 5):
        yield Case("linalg.matrix_power", lambda t, n=n: (regular(t), n), id=str(n))
    yield Case("linalg.multi_dot", lambda t: ([t(2), t(2, 3), t(3, 4), t(4, 2)],))
    yield Case("linalg.vecdot", lambda t: (t(2, 3), t(2, 3)))
    yield Case("linalg.vander", lambda t: (t(2, 3, grad=False),), dict(N=4))
    yield Case("linalg.cross", lambda t: (t(2, 3), t(1, 3)))
    yield Case("linalg.diagonal", lambda t: (t(2, 3, 4),), dict(offset=1))
    yield Case("linalg.householder_product", lambda t: (t(4, 3), t(3)))
    yield Case("ormqr", lambda t: (t(4, 3), t(3), t(4, 2)), layouts=False)
    yield Case("ormqr", lambda t: (t(4, 3), t(3), t(2, 4), False, True), id="right", layouts=False)
    yield Case("cov", lambda t: (t(3, 5),))
    yield Case(
        "cov", lambda t: (t(3, 5),), lambda t: dict(correction=0, aweights=t.positive(5, grad=False)), id="weights"
    )
    yield Case("corrcoef", lambda t: (t(3, 5),))


def refusals():
    yield Refusal("linalg.inv", lambda t: (t(2, 3),), RuntimeError, "square")
    yield Refusal("linalg.inv", lambda t: (t.const([[1.0, 2.0], [2.0, 4.0]]),), RuntimeError, "[Ss]ingular")
    yield Refusal(
        "linalg.cholesky", lambda t: (t.const([[1.0, 2.0], [2.0, 1.0]]),), RuntimeError, "[Pp]ositive definite"
    )
    yield Refusal("linalg.solve", lambda t: (t(3, 3), t(2, 2)), RuntimeError, "Incompatible shapes")
    yield Refusal("linalg.qr", lambda t: (t(3, 3), "full"), RuntimeError, "mode")
    yield Refusal("linalg.matrix_norm", lambda t: (t(3, 3), 7), RuntimeError, "Order 7")
