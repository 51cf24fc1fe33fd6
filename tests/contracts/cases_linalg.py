"""Products of vectors and matrices."""

from harness import Case, Refusal


def cases():
    yield from products()
    yield from added()
    yield from contractions()


def products():
    shapes = [
        ((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 2, 3), (3, 4)), ((2, 2, 3), (3,)),
        ((3,), (2, 3, 4)), ((2, 2, 3), (2, 3, 4)), ((2, 1, 2, 3), (3, 3, 4)), ((2, 3), (2, 3, 4)), ((0, 3), (3, 2)),
        ((2, 0), (0, 2)),
    ]  # fmt: skip
    for a, b in shapes:
        yield Case("matmul", lambda t, a=a, b=b: (t(*a), t(*b)), id=f"{a} {b}")
    yield Case("matmul", lambda t: (t.complex(2, 3), t.complex(3, 2)), id="complex")
    yield Case("matmul", lambda t: (t.ints(5, 2, 3), t.ints(5, 3)), id="integers", grad=False)
    yield Case("mm", lambda t: (t(2, 3), t(3, 4)))
    yield Case("bmm", lambda t: (t(2, 2, 3), t(2, 3, 4)))
    yield Case("mv", lambda t: (t(2, 3), t(3)))
    yield Case("dot", lambda t: (t(3), t(3)))
    yield Case("vdot", lambda t: (t.complex(3), t.complex(3)))
    yield Case("inner", lambda t: (t(2, 3), t(4, 3)))
    yield Case("outer", lambda t: (t(3), t(2)))
    yield Case("ger", lambda t: (t(3), t(2)))
    yield Case("cross", lambda t: (t(2, 3), t(2, 3)), dict(dim=1))
    yield Case("kron", lambda t: (t(2, 3), t(2)))
    yield Case("chain_matmul", lambda t: (t(2, 3), t(3, 4), t(4, 1)))


def added():
    yield Case("addmm", lambda t: (t(4), t(2, 3), t(3, 4)))
    yield Case("addmm", lambda t: (t(2, 4), t(2, 3), t(3, 4)), dict(beta=0.5, alpha=2), id="scaled")
    yield Case("addmv", lambda t: (t(2), t(2, 3), t(3)), dict(alpha=2))
    yield Case("addr", lambda t: (t(2, 3), t(2), t(3)), dict(beta=2))
    yield Case("baddbmm", lambda t: (t(2, 2, 4), t(2, 2, 3), t(2, 3, 4)), dict(beta=0.5))
    yield Case("addbmm", lambda t: (t(2, 4), t(2, 2, 3), t(2, 3, 4)))


def contractions():
    yield Case("tensordot", lambda t: (t(2, 3, 4), t(3, 4, 2)))
    yield Case("tensordot", lambda t: (t(2, 3, 4), t(4, 2, 3)), dict(dims=([0, 2], [1, 0])), id="lists")
    yield Case("tensordot", lambda t: (t(2, 1), t(3, 2)), dict(dims=([1], [0])), id="broadcast")
    for equation, *shapes in EQUATIONS:
        yield Case("einsum", lambda t, e=equation, s=shapes: (e, *(t(*x) for x in s)), id=equation)
    yield Case("einsum", lambda t: (t(2, 3), [0, 1], t(3, 4), [1, 2], [0, 2]), id="sublists")


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 4)),
    ("ij->ji", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ij->", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
    ("b...d,d->b...", (2, 3, 4), (4,)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 2)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 2, 4)),
    ("ij,kl->", (2, 3), (2, 2)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 2), (2, 2)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,jk->ik", (2, 1), (3, 4)),
]


def refusals():
    yield Refusal("matmul", lambda t: (t(2, 3), t(2, 3)), RuntimeError, r"matmul.*\(2, 3\) and \(2, 3\)")
    yield Refusal("matmul", lambda t: (t(2, 3), t.ints(3, 3, 2)), RuntimeError, "same dtype")
    yield Refusal("mm", lambda t: (t(2, 3), t(3)), RuntimeError, "mm.*2-D")
    yield Refusal("bmm", lambda t: (t(2, 2, 3), t(3, 3, 2)), RuntimeError, "bmm")
    yield Refusal("dot", lambda t: (t(2), t(3)), RuntimeError, "dot")
    yield Refusal("einsum", lambda t: ("ij,jk", t(2, 3)), RuntimeError, "operands")
    yield Refusal("einsum", lambda t: ("ij->k", t(2, 3)), RuntimeError, "output subscript")
