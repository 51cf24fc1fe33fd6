"""What a recorded call may call, beside functions that are read themselves.

`OPERATIONS` depend on nothing but their arguments, look at no element of a tensor outside of an operator's forward, and
change nothing but what an in-place operator writes to; the shapes of their results follow from shapes. `CREATIONS` make
new tensors from constants or like another one, also by drawing. `PURE` are Python's own functions of plain values.
tests/contracts/test_compiled.py holds every operation to this: replayed on other numbers, it gives their results.
"""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

from .. import ops
from ..autograd.grad_mode import _Switch
from ..nn import functional
from ..tensor import Size, Tensor


def _words(text: str) -> list[str]:
    return text.split()


_ELEMENTWISE = _words("""
abs acos acosh add addcdiv addcmul asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or bitwise_xor ceil clamp
clamp_max clamp_min clip cos cosh deg2rad div divide eq erf erfc exp exp2 expm1 floor fmax fmin frac ge greater
greater_equal gt hypot isfinite isinf isnan le lerp less less_equal lgamma log log10 log1p log2 logaddexp logical_and
logical_not logical_or logical_xor lt maximum minimum mul multiply nan_to_num ne neg negative not_equal positive pow
rad2deg reciprocal round rsqrt rsub sigmoid sign sin sinh sqrt square sub subtract tan tanh true_divide trunc where
xlogy
""")

_REDUCTIONS = _words("""
all amax amin any argmax argmin argsort count_nonzero cummax cummin cumsum logcumsumexp logsumexp max mean median min
norm sort std std_mean sum topk var var_mean
""")

_SHAPES = _words("""
broadcast_to cat chunk clone concat contiguous detach diagonal expand expand_as flatten flip hstack masked_fill movedim
moveaxis narrow permute ravel repeat reshape reshape_as roll select split squeeze stack swapaxes swapdims t transpose
tril triu type_as unbind unflatten unsqueeze view view_as vstack
""")

_PRODUCTS = _words("addbmm addmm addmv baddbmm bmm dot einsum inner matmul mm mv outer")

_FUNCTIONAL = _words("""
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d avg_pool3d celu
conv1d conv2d conv3d conv_transpose1d conv_transpose2d cosine_similarity cross_entropy dropout dropout1d dropout2d
dropout3d elu gelu glu group_norm hardsigmoid hardswish hardtanh huber_loss kl_div l1_loss layer_norm leaky_relu linear
log_softmax logsigmoid max_pool1d max_pool2d max_pool3d mish mse_loss nll_loss normalize pad pixel_shuffle prelu relu
relu6 rms_norm selu silu smooth_l1_loss softmax softmin softplus softsign tanhshrink binary_cross_entropy_with_logits
""")

_IN_PLACE = _words("add_ clamp_ div_ exp_ mul_ relu_ sigmoid_ sub_ tanh_")

_CASTS = _words("bfloat16 bool cpu double float half int long to")

_SPECIAL = _words("""
abs add and eq ge getitem gt iadd imul invert isub itruediv le lt matmul mul ne neg or pos pow radd rmatmul
rmul rpow rsub rtruediv sub truediv xor
""")

_CREATIONS = _words("""
arange empty eye full full_like linspace ones ones_like rand rand_like randint randn randn_like randperm tensor zeros
zeros_like
""")

_NEW = _words("new_full new_ones new_zeros")

# What a tensor looks like, which guards hold: asked of a tensor, the answers are constants.
LOOKS = frozenset(
    _words("""
    __len__ device dim dtype element_size get_device is_complex is_contiguous is_cuda is_floating_point is_leaf
    is_sparse itemsize layout ndim ndimension nelement numel requires_grad shape size stride
    """)
)
NUMBERS = frozenset(_words("__bool__ __float__ __int__ item"))

_PYTHON = _words("""
abs all any bool bytes callable complex dict divmod enumerate float format frozenset int isinstance issubclass iter len
list max min pow range repr reversed round set slice sorted str sum tuple type zip
""")


def _found(names: list[str], *places: Any) -> dict[int, str]:
    """The functions of these names, by id."""
    return {id(f): name for name in names for place in places if (f := getattr(place, name, None)) is not None}


OPERATIONS: dict[int, str] = {
    **_found([*_ELEMENTWISE, *_REDUCTIONS, *_SHAPES, *_PRODUCTS, *_FUNCTIONAL, *_CASTS], ops, functional, Tensor),
    **_found([*_IN_PLACE, *(f"__{name}__" for name in _SPECIAL)], Tensor),
}
CREATIONS: dict[int, str] = {**_found(_CREATIONS, ops, functional), **_found(_NEW, Tensor)}
PURE: frozenset[Any] = frozenset(
    (
        *(vars(builtins)[name] for name in _PYTHON),
        *(function for function in vars(math).values() if isinstance(function, type(math.sqrt))),
        operator.index,
        Size,
    )
)
CONTEXTS = (_Switch,)
BUILTINS = vars(builtins)

BINARY: dict[str, Any] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "Pow": operator.pow,
    "MatMult": operator.matmul,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "LShift": operator.lshift,
    "RShift": operator.rshift,
}
IN_PLACE: dict[str, Any] = {
    name: getattr(operator, "i" + function.__name__.strip("_")) for name, function in BINARY.items()
}
RAISING = tuple(  # for some integers
    table[name] for table in (BINARY, IN_PLACE) for name in ("FloorDiv", "Mod", "Pow", "LShift", "RShift")
)
UNARY: dict[str, Any] = {"USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert, "Not": operator.not_}
COMPARE: dict[str, Any] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}
