"""Activations: the non-linear functions between layers, with their derivatives. (Those of straight lines, but for relu,
are in corners.py.)

The common ones are kernels with native twins (relu, sigmoid, tanh, silu, gelu, glu); the rest are pairs of formulas
that `operator` turns into operators. `inplace=True` writes the result into the input, as does the variant whose name
ends in `_`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.tape import OUT, Operator, TensorBase
from ..errors import OperatorError, ShapeError
from ..kernels import fused, kernel, xp
from .dims import wrap_dim
from .numpy_protocol import numpy_name
from .promotion import (
    conj,
    floating,
    in_float32,
    into,
    is_complex,
    not_a_tensor,
    not_implemented,
    not_supported,
    overwrite_straight,
)
from .special_functions import Erf
from .unary import operator

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any


def activate(cls: type[Operator], name: str, input: Any, inplace: bool, *constants: Any, kinds: str = "fV") -> Any:
    """What the public functions here do: check, apply, and write to the input if that was asked.

    Args:
        kinds: the kinds of dtype (NumPy's letters) that the function takes.
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor(input, name)
    if input._array.dtype.kind not in kinds:
        takes_integers = input._array.dtype.kind == "b" and "i" in kinds
        raise (not_supported if takes_integers else not_implemented)(name, input)
    if not inplace:
        return cls.apply(input, *constants)
    return overwrite_straight(input, name, cls.apply, *constants, keeps_operands=cls.saves != (OUT,))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- the common kernels


@kernel
def relu_forward(x: Array) -> Array:
    """max(x, 0)."""
    return xp.maximum(x, 0)


@kernel
@fused
def relu_backward(grad: Array, y: Array) -> Array:
    """grad where y > 0, else 0. torch: NaN lets the gradient through."""
    return xp.where(y <= 0, 0, grad)


@kernel
@fused
@in_float32
def sigmoid_forward(x: Array) -> Array:
    """1 / (1 + e^-x)."""
    return 1 / (1 + xp.exp(-x))


@kernel
@fused
@in_float32
def sigmoid_backward(grad: Array, y: Array) -> Array:
    """grad * y * (1 - y)."""
    return grad * conj(y * (1 - y))


@kernel
def tanh_forward(x: Array) -> Array:
    """(e^x - e^-x) / (e^x + e^-x)."""
    return xp.tanh(x)


@kernel
@fused
@in_float32
def tanh_backward(grad: Array, y: Array) -> Array:
    """grad * (1 - y^2)."""
    return grad * conj(1 - y * y)


@kernel
@fused
@in_float32
def silu_forward(x: Array) -> Array:
    """x * sigmoid(x)."""
    return x / (1 + xp.exp(-x))


@kernel
@fused
@in_float32
def silu_backward(grad: Array, x: Array) -> Array:
    """With s = sigmoid(x): grad * s * (1 + x * (1 - s))."""
    s = 1 / (1 + xp.exp(-x))
    return grad * conj(s * (1 + x * (1 - s)))


SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


@kernel
@fused
@in_float32
def gelu_forward(x: Array, approximate: str) -> Array:
    """x * P(a standard normal number is below x).

    "none": x/2 * (1 + erf(x / sqrt(2)));    "tanh": x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
    """
    if approximate == "none":
        return x * 0.5 * (1 + Erf.derive(x * SQRT_HALF))
    return x * 0.5 * (1 + xp.tanh(x * (1 + x * x * GELU_CUBIC) * SQRT_2_OVER_PI))


@kernel
@fused
@in_float32
def gelu_backward(grad: Array, x: Array, approximate: str) -> Array:
    """grad * (P + x * dP/dx), P the probability (or its approximation) in `gelu_forward`."""
    if approximate == "none":
        density = xp.exp(x * x * -0.5) * (0.5 * SQRT_2_OVER_PI)
        return grad * ((1 + Erf.derive(x * SQRT_HALF)) * 0.5 + x * density)
    t = xp.tanh(x * (1 + x * x * GELU_CUBIC) * SQRT_2_OVER_PI)
    slope = (1 + x * x * (3 * GELU_CUBIC)) * SQRT_2_OVER_PI
    return grad * ((1 + t) * 0.5 + x * 0.5 * (1 - t * t) * slope)


Relu = operator("Relu", relu_forward, relu_backward, OUT)
Sigmoid = operator("Sigmoid", sigmoid_forward, sigmoid_backward, OUT)
Tanh = operator("Tanh", tanh_forward, tanh_backward, OUT)
Silu = operator("Silu", silu_forward, silu_backward)
Gelu = operator("Gelu", gelu_forward, gelu_backward)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0); NaN stays NaN. The gradient at 0 is 0.

    Args:
        input: of any real dtype but bool.
        inplace: write the result into `input`.

    Example:
        >>> relu(rushlight.tensor([-1., 2.]))
        tensor([0., 2.])
    """
    if not inplace and isinstance(input, TensorBase) and input._array.dtype.kind in "fViu":  # the usual call
        return Relu.apply(input)
    return activate(Relu, "relu", input, inplace, kinds="fViu")


@numpy_name("sigmoid")
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-input)). Integers become floats."""
    result = Sigmoid.apply(floating(input, "sigmoid"))
    return result if out is None else into(out, result, "sigmoid")


@numpy_name("tanh")
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x), x = input. Integers become floats."""
    result = Tanh.apply(floating(input, "tanh"))
    return result if out is None else into(out, result, "tanh")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input), also called swish.

    Source: Hendrycks, Gimpel 2016, arXiv:1606.08415; Ramachandran et al. 2017, arXiv:1710.05941.
    """
    return activate(Silu, "silu", input, inplace, kinds="fVc")


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input * Phi(input), Phi the standard normal distribution function.

    Args:
        approximate: "none" (by erf) or "tanh": x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).

    Raises:
        RuntimeError: another `approximate`.

    Source: Hendrycks, Gimpel 2016, arXiv:1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise OperatorError(f"gelu: approximate argument must be either none or tanh, not {approximate!r}")
    return activate(Gelu, "gelu", input, False, approximate)


# --------------------------------------------------------------------------------------------- smooth, exponential


def _softplus(x: Array, beta: float, threshold: float) -> Array:
    z = x * beta
    return xp.where(z > threshold, x, xp.log1p(xp.exp(z)) / beta)


def _softplus_backward(grad: Array, x: Array, beta: float, threshold: float) -> Array:
    z = x * beta
    return xp.where(z > threshold, grad, grad / (1 + xp.exp(-z)))


def _log_sigmoid(x: Array) -> Array:
    """log(1 / (1 + e^-x)), without overflow: min(x, 0) - log(1 + e^-|x|)."""
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.absolute(x)))


def _elu(x: Array, alpha: float, scale: float, input_scale: float) -> Array:
    return xp.where(x > 0, x * scale, xp.expm1(xp.minimum(x, 0) * input_scale) * (alpha * scale))


def _elu_backward(grad: Array, x: Array, alpha: float, scale: float, input_scale: float) -> Array:
    slope = xp.exp(xp.where(x > 0, 0, x) * input_scale) * (alpha * scale * input_scale)
    return xp.where(x > 0, grad * scale, grad * slope)


def _mish(x: Array) -> Array:
    return x * xp.tanh(_softplus(x, 1, 20))


def _mish_backward(grad: Array, x: Array) -> Array:
    """With t = tanh(softplus(x)): grad * (t + x * (1 - t^2) * sigmoid(x))."""
    t = xp.tanh(_softplus(x, 1, 20))
    return grad * (t + x * (1 - t * t) / (1 + xp.exp(-x)))


def _softsign_backward(grad: Array, x: Array) -> Array:
    room = 1 + xp.absolute(x)
    return grad / (room * room)


def _tanhshrink_backward(grad: Array, x: Array) -> Array:
    t = xp.tanh(x)
    return grad * conj(t * t)


Softplus = operator("Softplus", _softplus, _softplus_backward)
LogSigmoid = operator("LogSigmoid", _log_sigmoid, lambda grad, x: grad / (1 + xp.exp(x)))
Elu = operator("Elu", _elu, _elu_backward)
Mish = operator("Mish", _mish, _mish_backward)
Softsign = operator("Softsign", lambda x: x / (1 + xp.absolute(x)), _softsign_backward)
Tanhshrink = operator("Tanhshrink", lambda x: x - xp.tanh(x), _tanhshrink_backward)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold."""
    return activate(Softplus, "softplus", input, False, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-input)))."""
    return activate(LogSigmoid, "logsigmoid", input, False)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, alpha * (exp(input) - 1) elsewhere.

    Source: Clevert et al. 2015, arXiv:1511.07289.
    """
    return activate(Elu, "elu", input, inplace, alpha, 1.0, 1.0)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(input, alpha), with the alpha and scale that keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al. 2017, arXiv:1706.02515.
    """
    return activate(Elu, "selu", input, inplace, SELU_ALPHA, SELU_SCALE, 1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, alpha * (exp(input / alpha) - 1) elsewhere.

    Raises:
        RuntimeError: alpha is 0.

    Source: Barron 2017, arXiv:1704.07483.
    """
    if alpha == 0:
        raise OperatorError("celu: ZeroDivisionError: alpha cannot be 0 for CELU")
    return activate(Elu, "celu", input, inplace, alpha, 1.0, 1.0 / alpha)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)).

    Source: Misra 2019, arXiv:1908.08681.
    """
    return activate(Mish, "mish", input, inplace)


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    if isinstance(input, TensorBase) and is_complex(input):
        return input / (input.abs() + 1)
    return activate(Softsign, "softsign", floating(input, "softsign"), False)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return activate(Tanhshrink, "tanhshrink", floating(input, "tanhshrink"), False, kinds="fVc")


# --------------------------------------------------------------------------------------------------- gated by itself


def _halves(x: Array, dim: int) -> tuple[Any, Any]:
    """The indices of the first and the second half of x along a dimension."""
    lead, half = (slice(None),) * dim, x.shape[dim] // 2
    return (*lead, slice(half)), (*lead, slice(half, None))


@fused
def _gated(x: Array, gate: Array) -> Array:
    return x * sigmoid_forward(gate)


@fused
def _gate_gradient(grad: Array, x: Array, gate: Array) -> Array:
    s = Sigmoid.derive(gate)
    return grad * x * s * (1 - s)


@kernel
def glu_forward(x: Array, dim: int) -> Array:
    """a * sigmoid(b), a and b the halves of x along `dim`."""
    first, second = _halves(x, dim)
    return _gated(x[first], x[second])


@kernel
def glu_backward(grad: Array, x: Array, dim: int) -> Array:
    """da = grad * sigmoid(b) and db = grad * a * sigmoid(b) * (1 - sigmoid(b)), side by side."""
    first, second = _halves(x, dim)
    return xp.concatenate([_gated(grad, x[second]), _gate_gradient(grad, x[first], x[second])], dim)


class Glu(Operator):
    saves = (0,)

    @staticmethod
    def forward(ctx: Any, x: Array, dim: int) -> Array:
        ctx.save(x)
        ctx.dim = dim
        return glu_forward(x, dim)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Array:
        return glu_backward(grad, ctx.saved[0], ctx.dim)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), a and b the halves of input along `dim`.

    Raises:
        RuntimeError: the size along dim is odd, or input is 0-d. IndexError: dim is out of range.

    Source: Dauphin et al. 2016, arXiv:1612.08083.
    """
    if input.ndim == 0:
        raise ShapeError("glu does not support 0-dimensional tensors")
    dim = wrap_dim(dim, input.ndim, "glu")
    size = input._array.shape[dim]
    if size % 2:
        raise ShapeError(
            f"glu: Halving dimension must be even, but dimension {dim} of {tuple(input.shape)} is size {size}"
        )
    return activate(Glu, "glu", input, False, dim)


# ------------------------------------------------------------------------------------------------- in-place variants


def relu_(input: Tensor) -> Tensor:
    """In-place version of `relu`."""
    return relu(input, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place version of `elu`."""
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place version of `celu`."""
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """In-place version of `selu`."""
    return selu(input, inplace=True)
