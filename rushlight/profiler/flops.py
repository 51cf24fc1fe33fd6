"""FLOPs of operators by the definition: a multiplication and an addition count as two. Only those that multiply
matrices count, as is usual: the others' share is small."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any


def _linear(args: Sequence[Any], out: Any) -> int:
    return 2 * int(args[0].size) * int(args[1].shape[0])


def _matmul(args: Sequence[Any], out: Any) -> int:
    return 2 * int(out.size) * int(args[0].shape[-1])


def _conv(args: Sequence[Any], out: Any) -> int:
    return 2 * int(out.size) * math.prod(args[1].shape[1:])


def _conv_transpose(args: Sequence[Any], out: Any) -> int:
    return 2 * int(args[0].size) * math.prod(args[1].shape[1:])


def _attention(args: Sequence[Any], out: Any) -> int:
    (*batch, queries, width), keys, out_width = args[0].shape, args[1].shape[-2], args[2].shape[-1]
    return 2 * math.prod(batch) * queries * keys * (width + out_width)


_FORMULAS: dict[str, Callable[[Sequence[Any], Any], int]] = {
    "Linear": _linear,
    **dict.fromkeys(("MatMul", "Mm", "Bmm", "Mv", "Dot"), _matmul),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Attention": _attention,
}
_RECURRENT = ("LSTM", "GRU", "RNN")  # whose hidden state meets a matrix at each step; inputs are a Linear before it


def flops(name: str, args: Sequence[Any], out: Any) -> int:
    """Floating-point operations of the forward of an operator of this name.

    Example:
        >>> x, weight, y = rushlight.ones(2, 3).numpy(), rushlight.ones(4, 3).numpy(), rushlight.ones(2, 4).numpy()
        >>> flops("Linear", (x, weight, None), y)
        48
    """
    if name in _RECURRENT:
        w_hh = next(a for a in args[1:] if getattr(a, "ndim", 0) == 2 and a.shape[0] == args[0].shape[-1])
        return 2 * int(args[0].size) * int(w_hh.shape[1])
    formula = _FORMULAS.get(name)
    return 0 if formula is None else formula(args, out)
