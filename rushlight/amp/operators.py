"""Which functions `autocast` casts the arguments of, and to what: PyTorch's lists for the CPU.

The policies: `lower` casts to autocast's dtype, `float32` to float32, `widest` to the widest dtype among the arguments,
`first` to that of the first. What is in no list takes what it is given.
"""

from __future__ import annotations

from typing import Any

from .. import fft, linalg, ops
from ..nn import functional as F
from ..nn.rnn import RNNBase
from ..ops import recurrent

# Matrix products and what is made of them. torch: `prelu` is among them.
LOWER: tuple[Any, ...] = (
    ops.addbmm, ops.addmm, ops.baddbmm, ops.bmm, ops.chain_matmul, ops.conv1d, ops.conv2d, ops.conv3d, ops.conv_tbc,
    ops.conv_transpose1d, ops.conv_transpose2d, ops.conv_transpose3d, ops.inner, ops.matmul, ops.mm, ops.prelu,
    ops.rnn_relu_cell, ops.rnn_tanh_cell, F.linear,
    F.scaled_dot_product_attention, linalg.multi_dot, linalg.vecdot, recurrent.lstm_layer, recurrent.rnn_relu_layer,
    recurrent.rnn_tanh_layer,
)  # fmt: skip

# What loses too much in half precision: losses, matrix decompositions, transforms, long products.
FLOAT32: tuple[Any, ...] = (
    F.adaptive_avg_pool3d, F.adaptive_max_pool3d, F.avg_pool3d, F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits, F.cosine_embedding_loss, F.cross_entropy, F.ctc_loss, F.fractional_max_pool2d,
    F.fractional_max_pool3d, F.grid_sample, F.hinge_embedding_loss, F.huber_loss, F.kl_div, F.l1_loss,
    F.margin_ranking_loss, F.max_pool3d, F.max_unpool2d, F.max_unpool3d, F.mse_loss, F.multi_margin_loss,
    F.multilabel_margin_loss, F.nll_loss, F.poisson_nll_loss, F.smooth_l1_loss, F.soft_margin_loss,
    F.triplet_margin_loss,
    ops.cdist, ops.cholesky, ops.cholesky_inverse, ops.cholesky_solve, ops.geqrf, ops.inverse, ops.lu_solve,
    ops.nanquantile, ops.orgqr, ops.ormqr, ops.pinverse, ops.polar, ops.prod, ops.qr, ops.quantile, ops.stft, ops.svd,
    ops.trace, ops.triangular_solve, ops.view_as_complex,
    fft.fft, fft.fft2, fft.fftn, fft.hfft, fft.ifft, fft.ifft2, fft.ifftn, fft.ihfft, fft.irfft, fft.irfft2, fft.irfftn,
    fft.rfft, fft.rfft2, fft.rfftn,
    linalg.cholesky, linalg.cholesky_ex, linalg.cond, linalg.eig, linalg.eigh, linalg.eigvals, linalg.eigvalsh,
    linalg.householder_product, linalg.inv, linalg.inv_ex, linalg.lstsq, linalg.matrix_rank, linalg.qr, linalg.solve,
    linalg.svd, linalg.svdvals, linalg.tensorinv, linalg.tensorsolve,
)  # fmt: skip

WIDEST: tuple[Any, ...] = (ops.cat, ops.index_copy, ops.stack)

# Composed of operators in several lists, so that the state decides: given as the input is.
FIRST: tuple[Any, ...] = (recurrent.gru_layer, ops.gru_cell, ops.lstm_cell)

PADDING: tuple[Any, ...] = (F.pad,)  # in float32 where it reflects or replicates

SUMS: tuple[Any, ...] = (ops.einsum, ops.tensordot)  # lower, where they come down to matrix products

CHECKS: tuple[Any, ...] = (RNNBase.check_input,)  # refuses dtypes that differ, which the layers will cast
