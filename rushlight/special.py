"""`torch.special`: special functions under the names that PyTorch gathers there."""

from __future__ import annotations

from .ops import special_functions as _special_functions
from .ops.activation import sigmoid as _sigmoid
from .ops.bessel import airy_ai as airy_ai
from .ops.bessel import bessel_j0 as bessel_j0
from .ops.bessel import bessel_j1 as bessel_j1
from .ops.bessel import bessel_y0 as bessel_y0
from .ops.bessel import bessel_y1 as bessel_y1
from .ops.bessel import i0 as i0
from .ops.bessel import i0e as i0e
from .ops.bessel import i1 as i1
from .ops.bessel import i1e as i1e
from .ops.bessel import modified_bessel_i0 as modified_bessel_i0
from .ops.bessel import modified_bessel_i1 as modified_bessel_i1
from .ops.bessel import modified_bessel_k0 as modified_bessel_k0
from .ops.bessel import modified_bessel_k1 as modified_bessel_k1
from .ops.bessel import scaled_modified_bessel_k0 as scaled_modified_bessel_k0
from .ops.bessel import scaled_modified_bessel_k1 as scaled_modified_bessel_k1
from .ops.bessel import spherical_bessel_j0 as spherical_bessel_j0
from .ops.pairs import xlogy as xlogy
from .ops.polynomials import chebyshev_polynomial_t as chebyshev_polynomial_t
from .ops.polynomials import chebyshev_polynomial_u as chebyshev_polynomial_u
from .ops.polynomials import chebyshev_polynomial_v as chebyshev_polynomial_v
from .ops.polynomials import chebyshev_polynomial_w as chebyshev_polynomial_w
from .ops.polynomials import hermite_polynomial_h as hermite_polynomial_h
from .ops.polynomials import hermite_polynomial_he as hermite_polynomial_he
from .ops.polynomials import laguerre_polynomial_l as laguerre_polynomial_l
from .ops.polynomials import legendre_polynomial_p as legendre_polynomial_p
from .ops.polynomials import shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t
from .ops.polynomials import shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u
from .ops.polynomials import shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v
from .ops.polynomials import shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w
from .ops.softmax import log_softmax as log_softmax
from .ops.softmax import logsumexp as logsumexp
from .ops.softmax import softmax as softmax
from .ops.special_functions import digamma as digamma
from .ops.special_functions import entr as entr
from .ops.special_functions import erf as erf
from .ops.special_functions import erfc as erfc
from .ops.special_functions import erfcx as erfcx
from .ops.special_functions import erfinv as erfinv
from .ops.special_functions import log_ndtr as log_ndtr
from .ops.special_functions import logit as logit
from .ops.special_functions import ndtr as ndtr
from .ops.special_functions import ndtri as ndtri
from .ops.special_functions import polygamma as polygamma
from .ops.special_functions import sinc as sinc
from .ops.special_functions import xlog1py as xlog1py
from .ops.special_functions import zeta as zeta
from .ops.unary import exp2 as exp2
from .ops.unary import expm1 as expm1
from .ops.unary import log1p as log1p
from .ops.unary import round as round

# torch: these have other names here than in the root
expit = _sigmoid
gammainc = _special_functions.igamma
gammaincc = _special_functions.igammac
gammaln = _special_functions.lgamma
multigammaln = _special_functions.mvlgamma
psi = digamma
