"""Results with named fields: `x.max(0).values`, `values, indices = x.sort()`. The types are
`rushlight.return_types`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ..autograd.tape import TensorBase
from ..errors import DTypeError
from .promotion import into


def _text(self: Any) -> str:
    """torch: the text of a named result puts each field on its own line."""
    fields = ",\n".join(f"{k}={v!r}" for k, v in zip(self._fields, self))
    return f"torch.return_types.{type(self).__name__}(\n{fields})"


def named_result(name: str, *fields: str) -> Any:
    """A tuple type with these fields, printed as PyTorch prints it."""
    kind = namedtuple(name, fields)  # type: ignore[misc]
    kind.__repr__ = _text  # type: ignore[method-assign]
    kind.__module__ = "rushlight.return_types"
    return kind


max = named_result("max", "values", "indices")
min = named_result("min", "values", "indices")
median = named_result("median", "values", "indices")
nanmedian = named_result("nanmedian", "values", "indices")
mode = named_result("mode", "values", "indices")
kthvalue = named_result("kthvalue", "values", "indices")
sort = named_result("sort", "values", "indices")
topk = named_result("topk", "values", "indices")
cummax = named_result("cummax", "values", "indices")
cummin = named_result("cummin", "values", "indices")
aminmax = named_result("aminmax", "min", "max")
histogram = named_result("histogram", "hist", "bin_edges")
histogramdd = named_result("histogramdd", "hist", "bin_edges")
qr = named_result("qr", "Q", "R")
svd = named_result("svd", "U", "S", "V")
lu_unpack = named_result("lu_unpack", "P", "L", "U")
slogdet = named_result("slogdet", "sign", "logabsdet")
frexp = named_result("frexp", "mantissa", "exponent")
geqrf = named_result("geqrf", "a", "tau")
triangular_solve = named_result("triangular_solve", "solution", "cloned_coefficient")
linalg_eig = named_result("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh = named_result("linalg_eigh", "eigenvalues", "eigenvectors")

linalg_qr = named_result("linalg_qr", "Q", "R")
linalg_svd = named_result("linalg_svd", "U", "S", "Vh")
linalg_slogdet = named_result("linalg_slogdet", "sign", "logabsdet")
linalg_lstsq = named_result("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lu = named_result("linalg_lu", "P", "L", "U")
linalg_lu_factor = named_result("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = named_result("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_cholesky_ex = named_result("linalg_cholesky_ex", "L", "info")
linalg_inv_ex = named_result("linalg_inv_ex", "inverse", "info")
linalg_solve_ex = named_result("linalg_solve_ex", "result", "info")
linalg_ldl_factor = named_result("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex = named_result("linalg_ldl_factor_ex", "LD", "pivots", "info")


def into_all(out: Any, result: Any, name: str) -> Any:
    """A named result, written to the tensors of the tuple `out` if that is given."""
    if out is None:
        return result
    if isinstance(out, TensorBase) or len(out) != len(result):
        raise DTypeError(f"{name}: argument 'out' must be a tuple of {len(result)} Tensors")
    return type(result)(*(into(o, r, name) for o, r in zip(out, result)))
