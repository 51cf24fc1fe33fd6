"""Views, joining, repeating and rearranging."""

from harness import Case, Refusal


def cases():
    yield from views()
    yield from sections()
    yield from joining()
    yield from rearranging()


def views():
    yield Case("reshape", lambda t: (t(2, 6), (3, -1)))
    yield Case("reshape", lambda t: (t(2, 3, 4), (-1,)), id="flat")
    yield Case("Tensor.view", lambda t: (t(2, 6), 3, 4), layouts=False)
    yield Case("Tensor.view_as", lambda t: (t(2, 6), t(12, grad=False)), layouts=False)
    yield Case("Tensor.reshape_as", lambda t: (t(2, 6), t(12, grad=False)))
    yield Case("flatten", lambda t: (t(2, 3, 4), 1))
    yield Case("flatten", lambda t: (t(2, 3, 4),), dict(end_dim=1), id="front")
    yield Case("flatten", lambda t: (t(),), id="0-d")
    yield Case("unflatten", lambda t: (t(2, 6), 1, (2, -1)))
    yield Case("ravel", lambda t: (t(2, 3),))
    yield Case("squeeze", lambda t: (t(1, 3, 1),))
    yield Case("squeeze", lambda t: (t(1, 3, 1), -1), id="dim")
    yield Case("squeeze", lambda t: (t(1, 3, 1), (0, 1)), id="dims")
    yield Case("unsqueeze", lambda t: (t(2, 3), -1))
    yield Case("permute", lambda t: (t(2, 3, 4), (2, 0, -2)))
    yield Case("transpose", lambda t: (t(2, 3, 4), 0, -1))
    yield Case("swapaxes", lambda t: (t(2, 3), 0, 1))
    yield Case("t", lambda t: (t(2, 3),))
    yield Case("movedim", lambda t: (t(2, 3, 4), 0, -1))
    yield Case("movedim", lambda t: (t(2, 3, 4), (0, 1), (-1, 0)), id="several")
    yield Case("adjoint", lambda t: (t(2, 3, 4),))
    yield Case(
        "adjoint",
        lambda t: (t.complex(3, 4),),
        id="complex",
        grad=False,
        reference=lambda torch: lambda x: x.adjoint().resolve_conj(),
    )
    yield Case("Tensor.expand", lambda t: (t(3, 1), 2, -1, 4))
    yield Case("Tensor.expand_as", lambda t: (t(3, 1), t(2, 3, 2, grad=False)))
    yield Case("broadcast_to", lambda t: (t(3, 1), (2, 3, 2)))
    yield Case("broadcast_tensors", lambda t: (t(3, 1), t(2)))
    yield Case("diagonal", lambda t: (t(3, 4),))
    yield Case("diagonal", lambda t: (t(2, 3, 4), 1, -2, -1), id="offset")
    yield Case("diagonal", lambda t: (t(2, 3, 4), -1, 2, 0), id="below")
    yield Case("Tensor.unfold", lambda t: (t(2, 7), 1, 3, 2))
    yield Case("Tensor.unfold", lambda t: (t(5, 2), 0, 2, 1), id="overlap")
    yield Case("as_strided", lambda t: (t(3, 4), (2, 2), (4, 1), 1), layouts=False)
    yield Case("as_strided", lambda t: (t(6), (3, 3), (1, 1)), layouts=False, id="overlap")
    yield Case("view_as_real", lambda t: (t.complex(2, 3),))
    yield Case("view_as_complex", lambda t: (t(3, 2),), layouts=False)
    yield Case("Tensor.sum_to_size", lambda t: (t(2, 3, 4), 3, 1))
    yield Case("narrow_copy", lambda t: (t(4, 3), 0, 1, 2), grad=False)
    yield Case("permute", lambda t: (t(2, 3),), dict(dims=(1, 0)), id="keyword")
    yield Case("reshape", lambda t: (t(2, 3),), dict(shape=(3, 2)), id="keyword")
    yield Case("clone", lambda t: (t(2, 3),))
    yield Case("Tensor.contiguous", lambda t: (t(2, 3),))
    yield Case("atleast_1d", lambda t: (t(),))
    yield Case("atleast_2d", lambda t: (t(3), t(2, 2)))
    yield Case("atleast_3d", lambda t: (t(2, 3),))


def sections():
    yield Case("select", lambda t: (t(2, 3), 1, -1))
    yield Case("narrow", lambda t: (t(4, 3), 0, 1, 2))
    yield Case("narrow", lambda t: (t(4, 3), 0, -3, 2), id="negative")
    yield Case("split", lambda t: (t(5, 2), 2))
    yield Case("split", lambda t: (t(2, 5), [1, 4]), dict(dim=1), id="sections")
    yield Case("split", lambda t: (t(3, 2), 3), id="one piece")
    yield Case("chunk", lambda t: (t(5, 2), 3))
    yield Case("tensor_split", lambda t: (t(5, 2), 3))
    yield Case("tensor_split", lambda t: (t(2, 5), (1, 3)), dict(dim=1), id="indices")
    yield Case("hsplit", lambda t: (t(2, 4), 2))
    yield Case("vsplit", lambda t: (t(4, 2), (1, 3)))
    yield Case("dsplit", lambda t: (t(2, 2, 4), 2))
    yield Case("unbind", lambda t: (t(3, 2),))
    yield Case("unbind", lambda t: (t(2, 1), 1), id="one")


def joining():
    yield Case("cat", lambda t: ((t(2, 3), t(1, 3)),))
    yield Case("cat", lambda t: ((t(2, 3), t(2, 1)),), dict(dim=-1), id="dim")
    yield Case("cat", lambda t: ((t(0), t(2, 1)),), id="empty")
    yield Case("stack", lambda t: ((t(2, 3), t(2, 3)),))
    yield Case("stack", lambda t: ([t(2, 3), t(2, 3)], -1), id="last")
    yield Case("stack", lambda t: ([t(), t(), t()],), id="0-d")
    yield Case("hstack", lambda t: ((t(2, 3), t(2, 1)),))
    yield Case("vstack", lambda t: ((t(3), t(2, 3)),))
    yield Case("dstack", lambda t: ((t(2, 3), t(2, 3)),))
    yield Case("column_stack", lambda t: ((t(3), t(3, 2)),))
    yield Case("block_diag", lambda t: (t(2, 3), t(2), t()))
    yield Case("cartesian_prod", lambda t: (t(2), t(3)))
    yield Case("combinations", lambda t: (t(4), 2))
    yield Case("combinations", lambda t: (t(3), 2, True), id="replacement")
    yield Case("meshgrid", lambda t: (t(2), t(3)), dict(indexing="ij"))
    yield Case("meshgrid", lambda t: (t(2), t(3), t(2)), dict(indexing="xy"), id="xy")


def rearranging():
    yield Case("Tensor.repeat", lambda t: (t(2, 3), 2, 1, 2))
    yield Case("tile", lambda t: (t(2, 3), (2,)))
    yield Case("repeat_interleave", lambda t: (t(2, 3), 2))
    yield Case("repeat_interleave", lambda t: (t(2, 3), t.const([1, 0, 2])), dict(dim=1), id="counts")
    yield Case("flip", lambda t: (t(2, 3), (0, 1)))
    yield Case("flip", lambda t: (t(2, 3),), dict(dims=(1,)), id="keyword")
    yield Case("fliplr", lambda t: (t(2, 3),))
    yield Case("flipud", lambda t: (t(2, 3),))
    yield Case("roll", lambda t: (t(2, 3), 1))
    yield Case("roll", lambda t: (t(2, 3), (1, -2), (0, 1)), id="dims")
    for k in range(4):
        yield Case("rot90", lambda t, k=k: (t(2, 3), k), id=str(k))
    yield Case("tril", lambda t: (t(3, 4),))
    yield Case("triu", lambda t: (t(2, 3, 3), 1))
    yield Case("diag", lambda t: (t(3), 1))
    yield Case("diag", lambda t: (t(3, 4), -1), id="matrix")
    yield Case("diag_embed", lambda t: (t(2, 3), 1, 0, 2))
    yield Case("diag_embed", lambda t: (t(2, 3), -1), id="below")
    yield Case("diagflat", lambda t: (t(2, 2),))
    yield Case("trace", lambda t: (t(3, 2),))
    yield Case("vander", lambda t: (t(3, grad=False),))
    yield Case("vander", lambda t: (t(3, grad=False), 4, True), id="increasing")


def refusals():
    yield Refusal(
        "reshape", lambda t: (t(2, 3), (4, 2)), RuntimeError, r"shape \[4, 2\] is invalid for input of size 6"
    )
    yield Refusal("Tensor.view", lambda t: (t(2, 3), 7), RuntimeError, "view.*invalid for input of size 6")
    yield Refusal("cat", lambda t: ((t(2, 3), t(2, 2)),), RuntimeError, r"cat.*\(2, 3\).*\(2, 2\)")
    yield Refusal("cat", lambda t: ((),), RuntimeError, "non-empty")
    yield Refusal("stack", lambda t: ((t(2), t(3)),), RuntimeError, "equal size")
    yield Refusal("split", lambda t: (t(5), [1, 2]), RuntimeError, "sum exactly to 5")
    yield Refusal("transpose", lambda t: (t(2, 3), 0, 2), IndexError, "out of range")
    yield Refusal("permute", lambda t: (t(2, 3), (0, 0)), RuntimeError, "twice")
    yield Refusal("narrow", lambda t: (t(4), 0, 3, 2), RuntimeError, "exceeds")
    yield Refusal("select", lambda t: (t(4), 0, 4), IndexError, "out of range")
    yield Refusal("Tensor.expand", lambda t: (t(2, 3), 2, 4), RuntimeError, "expand")
