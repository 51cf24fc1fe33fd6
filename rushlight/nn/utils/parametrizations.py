"""Ready-made parametrizations: orthogonal matrices, weight norm, spectral norm."""

from __future__ import annotations

from typing import Any

from ... import dtypes
from ...autograd.grad_mode import no_grad
from ...ops.joining import cat
from ...ops.like import zeros_like
from ...ops.linear_algebra.functions import matrix_exp
from ...ops.linear_algebra.householder import geqrf, householder_product
from ...ops.linear_algebra.solving import solve
from ...ops.normalization import normalize
from ...ops.products import mv, vdot
from ...ops.ranges import eye
from ...tensor import Tensor
from ..conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module
from .parametrize import register_parametrization
from .weight_norm import norm_except_dim, weight_from

# ------------------------------------------------------------------------------------------------ orthogonal matrices

MAPS = ("matrix_exp", "cayley", "householder")


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    tolerance = 10.0 * n * dtypes.finfo(q.dtype).eps
    return bool((q.mH @ q).allclose(eye(k, dtype=q.dtype), atol=tolerance))


def _make_orthogonal(a: Tensor) -> Tensor:
    """The Q of a QR decomposition whose R has a positive diagonal."""
    packed, tau = geqrf(a)
    return householder_product(packed, tau) * packed.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """Computes an orthogonal matrix from any matrix; with a base, relative to that."""

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Any:
        transposed = x.shape[-2] < x.shape[-1]
        q = self._orthogonal(x.mT if transposed else x)
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if transposed else q

    def _orthogonal(self, x: Any) -> Any:
        n, k = x.shape[-2:]
        if self.orthogonal_map == "householder":
            a = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
            return householder_product(a, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        x = x.tril()
        if n != k:
            x = cat([x, x.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(skew)
        else:
            one = eye(n, dtype=x.dtype)
            q = solve(one - skew * 0.5, one + skew * 0.5)
        return q if n == k else q[..., :k]

    def right_inverse(self, q: Tensor) -> Tensor:
        with no_grad():
            if q.shape != self.shape:
                raise ValueError(
                    f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}."
                )
            transposed = q.shape[-2] < q.shape[-1]
            tall = q.mT if transposed else q
            if not self.use_trivialization:
                vectors = self._householder_vectors(tall)
                return vectors.mT if transposed else vectors
            self.base = self._completed(tall)
            start: Any = zeros_like(q)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start

    def _householder_vectors(self, q: Any) -> Any:
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        vectors, tau = geqrf(q)
        vectors.diagonal(dim1=-2, dim2=-1).sign_()
        vectors.diagonal(dim1=-2, dim2=-1)[tau == 0.0] *= -1
        return vectors

    @staticmethod
    def _completed(q: Any) -> Any:
        """A square orthogonal matrix whose first columns are those of q (or span the same, if q is not orthogonal)."""
        n, k = q.shape[-2:]
        if n == k:
            return q.clone() if _is_orthogonal(q) else _make_orthogonal(q)
        noise = q.new_empty(*q.shape[:-2], n, n - k).normal_()
        return _make_orthogonal(cat([q, noise], dim=-1))


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    """Keeps a matrix (or a batch of them) orthogonal, or unitary, while it is trained.

    Args:
        orthogonal_map: how it is computed: 'matrix_exp' (exp(A), A skew-symmetric), 'cayley'
            ((1 - A/2)^-1 (1 + A/2)) or 'householder' (a product of reflections). By default matrix_exp for square and
            complex matrices, householder for others.
        use_trivialization: compute it relative to the value that was last assigned, which makes assignment possible.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, it is no matrix, or another map.

    Source: Lezcano-Casado 2019, arXiv:1909.09501.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


# -------------------------------------------------------------------------------------------------------- weight norm


class _WeightNorm(Module):
    """Computes a weight from its length `original0` and its direction `original1`."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Any:
        return weight_from(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Trains a weight's lengths g along `dim` and its directions v apart: w = g v / ||v||.

    Args:
        dim: one length per index of this dimension; None: one for the whole weight.

    Returns:
        The module. State dicts with the older names (`weight_g`, `weight_v`) load too.

    Source: Salimans, Kingma 2016, arXiv:1602.07868.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_older_names(state_dict: Any, prefix: str, *rest: Any) -> None:
        older = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_older_names)
    return module


# ------------------------------------------------------------------------------------------------------ spectral norm


class _SpectralNorm(Module):
    """Divides a weight by its largest singular value, which is followed by power iteration during training."""

    _u: Tensor  # its singular vectors
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._as_matrix(weight)
            h, w = matrix.shape
            u, v = matrix.new_empty(h).normal_(0, 1), matrix.new_empty(w).normal_(0, 1)
            self.register_buffer("_u", normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _as_matrix(self, weight: Any) -> Any:
        if self.dim:
            weight = weight.permute(self.dim, *(d for d in range(weight.ndim) if d != self.dim))
        return weight.flatten(1)

    def _power_method(self, matrix: Any, steps: int) -> None:
        with no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.mH, self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the buffers are written to again before backward
        return weight / vdot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Keeps a weight's largest singular value at 1, as a matrix whose rows are the indices of `dim`.

    Args:
        n_power_iterations: steps by which the singular vectors are followed at each forward in training.
        eps: below which a vector's length counts as 0.
        dim: 1 for transposed convolutions, 0 for others, by default.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, or no iterations. IndexError: dim is out of range.

    Source: Miyato et al. 2018, arXiv:1802.05957.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    )


def output_dim(module: Module, dim: int | None) -> int:
    """The dimension of a layer's weight that counts its outputs."""
    transposed = isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))
    return int(transposed) if dim is None else dim
