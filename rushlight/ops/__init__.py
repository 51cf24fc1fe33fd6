"""Operators: Tensors in, Tensors out. One file per family; this page gathers their public functions."""

from . import conversion, creation, elementwise, indexing, promotion, reduction, reshaping, results, sampling, shape
from .activation import (
    celu,
    celu_,
    relu,
    relu_,
    selu,
    selu_,
    sigmoid,
    tanh,
)
from .bessel import i0
from .choosing import (
    addcdiv,
    addcmul,
    clamp,
    clamp_max,
    clamp_min,
    clip,
    fmax,
    fmin,
    lerp,
    maximum,
    minimum,
    where,
)
from .comparison import (
    allclose,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    equal,
    ge,
    greater,
    greater_equal,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    le,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
    signbit,
)
from .complex_numbers import angle, complex, conj_physical, imag, polar, real
from .complex_numbers import conj_physical as conj
from .conversion import (
    clone,
    contiguous,
)
from .convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from .copies import (
    alias_copy,
    as_strided_copy,
    detach_copy,
    diagonal_copy,
    expand_copy,
    permute_copy,
    select_copy,
    slice_copy,
    split_copy,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unfold_copy,
    unsqueeze_copy,
    view_as_complex_copy,
    view_as_real_copy,
    view_copy,
)
from .corners import (
    hardshrink,
    prelu,
    rrelu,
    rrelu_,
    threshold,
    threshold_,
)
from .creation import (
    as_tensor,
    asarray,
    can_cast,
    empty,
    empty_permuted,
    empty_strided,
    fill,
    from_numpy,
    frombuffer,
    full,
    is_complex,
    is_floating_point,
    is_tensor,
    numel,
    ones,
    result_type,
    scalar_tensor,
    tensor,
    zeros,
)
from .distance import cdist, cosine_similarity, pairwise_distance, pdist
from .dropout import (
    alpha_dropout,
    alpha_dropout_,
    dropout,
    dropout_,
    feature_alpha_dropout,
    feature_alpha_dropout_,
    feature_dropout,
    feature_dropout_,
)
from .elementwise import (
    add,
    div,
    divide,
    float_power,
    floor_divide,
    fmod,
    mul,
    multiply,
    pow,
    remainder,
    rsub,
    sub,
    subtract,
    true_divide,
)
from .extremes import amax, amin, aminmax, argmax, argmin, max, min
from .fold import channel_shuffle, native_channel_shuffle, pixel_shuffle, pixel_unshuffle
from .fourier import istft, stft
from .histograms import bincount, histc, histogram, histogramdd
from .index_slices import (
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_reduce,
    index_select,
    put,
    take,
    unravel_index,
)
from .indexing import (
    getitem,
    setitem,
)
from .joining import (
    block_diag,
    cartesian_prod,
    cat,
    column_stack,
    combinations,
    concat,
    concatenate,
    diag,
    diag_embed,
    diagflat,
    dstack,
    flip,
    fliplr,
    flipud,
    hstack,
    meshgrid,
    repeat,
    repeat_interleave,
    roll,
    rot90,
    row_stack,
    stack,
    tile,
    trace,
    tril,
    tril_indices,
    triu,
    triu_indices,
    vander,
    vstack,
)
from .like import empty_like, full_like, ones_like, zeros_like
from .linear import bilinear
from .linear_algebra.decompositions import cholesky_inverse, cholesky_solve, pca_lowrank, svd_lowrank
from .linear_algebra.decompositions import old_cholesky as cholesky
from .linear_algebra.decompositions import old_qr as qr
from .linear_algebra.decompositions import old_svd as svd
from .linear_algebra.determinants import det, logdet, slogdet
from .linear_algebra.functions import matrix_exp, matrix_power
from .linear_algebra.householder import geqrf, orgqr, ormqr
from .linear_algebra.least_squares import pinverse
from .linear_algebra.lu import lu, lu_solve, lu_unpack
from .linear_algebra.solving import inverse, triangular_solve
from .masking import argwhere, masked_fill, masked_scatter, masked_select, nonzero, nonzero_static
from .normalization import group_norm, layer_norm, rms_norm
from .pairs import (
    arctan2,
    atan2,
    copysign,
    frexp,
    gcd,
    heaviside,
    hypot,
    lcm,
    ldexp,
    logaddexp,
    logaddexp2,
    nextafter,
    xlogy,
)
from .pooling.adaptive import adaptive_avg_pool1d
from .pooling.adaptive import adaptive_max_pool1d_with_indices as adaptive_max_pool1d
from .pooling.average import avg_pool1d
from .pooling.largest import max_pool1d_with_indices
from .products import (
    addbmm,
    addmm,
    addmv,
    addr,
    baddbmm,
    bmm,
    chain_matmul,
    cross,
    dot,
    einsum,
    ger,
    inner,
    kron,
    matmul,
    mm,
    multi_dot,
    mv,
    outer,
    tensordot,
    vdot,
)
from .ranges import arange, eye, linspace, logspace
from .recurrent import gru, gru_cell, lstm, lstm_cell, rnn_relu, rnn_relu_cell, rnn_tanh, rnn_tanh_cell
from .reduction import all, any, count_nonzero, mean, nanmean, nansum, prod, sum
from .sampling import (
    bernoulli,
    binomial,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .scan import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    cumulative_trapezoid,
    diff,
    gradient,
    logcumsumexp,
    trapezoid,
    trapz,
)
from .scatter import gather, scatter, scatter_add, scatter_reduce, take_along_dim
from .sections import (
    chunk,
    dsplit,
    hsplit,
    narrow,
    narrow_copy,
    select,
    split,
    split_with_sizes,
    tensor_split,
    unbind,
    unsafe_chunk,
    unsafe_split,
    vsplit,
)
from .shape import (
    adjoint,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    expand,
    expand_as,
    flatten,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    reshape_as,
    squeeze,
    sum_to_size,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
    view,
    view_as,
    view_as_complex,
    view_as_real,
)
from .slice_scatter import as_strided_scatter, diagonal_scatter, select_scatter, slice_scatter
from .softmax import log_softmax, logsumexp, softmax
from .sorting import (
    argsort,
    bucketize,
    isin,
    kthvalue,
    median,
    mode,
    msort,
    nanmedian,
    nanquantile,
    one_hot,
    quantile,
    searchsorted,
    sort,
    topk,
    unique,
    unique_consecutive,
)
from .sparse_coo import (
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
    spmm,
)
from .special_functions import digamma, erf, erfc, erfinv, igamma, igammac, lgamma, logit, mvlgamma, polygamma, sinc
from .spread import dist, norm, renorm, std, std_mean, var, var_mean
from .statistics import corrcoef, cov
from .strided import as_strided, diagonal, unfold
from .unary import (
    abs,
    absolute,
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctanh,
    asin,
    asinh,
    atan,
    atanh,
    ceil,
    cos,
    cosh,
    deg2rad,
    exp,
    exp2,
    expm1,
    fix,
    floor,
    frac,
    is_nonzero,
    log,
    log1p,
    log2,
    log10,
    nan_to_num,
    neg,
    negative,
    positive,
    rad2deg,
    reciprocal,
    round,
    rsqrt,
    sgn,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    trunc,
)
from .windows import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
