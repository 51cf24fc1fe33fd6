"""Products of vectors and matrices: matmul, mm, bmm, mv, dot, outer, addmm and its kin, einsum, tensordot.

All of them end in `MatMul`, one operator over `matmul_kernel`. `linear_algebra/` has inverses, solvers and spectra.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod as product
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd.tape import Operator, TensorBase
from ..errors import OperatorError, ShapeError
from ..kernels import kernel, xp
from .dims import wrap_dim
from .joining import stack
from .numpy_protocol import numpy_name
from .promotion import as_tensor, broadcast_error, cast, into, is_complex, is_half, not_a_tensor, unbroadcast
from .shape import expand, movedim, permute, reshape
from .sparse_coo import is_coo, sparse_mm

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


@kernel
def matmul_kernel(a: Array, b: Array) -> Array:
    """(..., M, K) @ (..., K, N) -> (..., M, N); leading dimensions broadcast. 16-bit floats add up in float32."""
    if is_half(a):
        return xp.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return xp.matmul(a, b)


class MatMul(Operator):
    """da = grad @ b^T,  db = a^T @ grad  (conjugated for complex numbers), summed over dimensions that were
    broadcast."""

    saves = (0, 1)

    @staticmethod
    def forward(ctx: Any, a: Array, b: Array) -> Array:
        needs = ctx.needs
        ctx.shapes = a.shape, b.shape
        ctx.save(a if needs[1] else None, b if needs[0] else None)
        if b.ndim == 2 and a.ndim > 2:  # one large product instead of many small ones
            return matmul_kernel(_rows(a), b).reshape((*a.shape[:-1], b.shape[1]))
        if a.ndim == 1 or b.ndim == 1:
            return _with_vectors(a, b)
        return matmul_kernel(a, b)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        a, b = ctx.saved
        a_shape, b_shape = ctx.shapes
        rows = a_shape[-2:] if len(a_shape) > 1 else (1, *a_shape)
        columns = b_shape[-2:] if len(b_shape) > 1 else (*b_shape, 1)
        if len(b_shape) == 2 and len(a_shape) > 1:
            grad = _rows(grad)
            da = None if b is None else matmul_kernel(grad, adjoint_of(b)).reshape(a_shape)
            db = None if a is None else matmul_kernel(adjoint_of(_rows(a)), grad)
            return da, db
        batch = grad.shape[: grad.ndim - (len(a_shape) > 1) - (len(b_shape) > 1)]
        grad = grad.reshape((*batch, rows[0], columns[1]))
        da = db = None
        if b is not None:
            da = unbroadcast(
                matmul_kernel(grad, adjoint_of(b.reshape((*b_shape[:-2], *columns)))), (*a_shape[:-2], *rows)
            )
            da = da.reshape(a_shape)
        if a is not None:
            db = unbroadcast(
                matmul_kernel(adjoint_of(a.reshape((*a_shape[:-2], *rows))), grad), (*b_shape[:-2], *columns)
            )
            db = db.reshape(b_shape)
        return da, db


class Mm(MatMul): ...


class Bmm(MatMul): ...


class Mv(MatMul): ...


class Dot(MatMul): ...


_BY_RANK = {(2, 2): Mm, (3, 3): Bmm, (2, 1): Mv, (1, 1): Dot}  # one operator; its names are what PyTorch shows


def _apply(a: Tensor, b: Tensor) -> Tensor:
    return _BY_RANK.get((a._array.ndim, b._array.ndim), MatMul).apply(a, b)


def _rows(x: Array) -> Array:
    """(..., K) -> (R, K). The count is spelled out, as -1 cannot be told when there are no elements."""
    return x if x.ndim == 2 else x.reshape((product(x.shape[:-1]), x.shape[-1]))


def _with_vectors(a: Array, b: Array) -> Array:
    """A 1-d operand is a row on the left, a column on the right; its dimension is dropped from the result."""
    left, right = a if a.ndim > 1 else a.reshape((1, -1)), b if b.ndim > 1 else b.reshape((-1, 1))
    out = matmul_kernel(left, right)
    lead = out.shape[:-2]
    return out.reshape((*lead, *out.shape[-2:][a.ndim == 1 : 2 - (b.ndim == 1)]))


def adjoint_of(x: Array) -> Array:
    """The conjugate transpose of the last two dimensions."""
    x = xp.swapaxes(x, -1, -2)
    return xp.conj(x) if is_complex(x) else x


def _check_product(a: Any, b: Any, name: str) -> None:
    """Raises unless both are Tensors of one dtype that is not bool."""
    for x, argument in ((a, "input"), (b, "other")):
        if not isinstance(x, TensorBase):
            raise not_a_tensor(x, name, argument)
    if a._array.dtype != b._array.dtype:
        raise OperatorError(f"{name}: expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}")
    if a._array.dtype.kind == "b":
        raise OperatorError(f"{name}: not implemented for 'Bool'; convert to another dtype first")


def _product(a: Tensor, b: Tensor, name: str) -> Tensor:
    try:
        if a._array.dtype is b._array.dtype and a._array.dtype.kind != "b":
            return _apply(a, b)
    except (AttributeError, ValueError):
        pass
    _check_product(a, b, name)
    if a._array.ndim == 0 or b._array.ndim == 0:
        raise ShapeError(
            f"{name}: both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    if a._array.shape[-1] != b._array.shape[-2 if b._array.ndim > 1 else 0]:
        raise ShapeError(f"{name}: mat1 and mat2 shapes cannot be multiplied {_pair(a, b)}")
    try:
        return _apply(a, b)
    except ValueError:
        raise ShapeError(f"{name}: batch dimensions of {_pair(a, b)} do not broadcast") from None


def _with_sparse(a: Tensor, b: Tensor) -> Tensor:
    """A product one of whose factors is a sparse matrix; the other may be a vector."""
    if not is_coo(a):
        return _with_sparse(b.t(), a.t()).t()
    return sparse_mm(a, b.unsqueeze(1)).squeeze(1) if b.dim() == 1 else sparse_mm(a, b)


def _pair(a: Tensor, b: Tensor) -> str:
    return f"({tuple(a.shape)} and {tuple(b.shape)})"


@numpy_name("matmul", "dot")
def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The matrix product over the last two dimensions; leading dimensions broadcast, 1-d tensors are a row or a column.

    Raises:
        RuntimeError: dtypes differ, or shapes do not fit.

    Example:
        >>> rushlight.matmul(rushlight.ones(2, 3), rushlight.ones(3)).tolist()
        [3.0, 3.0]
    """
    result = _with_sparse(input, other) if is_coo(input) or is_coo(other) else _product(input, other, "matmul")
    return result if out is None else into(out, result, "matmul")


def _ranked(a: Any, b: Any, ranks: tuple[int, int], name: str) -> None:
    for x, rank, argument in ((a, ranks[0], "input"), (b, ranks[1], "other")):
        if not isinstance(x, TensorBase):
            raise not_a_tensor(x, name, argument)
        if x._array.ndim != rank:
            raise ShapeError(
                f"{name}: {argument} must be a {rank}-D tensor, got {x._array.ndim}D (shape {tuple(x._array.shape)})"
            )


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(N, K) @ (K, M) -> (N, M), without broadcasting."""
    _ranked(input, mat2, (2, 2), "mm")
    result = _with_sparse(input, mat2) if is_coo(input) or is_coo(mat2) else _product(input, mat2, "mm")
    return result if out is None else into(out, result, "mm")


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(B, N, K) @ (B, K, M) -> (B, N, M), without broadcasting."""
    _ranked(input, mat2, (3, 3), "bmm")
    if input._array.shape[0] != mat2._array.shape[0]:
        raise ShapeError(
            f"bmm: Expected size for first two dimensions of batch2 tensor to agree with batch1: {_pair(input, mat2)}"
        )
    result = _product(input, mat2, "bmm")
    return result if out is None else into(out, result, "bmm")


def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(N, K) @ (K) -> (N)."""
    _ranked(input, vec, (2, 1), "mv")
    return into(out, _with_sparse(input, vec) if is_coo(input) else _product(input, vec, "mv"), "mv")


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sum of products of two 1-d tensors of one size."""
    _ranked(input, tensor, (1, 1), "dot")
    return into(out, _product(input, tensor, "dot"), "dot")


def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`dot` with the conjugate of `input`."""
    _ranked(input, other, (1, 1), "vdot")
    return into(out, _product(input.conj() if is_complex(input._array) else input, other, "vdot"), "vdot")


def inner(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sums of products over the last dimension of both; a product if one is 0-d."""
    if input._array.ndim == 0 or other._array.ndim == 0:
        return into(out, input * other, "inner")
    if input._array.shape[-1] != other._array.shape[-1]:
        raise ShapeError(
            f"inner: inner() the last dimension must match on both input tensors but got shapes {_pair(input, other)}"
        )
    return into(out, tensordot(input, other, dims=([-1], [-1])), "inner")


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """All products of an element of one 1-d tensor with one of the other: (N), (M) -> (N, M)."""
    _ranked(input, vec2, (1, 1), "outer")
    return into(out, input.unsqueeze(1) * vec2, "outer")


def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`outer` under BLAS' name."""
    return outer(input, vec2, out=out)


def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """The vector product over a dimension of size 3 (the first such one by default)."""
    try:
        shape = np.broadcast_shapes(input._array.shape, other._array.shape)
    except ValueError:
        raise broadcast_error("cross", input, other) from None
    if dim is None:
        dim = next((i for i, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"cross: no dimension of size 3 in input {_pair(input, other)}")
    dim = wrap_dim(dim, len(shape), "cross")
    if input._array.ndim != other._array.ndim:
        raise ShapeError(f"cross: inputs must have the same number of dimensions {_pair(input, other)}")
    if not input._array.shape[dim] == other._array.shape[dim] == 3:
        raise ShapeError(f"cross: inputs dimension {dim} must have length 3 {_pair(input, other)}")
    a, b = (movedim(expand(x, shape), dim, 0) for x in (input, other))
    turned = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return into(out, movedim(stack(turned), 0, dim), "cross")


# --------------------------------------------------------------------------------------------- products that are added


def _scaled_sum(x: Tensor, product_: Tensor, beta: Any, alpha: Any, name: str) -> Tensor:
    """beta * x + alpha * product. torch: with beta 0, x is not looked at, so its NaNs do not count."""
    if x._array.dtype != product_._array.dtype:
        raise OperatorError(
            f"{name}: expected input and the product to have the same dtype, but got {x.dtype} and {product_.dtype}"
        )
    if product_._array.dtype.kind in "iub":  # torch: whole numbers are scaled by whole numbers
        alpha, beta = (n if isinstance(n, bool) else int(n) for n in (alpha, beta))
    try:
        expand(x, product_._array.shape)
    except ShapeError as why:
        raise ShapeError(f"{name}: input {tuple(x.shape)} does not expand to {tuple(product_.shape)}") from why
    scaled = product_ if alpha == 1 else product_ * alpha
    if beta == 0:
        return scaled if x._edge is None else scaled + x * 0
    return x + scaled if beta == 1 else x * beta + scaled


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    return into(out, _scaled_sum(input, mm(mat1, mat2), beta, alpha, "addmm"), "addmm")


def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return into(out, _scaled_sum(input, mv(mat, vec), beta, alpha, "addmv"), "addmv")


def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    grid = outer(vec1, vec2)
    kind = dtypes.promote_types(input.dtype, grid.dtype)
    if kind.category < dtypes.FLOAT and (isinstance(alpha, float) or isinstance(beta, float)):
        raise OperatorError("addr: For integral input tensors, argument alpha and beta must not be floats.")
    sums = _scaled_sum(cast(input, kind), cast(grid, kind), beta, alpha, "addr")
    return into(out, cast(sums, kind), "addr")


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2)."""
    return into(out, _scaled_sum(input, bmm(batch1, batch2), beta, alpha, "baddbmm"), "baddbmm")


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """beta * input + alpha * the sum over the batch of batch1 @ batch2."""
    return into(
        out, _scaled_sum(input, bmm(batch1, batch2).sum(0, dtype=batch1.dtype), beta, alpha, "addbmm"), "addbmm"
    )


def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of several matrices."""
    parts = matrices[0] if len(matrices) == 1 and not isinstance(matrices[0], TensorBase) else matrices
    for x in parts:
        if as_tensor(x, "chain_matmul", "matrices")._array.ndim != 2:
            raise ShapeError(f"chain_matmul: Tensor dimension is {x.ndim}, expected 2 instead.")
    return multi_dot(parts, out=out)


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The product of several matrices (the first and last may be vectors), in the order that costs least."""
    parts = list(tensors)
    if len(parts) < 2:
        raise OperatorError(f"multi_dot: multi_dot(): expected at least 2 tensors but got {len(parts)}")
    for i, x in enumerate(parts):
        if x._array.ndim != 2 and not (x._array.ndim == 1 and i in (0, len(parts) - 1)):
            raise ShapeError(f"multi_dot: multi_dot(): tensor {i} must be 2D (or 1D at an end) but got {x.ndim}D")
    first, last = parts[0]._array.ndim == 1, parts[-1]._array.ndim == 1
    parts[0] = parts[0].unsqueeze(0) if first else parts[0]
    parts[-1] = parts[-1].unsqueeze(1) if last else parts[-1]
    for a, b in pairwise(parts):
        if a._array.shape[1] != b._array.shape[0]:
            raise ShapeError(f"multi_dot: multi_dot(): tensors with shapes {_pair(a, b)} cannot be multiplied")
    result = _multiply(
        parts, _best_order([x._array.shape[0] for x in parts] + [parts[-1]._array.shape[1]]), 0, len(parts) - 1
    )
    shape = result._array.shape[1 if first else 0 : 1 if last else 2]
    return into(out, reshape(result, shape), "multi_dot")


def _best_order(edges: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each run of matrices i..j, by the textbook's dynamic program (Cormen et al., matrix chain
    order)."""
    count = len(edges) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = {k: cost[i, k] + cost[k + 1, j] + edges[i] * edges[k + 1] * edges[j + 1] for k in range(i, j)}
            cut[i, j] = min(options, key=options.__getitem__)
            cost[i, j] = options[cut[i, j]]
    return cut


def _multiply(parts: list[Tensor], cut: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return parts[i]
    k = cut[i, j]
    return mm(_multiply(parts, cut, i, k), _multiply(parts, cut, k + 1, j))


# ------------------------------------------------------------------------------------------------- tensordot, einsum


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sums of products over several dimensions: the last `dims` of `a` with the first of `b`, or those named by a
    pair of lists.

    Raises:
        RuntimeError: the dimensions' sizes differ.
    """
    if isinstance(dims, TensorBase):
        dims = dims.tolist()  # type: ignore[attr-defined]
    if isinstance(dims, int):
        if dims < 0 or dims > min(a._array.ndim, b._array.ndim):
            raise OperatorError(
                f"tensordot: tensordot expects 0 <= dims <= the number of dimensions, but got dims={dims} for "
                f"{_pair(a, b)}"
            )
        dims = list(range(a._array.ndim - dims, a._array.ndim)), list(range(dims))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    left = [wrap_dim(d, a._array.ndim, "tensordot") for d in left]
    right = [wrap_dim(d, b._array.ndim, "tensordot") for d in right]
    if len(left) != len(right):
        raise OperatorError("tensordot: both dimension lists should have same length")
    for i, j in zip(left, right):
        n, m = a._array.shape[i], b._array.shape[j]
        if n != m and 1 not in (n, m):
            raise ShapeError(
                f"tensordot: contracted dimensions need to match, but first has size {n} in dim {i} and second has "
                f"size {m} in dim {j}"
            )
        if n != m:  # torch: a contracted dimension of size 1 broadcasts, so the other side is summed
            a, b = (a, b.sum(j, True, dtype=b.dtype)) if n == 1 else (a.sum(i, True, dtype=a.dtype), b)
    keep_a, keep_b = ([d for d in range(x._array.ndim) if d not in used] for x, used in ((a, left), (b, right)))
    n = product(a._array.shape[d] for d in left)
    rows, columns = [a._array.shape[d] for d in keep_a], [b._array.shape[d] for d in keep_b]
    flat = _product(
        reshape(permute(a, keep_a + left), product(rows), n),
        reshape(permute(b, right + keep_b), n, product(columns)),
        "tensordot",
    )
    return into(out, reshape(flat, rows + columns), "tensordot")


@numpy_name("tensordot")
def _tensordot(a: Tensor, b: Tensor, axes: Any = 2) -> Tensor:
    return tensordot(a, b, axes)


def kron(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Kronecker's product: every element of `input` times the whole of `other`."""
    rank = max(input._array.ndim, other._array.ndim)
    a, b = ((1,) * (rank - x._array.ndim) + x._array.shape for x in (input, other))
    left = reshape(input, [n for m in a for n in (m, 1)])
    right = reshape(other, [n for m in b for n in (1, m)])
    return into(out, reshape(left * right, [n * m for n, m in zip(a, b)]), "kron")


_ELLIPSIS = "."  # stands for the dimensions of `...` inside the parser, numbered from the last


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products by Einstein's convention: `einsum("bij,bjk->bik", a, b)`.

    Args:
        equation: subscripts of each operand, and of the result after `->` (by default those that occur once, in
            alphabetic
            order). `...` stands for dimensions that broadcast. Sublists of ints after each operand are accepted too.

    Raises:
        RuntimeError: subscripts that do not fit the operands.

    Example:
        >>> rushlight.einsum("ij->ji", rushlight.tensor([[1, 2], [3, 4]])).tolist()
        [[1, 3], [2, 4]]
    """
    if not isinstance(equation, str):
        equation, operands = _from_sublists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    subscripts, result = _parse(equation, operands)
    parts = [_diagonals(x, s) for x, s in zip(operands, subscripts)]
    left, left_subs = parts[0]
    for i in range(1, len(parts)):
        right, right_subs = parts[i]
        later = set(result).union(*(s for _, s in parts[i + 1 :]))
        left, left_subs = _contract(left, left_subs, right, right_subs, later)
    gone = [i for i, s in enumerate(left_subs) if s not in result]
    if gone:
        left = left.sum(gone)
        left_subs = [s for s in left_subs if s in result]
    return permute(left, [left_subs.index(s) for s in result])


def _from_sublists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """`einsum(x, [0, 1], y, [1, 2], [0, 2])` as an equation."""

    def letters(sublist: Any) -> str:
        return "".join("..." if s is Ellipsis else chr(65 + s) if s < 26 else chr(71 + s) for s in sublist)

    result = "->" + letters(arguments[-1]) if len(arguments) % 2 else ""
    return ",".join(map(letters, arguments[1::2])) + result, arguments[0 : len(arguments) // 2 * 2 : 2]


def _parse(equation: str, operands: tuple[Any, ...]) -> tuple[list[list[str]], list[str]]:
    """The subscripts of each operand and of the result, as lists of names; those of `...` are ".1" (last), ".2", …"""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise OperatorError(
            f"einsum(): {'fewer' if len(inputs) < len(operands) else 'more'} operands were provided than specified "
            f"in the equation {equation!r}: {len(operands)}"
        )
    subscripts = [_names(s, x._array.ndim, equation) for s, x in zip(inputs, operands)]
    everything = [s for each in subscripts for s in each]
    dots = sorted({s for s in everything if s.startswith(_ELLIPSIS)}, key=lambda s: -int(s[1:]))
    if arrow:
        before, found, after = right.partition("...")
        result = [*before, *(dots if found else []), *after]
        for s in result:
            if s not in everything or result.count(s) > 1:
                raise OperatorError(
                    f"einsum(): output subscript {s} of {equation!r} does not appear in the input, or appears twice"
                )
    else:
        result = dots + sorted(s for s in set(everything) if everything.count(s) == 1 and not s.startswith(_ELLIPSIS))
    sizes: dict[str, int] = {}
    for names, x in zip(subscripts, operands):
        for s, n in zip(names, x._array.shape):
            if sizes.setdefault(s, n) != n and 1 not in (n, sizes[s]):
                raise ShapeError(
                    f"einsum(): subscript {s} has size {n} for an operand of shape {tuple(x.shape)} which does not "
                    f"broadcast with previously seen size {sizes[s]}"
                )
            sizes[s] = max(n, sizes[s])
    return subscripts, result


def _names(text: str, ndim: int, equation: str) -> list[str]:
    before, found, after = text.partition("...")
    if not all(c.isascii() and c.isalpha() for c in before + after):
        raise OperatorError(f"einsum(): invalid subscript given in {equation!r}, subscripts must be in [a-zA-Z]")
    more = ndim - len(before) - len(after)
    if more < 0 or (more and not found):
        raise ShapeError(
            f"einsum(): the number of subscripts in {text!r} does not match the number of dimensions ({ndim}) of the "
            "operand"
        )
    return [*before, *(f"{_ELLIPSIS}{more - i}" for i in range(more)), *after]


def _diagonals(x: Tensor, subs: list[str]) -> tuple[Tensor, list[str]]:
    """A subscript that comes twice in one operand means the diagonal."""
    for s in [s for i, s in enumerate(subs) if s in subs[:i]]:
        i = subs.index(s)
        j = subs.index(s, i + 1)
        if x._array.shape[i] != x._array.shape[j]:
            raise ShapeError(
                f"einsum(): subscript {s} is repeated for an operand but the sizes don't match, {x.shape[j]} != "
                f"{x.shape[i]}"
            )
        x = x.diagonal(0, i, j)
        subs = [t for k, t in enumerate(subs) if k not in (i, j)] + [s]
    return x, subs


def _contract(a: Tensor, a_subs: list[str], b: Tensor, b_subs: list[str], later: set[str]) -> tuple[Tensor, list[str]]:
    """Two operands into one. Subscripts that only one of them has and nobody needs later are summed first; of the
    shared ones those needed later are the batch of a matrix product, the others are contracted."""
    a, a_subs = _sum_lone(a, a_subs, set(b_subs) | later)
    b, b_subs = _sum_lone(b, b_subs, set(a_subs) | later)
    a_size, b_size = dict(zip(a_subs, a._array.shape)), dict(zip(b_subs, b._array.shape))
    both = [s for s in a_subs if s in b_size]
    if not both:  # torch: a plain product, for which dtypes are promoted
        kind = dtypes.promote_types(a.dtype, b.dtype)
        a, b = cast(a, kind), cast(b, kind)
    batch, summed = [s for s in both if s in later], [s for s in both if s not in later]
    uneven = [s for s in summed if a_size[s] != b_size[s]]  # one of them has size 1
    a, b = _spread(a, a_subs, b_size, uneven), _spread(b, b_subs, a_size, uneven)
    rows, columns = [s for s in a_subs if s not in b_size], [s for s in b_subs if s not in a_size]
    k = product(max(a_size[s], b_size[s]) for s in summed)
    shape = [[size[s] for s in batch] for size in (a_size, b_size)]
    left = _grouped(a, a_subs, batch + rows + summed, [*shape[0], product(a_size[s] for s in rows), k])
    right = _grouped(b, b_subs, batch + summed + columns, [*shape[1], k, product(b_size[s] for s in columns)])
    out = _product(left, right, "einsum()")
    full = [max(a_size[s], b_size[s]) for s in batch] + [a_size[s] for s in rows] + [b_size[s] for s in columns]
    return reshape(out, full), batch + rows + columns


def _grouped(x: Tensor, subs: list[str], order: list[str], shape: list[int]) -> Tensor:
    places = [subs.index(s) for s in order]
    x = x if places == list(range(len(places))) else permute(x, places)
    return x if list(x._array.shape) == shape else reshape(x, shape)


def _sum_lone(x: Tensor, subs: list[str], wanted: set[str]) -> tuple[Tensor, list[str]]:
    gone = [i for i, s in enumerate(subs) if s not in wanted]
    return (x.sum(gone), [s for s in subs if s in wanted]) if gone else (x, subs)


def _spread(x: Tensor, subs: list[str], other: dict[str, int], uneven: list[str]) -> Tensor:
    if not uneven:
        return x
    return expand(x, [max(n, other[s]) if s in uneven else n for s, n in zip(subs, x._array.shape)])


@numpy_name("einsum")
def _einsum(equation: str, *operands: Any, optimize: bool = False) -> Tensor:
    return einsum(equation, *operands)
