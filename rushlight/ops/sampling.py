"""Random tensors: rand, randn, randint, normal, bernoulli, multinomial …, and the in-place `normal_`, `uniform_` ….

The numbers come from `rushlight.random`, which repeats PyTorch's generator; this file adds PyTorch's signatures.
Drawing has no derivative: what is drawn from a tensor of parameters passes back zeros, as in PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes, random
from ..autograd.in_place import check_writable
from ..autograd.tape import TensorBase, wrap
from ..device import check_device
from ..device import device as Device
from ..errors import ArgumentError, DTypeError, OperatorError, ShapeError
from ..kernels.places import moved
from .conversion import CHANNELS_LAST_RANK, Constant, check_layout, in_format
from .creation import finish
from .dims import sizes
from .indexing import overwritten
from .promotion import into, is_scalar, note_write

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Generator = random.Generator


def _generator(given: Any, name: str, where: Device) -> Any:
    """The generator that draws for this device."""
    if given is not None and not isinstance(given, Generator):
        raise DTypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type(given).__name__}")
    return random.source(given, where)


def _place(layout: Any, device: Any, name: str, out: Any = None) -> Device:
    """Where the result will lie."""
    check_layout(layout, name)
    return check_device(device) if out is None else out.device


def _placed(array: Array, out: Tensor | None, requires_grad: bool, name: str) -> Tensor:
    return finish(array, requires_grad) if out is None else into(out, wrap(array), name)


def _kind(dtype: Any, out: Any) -> Any:
    if dtype is not None:
        return dtypes.as_dtype(dtype).numpy
    return dtypes.get_default_dtype().numpy if out is None else out._array.dtype


# ------------------------------------------------------------------------------------------------------- new tensors


def rand(
    *sizes_: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    Example:
        >>> rushlight.manual_seed(0)  # doctest: +ELLIPSIS
        <...Generator...>
        >>> rushlight.rand(2)
        tensor([0.4963, 0.7682])
    """
    where = _place(layout, device, "rand", out)
    array = random.uniform(
        _generator(generator, "rand", where), sizes(sizes_ if size is None else (size,)), _kind(dtype, out)
    )
    return _placed(array, out, requires_grad, "rand")


def randn(
    *sizes_: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers of mean 0 and standard deviation 1."""
    where = _place(layout, device, "randn", out)
    array = random.normal(
        _generator(generator, "randn", where), sizes(sizes_ if size is None else (size,)), _kind(dtype, out)
    )
    return _placed(array, out, requires_grad, "randn")


def randint(
    *bounds: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Integers in [low, high): `randint(high, size)` or `randint(low, high, size)`."""
    where = _place(layout, device, "randint", out)
    given = list(bounds)
    if size is None:
        if not given or isinstance(given[-1], int):
            raise DTypeError("randint(): expected (high, size) or (low, high, size), with size a tuple of ints")
        size = given.pop()
    if len(given) == 2:
        low, high = given
    elif len(given) == 1:
        low, high = (given[0], high) if high is not None else (low or 0, given[0])
    kind = np.int64 if dtype is None and out is None else _kind(dtype, out)
    low, high = int(low or 0), int(high)  # type: ignore[arg-type]
    if low >= high:
        raise OperatorError(f"randint: random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    array = random.integers(_generator(generator, "randint", where), sizes((size,)), kind, low, high)
    return _placed(array, out, requires_grad, "randint")


def randperm(
    n: int,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    where = _place(layout, device, "randperm", out)
    if n < 0:
        raise OperatorError(f"randperm: n must be non-negative, got {n}")
    kind = np.int64 if dtype is None and out is None else _kind(dtype, out)
    return _placed(
        random.permutation(_generator(generator, "randperm", where), n, kind), out, requires_grad, "randperm"
    )


def _like(
    input: Tensor,
    sampler: Any,
    name: str,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    format_: Any,
    **parameters: Any,
) -> Tensor:
    """A new tensor in the memory order of `input`, filled in the order of memory."""
    where = input.device if device is None else _place(layout, device, name)
    check_layout(layout, name)
    array = input._array
    kind = array.dtype if dtype is None else dtypes.as_dtype(dtype).numpy
    out = random.with_room(np.empty_like(array, kind, order="K" if input._is_settled() else "C"))
    if format_ is not None and format_.name != "preserve_format":
        out = in_format(np.ascontiguousarray(out), format_)
    made = finish(sampler(moved(out, where), **parameters), requires_grad)
    made._layout_kept = input._layout_kept or format_ in CHANNELS_LAST_RANK
    return made


def rand_like(
    input: Tensor,
    *,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in the shape and dtype of `input`."""
    return _like(
        input, random.uniform_, "rand_like", dtype, layout, device, requires_grad, memory_format, generator=generator
    )


def randn_like(
    input: Tensor,
    *,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers in the shape and dtype of `input`."""
    return _like(
        input, random.normal_, "randn_like", dtype, layout, device, requires_grad, memory_format, generator=generator
    )


def randint_like(
    input: Tensor,
    low: Any = None,
    high: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """Integers in [low, high) in the shape and dtype of `input`: `randint_like(x, high)` or `randint_like(x, low,
    high)`."""
    low, high = (0, low) if high is None else (low or 0, high)
    bounds = {"low": int(low), "high": int(high)}
    return _like(
        input,
        random.integers_,
        "randint_like",
        dtype,
        layout,
        device,
        requires_grad,
        memory_format,
        generator=generator,
        **bounds,
    )


# ---------------------------------------------------------------------------------------------- drawn from parameters


def normal(
    mean: Any = None,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers: with a tensor for `mean`, `std` or both, one per element; with numbers, of the shape `size`.

    Raises:
        RuntimeError: a negative `std`.
    """
    where = _place(layout, device, "normal", out)
    where = next((x.device for x in (mean, std) if isinstance(x, TensorBase)), where)  # type: ignore[attr-defined]
    source = _generator(generator, "normal", where)
    mean = 0.0 if mean is None else mean
    if is_scalar(mean) and is_scalar(std):
        if size is None:
            raise DTypeError("normal(): with numbers for mean and std, size is needed")
        if std < 0:
            raise OperatorError(f"normal: normal expects std >= 0.0, but found std {std}")
        return _placed(
            random.normal(source, sizes((size,)), _kind(dtype, out), mean, std), out, requires_grad, "normal"
        )
    for x in (mean, std):
        if isinstance(x, TensorBase) and x._array.dtype.kind in "iub":
            raise OperatorError(
                "normal: normal_kernel_cpu not implemented for integers; make mean and std floating point"
            )
    drawn = random.normal_around(source, getattr(mean, "_array", mean), getattr(std, "_array", std))
    return into(out, Constant.apply(drawn, *(x for x in (mean, std) if isinstance(x, TensorBase))), "normal")


def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """0 or 1 for each element: 1 with the probability that `input` gives (or with `p` everywhere).

    Raises:
        RuntimeError: a probability outside [0, 1].
    """
    source = _generator(generator, "bernoulli", input.device)
    if p is not None:
        return into(
            out,
            Constant.apply(random.bernoulli(source, input._array.shape, input._array.dtype, float(p)), input),
            "bernoulli",
        )
    return into(out, Constant.apply(random.bernoulli_each(source, input._array), input), "bernoulli")


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Tensor:
    """Indices drawn with probabilities in proportion to `input`, (C) or (N, C); int64, (num_samples) or (N,
    num_samples).

    Raises:
        RuntimeError: weights that are negative, not finite or all zero, or too few of them without replacement.
    """
    if out is not None and out._array.dtype != np.int64:
        raise OperatorError(f"multinomial: multinomial expects Long tensor out, got: {out.dtype}")
    return into(
        out,
        wrap(
            random.multinomial(
                _generator(generator, "multinomial", input.device), input._array, num_samples, replacement
            )
        ),
        "multinomial",
    )


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers with the rates `input`."""
    return Constant.apply(random.poisson(_generator(generator, "poisson", input.device), input._array), input)


def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """The number of successes in `count` tosses of probability `prob`, element by element."""
    n, p = np.broadcast_arrays(count._array, prob._array)
    return Constant.apply(
        random.binomial(_generator(generator, "binomial", count.device), n.copy(), p.copy()), count, prob
    )


# ----------------------------------------------------------------------------------------------------------- in place


def _fill(x: Tensor, sampler: Any, generator: Any, **parameters: Any) -> Tensor:
    """Draws into the tensor's own memory; what it was before has no gradient any more."""
    check_writable(x)
    sampler(x._array, generator=_generator(generator, sampler.__name__, x.device), **parameters)
    note_write(x)
    overwritten(x)
    return x


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fills the tensor with normal numbers."""
    if std < 0:
        raise OperatorError(f"normal_: normal_ expects std >= 0.0, but found std={std}")
    return _fill(input, random.normal_, generator, mean=float(mean), std=float(std))


def uniform_(input: Tensor, from_: float = 0, to: float = 1, *, generator: Any = None, **given: float) -> Tensor:
    """Fills the tensor with uniform numbers in [from, to)."""
    low = given.pop("from", from_)
    if given:
        raise DTypeError(f"uniform_: unexpected keyword arguments {sorted(given)}")
    if low > to:
        raise OperatorError(f"uniform_: uniform_ expects to return a [from, to) range, but found from={low} > to={to}")
    return _fill(input, random.uniform_, generator, low=float(low), high=float(to))


def random_(
    input: Tensor, from_: int | None = None, to: int | None = None, *, generator: Any = None, **given: Any
) -> Tensor:
    """Fills the tensor with integers: `random_()` from 0 to what the dtype holds exactly, `random_(to)` in [0, to),
    `random_(from, to)` in [from, to)."""
    low = given.pop("from", from_)
    if given:
        raise DTypeError(f"random_: unexpected keyword arguments {sorted(given)}")
    if low is None and to is None:
        return _fill(input, random.random_integers_, generator)
    if to is None and from_ is not None:  # torch: one number is the upper bound
        low, to = 0, from_
    if to is not None and (low or 0) >= to:
        raise OperatorError(f"random_: random_ expects 'from' to be less than 'to', but got from={low or 0} >= to={to}")
    return _fill(input, random.integers_, generator, low=int(low or 0), high=None if to is None else int(to))


def exponential_(input: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fills the tensor with numbers of density lambd exp(-lambd x)."""
    if lambd <= 0:
        raise OperatorError(f"exponential_: exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _fill(input, random.exponential_, generator, lambd=float(lambd))


def cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Fills the tensor with Cauchy numbers."""
    if sigma <= 0:
        raise OperatorError(f"cauchy_: cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return _fill(input, random.cauchy_, generator, median=float(median), sigma=float(sigma))


def log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Fills the tensor with numbers whose logarithm is normal."""
    if std <= 0:
        raise OperatorError(f"log_normal_: log_normal_ expects std > 0.0, but found std={std}")
    return _fill(input, random.log_normal_, generator, mean=float(mean), std=float(std))


def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fills the tensor with the number of tosses of probability `p` up to the first success."""
    if not 0 < p < 1:
        raise OperatorError(f"geometric_: geometric_ expects p to be in (0, 1), but got p={p}")
    return _fill(input, random.geometric_, generator, p=float(p))


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fills the tensor with 0 and 1, 1 with probability `p`, a number or a tensor that broadcasts to it."""
    if not isinstance(p, TensorBase):
        if not 0 <= p <= 1:
            raise OperatorError(f"bernoulli_: bernoulli_ expects p to be in [0, 1], but got p={p}")
        return _fill(input, random.bernoulli_, generator, p=float(p))
    try:
        return _fill(input, random.bernoulli_each_, generator, p=p._array)
    except ValueError as why:
        if isinstance(why, ArgumentError):
            raise
        raise ShapeError(f"bernoulli_: p {tuple(p._array.shape)} does not broadcast to {tuple(input.shape)}") from None
