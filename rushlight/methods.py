"""The operators as methods of a Tensor: `x.relu()`, `x + y`, `x.add_(y)`.

They are bound by name (`relu = ops.relu`), and an in-place method is its operator followed by a write
(`add_ = in_place(ops.add)`). `tensor.py` builds the Tensor on them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import dtypes, ops
from .autograd.tape import TensorBase
from .errors import UnsupportedError
from .ops.comparison import or_not_implemented
from .ops.low_level import hash_tensor
from .ops.promotion import cast, overwrite, overwrite_straight
from .rare_methods import RareMethods

if TYPE_CHECKING:
    from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place method of an operator."""
    name = function.__name__ + "_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return overwrite(self, name, function, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def straight(function: Callable[..., Any], keeps_operands: bool = True) -> Callable[..., Any]:
    """The in-place method of an operator of one kernel that can write to its operand: see `overwrite_straight`."""
    name = function.__name__ + "_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        bound = partial(function, **kwargs) if kwargs else function
        return overwrite_straight(self, name, bound, *args, keeps_operands=keeps_operands)

    method.__name__ = name
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def keeping_none(function: Callable[..., Any]) -> Callable[..., Any]:
    """`straight`, where backward needs the result or nothing."""
    return straight(function, keeps_operands=False)


def both(function: F, in_place: Callable[[F], Callable[..., Any]] = in_place) -> tuple[F, Callable[..., Any]]:
    """An operator as a method, and its in-place method."""
    return function, in_place(function)


def reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    """The operator with its sides exchanged: what Python calls for `2 / tensor`."""

    def method(self: Tensor, other: Any) -> Any:
        return function(other, self)

    method.__name__ = "r" + function.__name__
    return method


def _cast_to(kind: dtypes.dtype) -> Callable[..., Any]:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        result = cast(self, kind)
        return result if memory_format is None else result.to(memory_format=memory_format)

    method.__name__ = kind.name
    method.__doc__ = f"This tensor as {kind}."
    return method


def refuse_complex32(self: Tensor, *, memory_format: Any = None) -> Tensor:
    """Refused: there is no complex32."""
    raise UnsupportedError("chalf: complex32 is not supported; use cfloat(), complex64")


class Methods(RareMethods, TensorBase):
    """What a Tensor can compute."""

    __getitem__ = ops.getitem
    __setitem__ = ops.setitem
    # -- arithmetic

    __add__ = __radd__ = ops.add
    __sub__, __rsub__ = ops.sub, ops.rsub
    __mul__ = __rmul__ = ops.mul
    __truediv__, __rtruediv__ = ops.true_divide, reflected(ops.true_divide)
    __floordiv__, __rfloordiv__ = ops.floor_divide, reflected(ops.floor_divide)
    __mod__, __rmod__ = ops.remainder, reflected(ops.remainder)
    __pow__, __rpow__ = ops.pow, reflected(ops.pow)
    __neg__, __pos__, __abs__ = ops.neg, ops.positive, ops.abs

    add, add_ = both(ops.add, keeping_none)
    sub, sub_ = both(ops.sub, keeping_none)
    mul, mul_ = both(ops.mul, straight)
    div, div_ = both(ops.div, straight)
    subtract, subtract_ = both(ops.subtract, keeping_none)
    multiply, multiply_ = both(ops.multiply, straight)
    divide, divide_ = both(ops.divide, straight)
    true_divide, true_divide_ = both(ops.true_divide, straight)
    floor_divide, floor_divide_ = both(ops.floor_divide)
    remainder, remainder_ = both(ops.remainder)
    fmod, fmod_ = both(ops.fmod)
    pow, pow_ = both(ops.pow, straight)
    float_power, float_power_ = both(ops.float_power)
    __iadd__, __isub__, __imul__, __itruediv__, __ifloordiv__ = add_, sub_, mul_, true_divide_, floor_divide_
    __imod__, __ipow__ = remainder_, pow_
    maximum, minimum, fmax, fmin = ops.maximum, ops.minimum, ops.fmax, ops.fmin
    logaddexp, logaddexp2, positive, frexp = ops.logaddexp, ops.logaddexp2, ops.positive, ops.frexp
    clamp, clamp_ = both(ops.clamp, straight)
    clip, clip_ = both(ops.clip, straight)
    clamp_min, clamp_min_ = both(ops.clamp_min, straight)
    clamp_max, clamp_max_ = both(ops.clamp_max, straight)
    lerp, lerp_ = both(ops.lerp, straight)
    addcmul, addcmul_ = both(ops.addcmul, straight)
    addcdiv, addcdiv_ = both(ops.addcdiv, straight)
    atan2, atan2_ = both(ops.atan2)
    arctan2, arctan2_ = both(ops.arctan2)
    hypot, hypot_ = both(ops.hypot)
    copysign, copysign_ = both(ops.copysign)
    xlogy, xlogy_ = both(ops.xlogy)
    ldexp, ldexp_ = both(ops.ldexp)
    nextafter, nextafter_ = both(ops.nextafter)
    heaviside, heaviside_ = both(ops.heaviside)
    gcd, gcd_ = both(ops.gcd)
    lcm, lcm_ = both(ops.lcm)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """This tensor where `condition` holds, `other` elsewhere."""
        return ops.where(condition, self, other)

    # -- functions of one argument

    exp, exp_ = both(ops.exp, keeping_none)
    exp2, exp2_ = both(ops.exp2, keeping_none)
    expm1, expm1_ = both(ops.expm1, keeping_none)
    log, log_ = both(ops.log, straight)
    log2, log2_ = both(ops.log2, straight)
    log10, log10_ = both(ops.log10, straight)
    log1p, log1p_ = both(ops.log1p, straight)
    sqrt, sqrt_ = both(ops.sqrt, keeping_none)
    rsqrt, rsqrt_ = both(ops.rsqrt, keeping_none)
    square, square_ = both(ops.square, straight)
    reciprocal, reciprocal_ = both(ops.reciprocal, keeping_none)
    sin, sin_ = both(ops.sin, straight)
    cos, cos_ = both(ops.cos, straight)
    tan, tan_ = both(ops.tan, keeping_none)
    asin, asin_ = both(ops.asin, straight)
    acos, acos_ = both(ops.acos, straight)
    atan, atan_ = both(ops.atan, straight)
    sinh, sinh_ = both(ops.sinh, straight)
    cosh, cosh_ = both(ops.cosh, straight)
    asinh, asinh_ = both(ops.asinh, straight)
    acosh, acosh_ = both(ops.acosh, straight)
    atanh, atanh_ = both(ops.atanh, straight)
    arcsin, arcsin_ = both(ops.arcsin)
    arccos, arccos_ = both(ops.arccos)
    arctan, arctan_ = both(ops.arctan)
    arcsinh, arcsinh_ = both(ops.arcsinh)
    arccosh, arccosh_ = both(ops.arccosh)
    arctanh, arctanh_ = both(ops.arctanh)
    deg2rad, deg2rad_ = both(ops.deg2rad)
    rad2deg, rad2deg_ = both(ops.rad2deg)
    neg, neg_ = both(ops.neg, keeping_none)
    negative, negative_ = both(ops.negative, keeping_none)
    abs, abs_ = both(ops.abs, straight)
    absolute, absolute_ = both(ops.absolute, straight)
    sign, sign_ = both(ops.sign, keeping_none)
    sgn, sgn_ = both(ops.sgn)
    floor, floor_ = both(ops.floor, keeping_none)
    ceil, ceil_ = both(ops.ceil, keeping_none)
    trunc, trunc_ = both(ops.trunc, keeping_none)
    fix, fix_ = both(ops.fix)
    round, round_ = both(ops.round)
    frac, frac_ = both(ops.frac)
    nan_to_num, nan_to_num_ = both(ops.nan_to_num)
    conj_physical, conj_physical_ = both(ops.conj_physical)
    conj, angle, is_nonzero = ops.conj, ops.angle, ops.is_nonzero
    real = property(ops.real, lambda self, value: self.real.copy_(value))
    imag = property(ops.imag, lambda self, value: self.imag.copy_(value))

    sigmoid, sigmoid_ = both(ops.sigmoid, keeping_none)
    tanh, tanh_ = both(ops.tanh, keeping_none)
    erf, erf_ = both(ops.erf, straight)
    erfc, erfc_ = both(ops.erfc)
    erfinv, erfinv_ = both(ops.erfinv)
    lgamma, lgamma_ = both(ops.lgamma)
    digamma, digamma_ = both(ops.digamma)
    mvlgamma, mvlgamma_ = both(ops.mvlgamma)
    igamma, igamma_ = both(ops.igamma)
    igammac, igammac_ = both(ops.igammac)
    logit, logit_ = both(ops.logit)
    sinc, sinc_ = both(ops.sinc)
    i0, i0_ = both(ops.i0)

    def polygamma(self: Any, n: Any) -> Tensor:
        """The n-th derivative of digamma."""
        return ops.polygamma(n, self)

    polygamma_ = in_place(polygamma)
    relu, relu_ = ops.relu, ops.relu_
    prelu, hardshrink = ops.prelu, ops.hardshrink
    softmax, log_softmax, logsumexp = ops.softmax, ops.log_softmax, ops.logsumexp

    # -- comparison and logic

    __eq__, __ne__ = or_not_implemented(ops.eq), or_not_implemented(ops.ne)
    __lt__, __le__ = or_not_implemented(ops.lt), or_not_implemented(ops.le)
    __gt__, __ge__ = or_not_implemented(ops.gt), or_not_implemented(ops.ge)
    __and__ = __rand__ = ops.bitwise_and
    __or__ = __ror__ = ops.bitwise_or
    __xor__ = __rxor__ = ops.bitwise_xor
    __lshift__, __rlshift__ = ops.bitwise_left_shift, reflected(ops.bitwise_left_shift)
    __rshift__, __rrshift__ = ops.bitwise_right_shift, reflected(ops.bitwise_right_shift)
    __invert__ = ops.bitwise_not

    eq, eq_ = both(ops.eq)
    ne, ne_ = both(ops.ne)
    lt, lt_ = both(ops.lt)
    le, le_ = both(ops.le)
    gt, gt_ = both(ops.gt)
    ge, ge_ = both(ops.ge)
    not_equal, not_equal_ = both(ops.not_equal)
    less, less_ = both(ops.less)
    less_equal, less_equal_ = both(ops.less_equal)
    greater, greater_ = both(ops.greater)
    greater_equal, greater_equal_ = both(ops.greater_equal)
    logical_and, logical_and_ = both(ops.logical_and)
    logical_or, logical_or_ = both(ops.logical_or)
    logical_xor, logical_xor_ = both(ops.logical_xor)
    logical_not, logical_not_ = both(ops.logical_not)
    bitwise_and, bitwise_and_ = both(ops.bitwise_and)
    bitwise_or, bitwise_or_ = both(ops.bitwise_or)
    bitwise_xor, bitwise_xor_ = both(ops.bitwise_xor)
    bitwise_not, bitwise_not_ = both(ops.bitwise_not)
    bitwise_left_shift, bitwise_left_shift_ = both(ops.bitwise_left_shift)
    bitwise_right_shift, bitwise_right_shift_ = both(ops.bitwise_right_shift)
    __iand__, __ior__, __ixor__ = bitwise_and_, bitwise_or_, bitwise_xor_
    __ilshift__, __irshift__ = bitwise_left_shift_, bitwise_right_shift_
    isnan, isinf, isfinite, isposinf, isneginf = ops.isnan, ops.isinf, ops.isfinite, ops.isposinf, ops.isneginf
    isreal, signbit, equal, isclose, allclose = ops.isreal, ops.signbit, ops.equal, ops.isclose, ops.allclose

    # -- casts

    float = _cast_to(dtypes.float32)
    double = _cast_to(dtypes.float64)
    half = _cast_to(dtypes.float16)
    bfloat16 = _cast_to(dtypes.bfloat16)
    int = _cast_to(dtypes.int32)
    long = _cast_to(dtypes.int64)
    short = _cast_to(dtypes.int16)
    char = _cast_to(dtypes.int8)
    byte = _cast_to(dtypes.uint8)
    bool = _cast_to(dtypes.bool)
    chalf = refuse_complex32
    cfloat = _cast_to(dtypes.complex64)
    cdouble = _cast_to(dtypes.complex128)

    # -- shape

    reshape, reshape_as, view, view_as = ops.reshape, ops.reshape_as, ops.view, ops.view_as
    flatten, unflatten, ravel = ops.flatten, ops.unflatten, ops.ravel
    squeeze, unsqueeze = ops.squeeze, ops.unsqueeze
    permute, transpose, swapaxes, swapdims = ops.permute, ops.transpose, ops.swapaxes, ops.swapdims
    t, movedim, moveaxis, adjoint = ops.t, ops.movedim, ops.moveaxis, ops.adjoint
    T, mT = property(ops.shape.reversed_dims), property(ops.shape.mT)
    H, mH = property(ops.shape.H), property(ops.adjoint)
    expand, expand_as, broadcast_to = ops.expand, ops.expand_as, ops.broadcast_to
    select, narrow, unbind = ops.select, ops.narrow, ops.unbind
    split, split_with_sizes, chunk, tensor_split = ops.split, ops.split_with_sizes, ops.chunk, ops.tensor_split
    hsplit, vsplit, dsplit = ops.hsplit, ops.vsplit, ops.dsplit
    diagonal, unfold, as_strided = ops.diagonal, ops.unfold, ops.as_strided
    unsafe_split, unsafe_chunk, narrow_copy = ops.unsafe_split, ops.unsafe_chunk, ops.narrow_copy
    unsafe_split_with_sizes = ops.split_with_sizes
    sum_to_size = ops.sum_to_size
    clone, contiguous = ops.clone, ops.contiguous
    t_, transpose_, swapaxes_ = ops.reshaping.t_, ops.reshaping.transpose_, ops.reshaping.swapaxes_
    squeeze_, unsqueeze_, swapdims_ = ops.reshaping.squeeze_, ops.reshaping.unsqueeze_, ops.reshaping.swapdims_
    as_strided_, resize_ = ops.reshaping.as_strided_, ops.reshaping.resize_
    resize_as_, set_ = ops.reshaping.resize_as_, ops.reshaping.set_
    repeat, tile, repeat_interleave = ops.repeat, ops.tile, ops.repeat_interleave
    flip, fliplr, flipud, roll, rot90 = ops.flip, ops.fliplr, ops.flipud, ops.roll, ops.rot90
    tril, tril_ = both(ops.tril)
    triu, triu_ = both(ops.triu)
    diag, diag_embed, diagflat, trace = ops.diag, ops.diag_embed, ops.diagflat, ops.trace

    # -- reduction

    sum, mean, prod, nansum, nanmean, count_nonzero = (
        ops.sum,
        ops.mean,
        ops.prod,
        ops.nansum,
        ops.nanmean,
        ops.count_nonzero,
    )
    max, min, amax, amin, aminmax = ops.max, ops.min, ops.amax, ops.amin, ops.aminmax
    argmax, argmin, any, all = ops.argmax, ops.argmin, ops.any, ops.all
    var, std, norm, dist = ops.var, ops.std, ops.norm, ops.dist
    renorm, renorm_ = both(ops.renorm)
    cumsum, cumsum_ = both(ops.cumsum)
    cumprod, cumprod_ = both(ops.cumprod)
    cummax, cummin, logcumsumexp, diff = ops.cummax, ops.cummin, ops.logcumsumexp, ops.diff

    # -- products

    __matmul__, __rmatmul__ = ops.matmul, reflected(ops.matmul)
    matmul, mm, bmm, mv, dot, vdot, inner = ops.matmul, ops.mm, ops.bmm, ops.mv, ops.dot, ops.vdot, ops.inner
    outer, ger, cross, kron = ops.outer, ops.ger, ops.cross, ops.kron
    addmm, addmm_ = both(ops.addmm)
    addmv, addmv_ = both(ops.addmv)
    addr, addr_ = both(ops.addr)
    addbmm, addbmm_ = both(ops.addbmm)
    baddbmm, baddbmm_ = both(ops.baddbmm)

    inverse, det, slogdet, logdet, pinverse = ops.inverse, ops.det, ops.slogdet, ops.logdet, ops.pinverse
    cholesky, cholesky_inverse, cholesky_solve = ops.cholesky, ops.cholesky_inverse, ops.cholesky_solve
    qr, svd, lu, lu_solve, geqrf = ops.qr, ops.svd, ops.lu, ops.lu_solve, ops.geqrf
    orgqr, ormqr, triangular_solve = ops.orgqr, ops.ormqr, ops.triangular_solve
    hash_tensor = hash_tensor
    matrix_exp, matrix_power, cov, corrcoef = ops.matrix_exp, ops.matrix_power, ops.cov, ops.corrcoef

    stft, istft = ops.stft, ops.istft

    # -- filling and new tensors

    new_zeros, new_ones, new_empty, new_full = (
        ops.like.new_zeros,
        ops.like.new_ones,
        ops.like.new_empty,
        ops.like.new_full,
    )
    new = ops.like.new
    new_tensor, new_empty_strided = ops.like.new_tensor, ops.like.new_empty_strided
    fill_, zero_, copy_ = ops.indexing.fill_, ops.indexing.zero_, ops.indexing.copy_
    fill_diagonal_, nonzero_static = ops.indexing.fill_diagonal_, ops.nonzero_static
    normal_, uniform_, random_ = ops.sampling.normal_, ops.sampling.uniform_, ops.sampling.random_
    exponential_, cauchy_, log_normal_ = ops.sampling.exponential_, ops.sampling.cauchy_, ops.sampling.log_normal_
    bernoulli_, geometric_ = ops.sampling.bernoulli_, ops.sampling.geometric_
    bernoulli, multinomial = ops.bernoulli, ops.multinomial

    # -- order

    sort, argsort, msort, topk, kthvalue = ops.sort, ops.argsort, ops.msort, ops.topk, ops.kthvalue
    median, nanmedian, mode, quantile, nanquantile = ops.median, ops.nanmedian, ops.mode, ops.quantile, ops.nanquantile
    unique, unique_consecutive, isin = ops.unique, ops.unique_consecutive, ops.isin
    bincount, histc, histogram = ops.bincount, ops.histc, ops.histogram

    # -- sparse tensors

    to_sparse, to_dense, coalesce, is_coalesced = (
        ops.sparse_coo.to_sparse,
        ops.sparse_coo.to_dense,
        ops.sparse_coo.coalesce,
        ops.sparse_coo.is_coalesced,
    )
    to_sparse_coo, indices, values = ops.sparse_coo.to_sparse, ops.sparse_coo.indices, ops.sparse_coo.values
    _indices, _values, _nnz = ops.sparse_coo.raw_indices, ops.sparse_coo.raw_values, ops.sparse_coo.nnz
    sparse_dim, dense_dim, sparse_mask = ops.sparse_coo.sparse_dim, ops.sparse_coo.dense_dim, ops.sparse_coo.sparse_mask
    to_sparse_csr, to_sparse_csc = ops.sparse_csr_tensor, ops.sparse_csc_tensor
    to_sparse_bsr, to_sparse_bsc = ops.sparse_bsr_tensor, ops.sparse_bsc_tensor

    # -- gather and scatter

    gather, take_along_dim, index_select, take = ops.gather, ops.take_along_dim, ops.index_select, ops.take
    scatter, scatter_ = both(ops.scatter, straight)
    scatter_add, scatter_add_ = both(ops.scatter_add, straight)
    scatter_reduce, scatter_reduce_ = both(ops.scatter_reduce)
    index_add, index_add_ = both(ops.index_add)
    index_copy, index_copy_ = both(ops.index_copy)
    index_fill, index_fill_ = both(ops.index_fill)
    index_reduce, index_reduce_ = both(ops.index_reduce)
    index_put, index_put_ = both(ops.index_put)
    put, put_ = both(ops.put)
    masked_fill, masked_fill_ = both(ops.masked_fill)
    masked_scatter, masked_scatter_ = both(ops.masked_scatter)
    masked_select, nonzero, argwhere = ops.masked_select, ops.nonzero, ops.argwhere
    select_scatter, slice_scatter, diagonal_scatter = ops.select_scatter, ops.slice_scatter, ops.diagonal_scatter
    as_strided_scatter = ops.as_strided_scatter
