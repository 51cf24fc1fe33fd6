"""Recurrent layers over whole sequences: LSTM, GRU, and the plain RNN with tanh or ReLU.

A layer in one direction is one big matrix product for all inputs (`linear`), then one kernel that walks over time; its
backward walks back and leaves the gradients of the weights to one more big product. The reverse direction is the same
kernel over the sequence in another order. Sequences of different lengths are laid out padded: what lies beyond a
sequence's end comes after everything that counts, in either direction, so it needs no mask.

Gates are in PyTorch's order: input, forget, cell, output for the LSTM; reset, update, new for the GRU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd.tape import Operator
from ..errors import ShapeError
from ..kernels import kernel, xp
from ..kernels.arrays import host
from ..kernels.moves import joined
from .dropout import dropout as drop
from .embedding import Embedding
from .joining import cat
from .linear import linear, linear_backward
from .promotion import in_float32

if TYPE_CHECKING:
    from ..tensor import Tensor

Array = Any
Weights = Sequence[Any]  # w_ih, w_hh, b_ih, b_hh (None without biases), w_hr (None without projection)


def _sigmoid(x: Array) -> Array:
    return 0.5 * xp.tanh(0.5 * x) + 0.5


def _parts(x: Array, count: int) -> list[Array]:
    """(N, count * H) cut into its gates, (N, H) each."""
    width = x.shape[-1] // count
    return [x[..., i * width : (i + 1) * width] for i in range(count)]


def _recur(h: Array, weight: Array, bias: Array | None) -> Array:
    """What the last hidden state adds to the gates."""
    y = h @ xp.transpose(weight)
    return y if bias is None else y + bias


# -------------------------------------------------------------------------------------------------------------- LSTM


@kernel
@in_float32
def lstm_forward(
    x_proj: Array, h0: Array, c0: Array, w_hh: Array, b_hh: Array | None, w_hr: Array | None
) -> tuple[Array, Array, Array]:
    """x_proj (L, N, 4H), h0 (N, P), c0 (N, H), w_hh (4H, P), b_hh (4H,), w_hr (P, H)
    -> y (L, N, P), gates (L, N, 4H), cells (L, N, H).

    i, f, g, o = x_proj[t] + h w_hh^T + b_hh      (gates: sigmoid of i, f, o, tanh of g)
    c = f * c + i * g
    h = o * tanh(c)      projected by w_hr where there is one; else P = H
    """
    y, gates, cells = [], [], []
    h, c = h0, c0
    for x in x_proj:
        i, f, g, o = _parts(x + _recur(h, w_hh, b_hh), 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), xp.tanh(g), _sigmoid(o)
        c = f * c + i * g
        h = o * xp.tanh(c)
        h = h if w_hr is None else h @ xp.transpose(w_hr)
        y.append(h)
        cells.append(c)
        gates.append(xp.concatenate([i, f, g, o], axis=-1))
    return xp.stack(y), xp.stack(gates), xp.stack(cells)


@kernel
@in_float32
def lstm_backward(
    grad: Array, dc: Array, last: Array | None, c0: Array, w_hh: Array, w_hr: Array | None, gates: Array, cells: Array
) -> tuple[Array, Array, Array, Array]:
    """grad (L, N, P), dc (N, H) -> dx_proj (L, N, 4H), dh (L, N, P) all that reached each h, dh0 (N, P), dc0 (N, H).

    dc is the gradient of each sequence's last cell: that of step L - 1, or of step last[n].
    """
    steps = len(grad)
    dx_proj, dhs = [], []
    dh = xp.zeros_like(grad[0])
    arriving, dc = dc, xp.zeros_like(dc)
    for t in reversed(range(steps)):
        i, f, g, o = _parts(gates[t], 4)
        dh = dh + grad[t]
        dhs.append(dh)
        dm = dh if w_hr is None else dh @ w_hr
        tanh_c = xp.tanh(cells[t])
        if last is None:
            dc = dc + arriving if t == steps - 1 else dc
        else:
            dc = dc + arriving * (last == t)[:, None]
        dc = dc + dm * o * (1 - tanh_c * tanh_c)
        before = cells[t - 1] if t else c0
        di, df, dg, do = (
            dc * g * i * (1 - i),
            dc * before * f * (1 - f),
            dc * i * (1 - g * g),
            dm * tanh_c * o * (1 - o),
        )
        dx_proj.append(xp.concatenate([di, df, dg, do], axis=-1))
        dh, dc = dx_proj[-1] @ w_hh, dc * f
    return xp.stack(dx_proj[::-1]), xp.stack(dhs[::-1]), dh, dc


def in_order(x: Array, order: Any) -> Array:
    """x with its time in the order of a walk (or back). A Tensor, in a derivative of higher order, takes no negative
    steps."""
    return xp.flip(x, 0) if isinstance(order, slice) and order.step == -1 else x[order]


class Course(NamedTuple):
    """In which order a layer walks, and where sequences end."""

    order: Any  # index that puts time in the order of the walk, and, applied again, back
    last: Array | None  # per sequence, the walk's last step, (N,); None if that is step L - 1 for all
    end: Any  # index of the last step of the walk in the layer's output, giving (1, N, H)


def _weight_gradients(dgates: Array, h0: Array, y: Array, w_hh: Array, has_bias: bool) -> tuple[Array, Array | None]:
    """dw_hh and db_hh, from the gradients of the gates and the hidden states before each step."""
    before = joined([h0[None], y[:-1]], 0)
    rows = dgates.shape[0] * dgates.shape[1]
    _, dweight, dbias = linear_backward(
        dgates.reshape((rows, -1)), before.reshape((rows, -1)), w_hh, (False, True, has_bias)
    )
    return dweight, dbias


class LSTM(Operator):
    """Outputs y (L, N, P) and the last cells (1, N, H)."""

    @staticmethod
    def forward(
        ctx: Any,
        x_proj: Array,
        h0: Array,
        c0: Array,
        w_hh: Array,
        b_hh: Array | None,
        w_hr: Array | None,
        course: Course,
    ) -> Any:
        y, gates, cells = lstm_forward(in_order(x_proj, course.order), h0, c0, w_hh, b_hh, w_hr)
        ctx.course, ctx.has_bias = course, b_hh is not None
        ctx.save(h0, c0, w_hh, w_hr, y, gates, cells)
        if course.last is None:
            return in_order(y, course.order), cells[-1:]
        return in_order(y, course.order), cells[course.last, np.arange(cells.shape[1])][None]

    @staticmethod
    def backward(ctx: Any, grad: Array | None, dc: Array | None) -> Any:
        h0, c0, w_hh, w_hr, y, gates, cells = ctx.saved
        order, last, _ = ctx.course
        grad = xp.zeros_like(y) if grad is None else in_order(grad, order)
        dc = xp.zeros_like(c0) if dc is None else dc[0]
        dx_proj, dh, dh0, dc0 = lstm_backward(grad, dc, last, c0, w_hh, w_hr, gates, cells)
        dw_hh, db_hh = _weight_gradients(dx_proj, h0, y, w_hh, ctx.has_bias)
        dw_hr = None if w_hr is None else _projection_gradient(dh, gates, cells, w_hr)
        return in_order(dx_proj, order), dh0, dc0, dw_hh, db_hh, dw_hr


def _projection_gradient(dh: Array, gates: Array, cells: Array, w_hr: Array) -> Array:
    hidden = _parts(gates, 4)[3] * xp.tanh(cells)
    rows = dh.shape[0] * dh.shape[1]
    return linear_backward(dh.reshape((rows, -1)), hidden.reshape((rows, -1)), w_hr, (False, True, False))[1]


# --------------------------------------------------------------------------------------------------------------- GRU


@kernel
@in_float32
def gru_forward(x_proj: Array, h0: Array, w_hh: Array, b_hh: Array | None) -> tuple[Array, Array, Array]:
    """x_proj (L, N, 3H), h0 (N, H), w_hh (3H, H), b_hh (3H,) -> y (L, N, H), gates (L, N, 3H), hidden (L, N, H).

    r, z, m = h w_hh^T + b_hh;   xr, xz, xn = x_proj[t]
    r, z, n = sigmoid(xr + r), sigmoid(xz + z), tanh(xn + r * m)      (gates)
    h = (1 - z) * n + z * h                                           (hidden: the m of each step)
    """
    y, gates, hidden = [], [], []
    h = h0
    for x in x_proj:
        (xr, xz, xn), (r, z, m) = _parts(x, 3), _parts(_recur(h, w_hh, b_hh), 3)
        r, z = _sigmoid(xr + r), _sigmoid(xz + z)
        n = xp.tanh(xn + r * m)
        h = n + z * (h - n)
        y.append(h)
        gates.append(xp.concatenate([r, z, n], axis=-1))
        hidden.append(m)
    return xp.stack(y), xp.stack(gates), xp.stack(hidden)


@kernel
@in_float32
def gru_backward(
    grad: Array, h0: Array, w_hh: Array, y: Array, gates: Array, hidden: Array
) -> tuple[Array, Array, Array]:
    """grad (L, N, H) -> dx_proj (L, N, 3H), dh_proj (L, N, 3H), dh0 (N, H)."""
    dx_proj, dh_proj = [], []
    dh = xp.zeros_like(grad[0])
    for t in reversed(range(len(grad))):
        r, z, n = _parts(gates[t], 3)
        dh = dh + grad[t]
        dn = dh * (1 - z) * (1 - n * n)
        dz = dh * ((y[t - 1] if t else h0) - n) * z * (1 - z)
        dr = dn * hidden[t] * r * (1 - r)
        dx_proj.append(xp.concatenate([dr, dz, dn], axis=-1))
        dh_proj.append(xp.concatenate([dr, dz, dn * r], axis=-1))
        dh = dh * z + dh_proj[-1] @ w_hh
    return xp.stack(dx_proj[::-1]), xp.stack(dh_proj[::-1]), dh


class GRU(Operator):
    @staticmethod
    def forward(ctx: Any, x_proj: Array, h0: Array, w_hh: Array, b_hh: Array | None, course: Course) -> Array:
        y, gates, hidden = gru_forward(in_order(x_proj, course.order), h0, w_hh, b_hh)
        ctx.order, ctx.has_bias = course.order, b_hh is not None
        ctx.save(h0, w_hh, y, gates, hidden)
        return in_order(y, course.order)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        h0, w_hh, y, gates, hidden = ctx.saved
        dx_proj, dh_proj, dh0 = gru_backward(in_order(grad, ctx.order), h0, w_hh, y, gates, hidden)
        return in_order(dx_proj, ctx.order), dh0, *_weight_gradients(dh_proj, h0, y, w_hh, ctx.has_bias)


# --------------------------------------------------------------------------------------------------------- plain RNN


@kernel
@in_float32
def rnn_forward(x_proj: Array, h0: Array, w_hh: Array, b_hh: Array | None, nonlinearity: str) -> Array:
    """x_proj (L, N, H), h0 (N, H), w_hh (H, H), b_hh (H,) -> y (L, N, H).

    h = tanh or relu of x_proj[t] + h w_hh^T + b_hh
    """
    y, h = [], h0
    for x in x_proj:
        z = x + _recur(h, w_hh, b_hh)
        h = xp.tanh(z) if nonlinearity == "tanh" else xp.maximum(z, 0)
        y.append(h)
    return xp.stack(y)


@kernel
@in_float32
def rnn_backward(grad: Array, w_hh: Array, y: Array, nonlinearity: str) -> tuple[Array, Array]:
    """grad (L, N, H) -> dx_proj (L, N, H), dh0 (N, H)."""
    dx_proj, dh = [], xp.zeros_like(grad[0])
    for t in reversed(range(len(grad))):
        slope = 1 - y[t] * y[t] if nonlinearity == "tanh" else (y[t] > 0).astype(grad.dtype)
        dx_proj.append((dh + grad[t]) * slope)
        dh = dx_proj[-1] @ w_hh
    return xp.stack(dx_proj[::-1]), dh


class RNN(Operator):
    curved = True

    @staticmethod
    def forward(
        ctx: Any, x_proj: Array, h0: Array, w_hh: Array, b_hh: Array | None, nonlinearity: str, course: Course
    ) -> Array:
        y = rnn_forward(in_order(x_proj, course.order), h0, w_hh, b_hh, nonlinearity)
        ctx.order, ctx.has_bias, ctx.nonlinearity = course.order, b_hh is not None, nonlinearity
        ctx.save(h0, w_hh, y)
        return in_order(y, course.order)

    @staticmethod
    def backward(ctx: Any, grad: Array) -> Any:
        h0, w_hh, y = ctx.saved
        dx_proj, dh0 = rnn_backward(in_order(grad, ctx.order), w_hh, y, ctx.nonlinearity)
        return in_order(dx_proj, ctx.order), dh0, *_weight_gradients(dx_proj, h0, y, w_hh, ctx.has_bias)


# ------------------------------------------------------------------------------------- one layer, in one direction

Layer = Callable[..., tuple[Any, tuple[Any, ...]]]


def lstm_layer(
    x: Tensor, states: Sequence[Tensor], weights: Weights, course: Course
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """x (L, N, D), states h0, c0 (N, H) -> y (L, N, H), and the last h and c as (1, N, H)."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    y, c = LSTM.apply(linear(x, w_ih, b_ih), *states, w_hh, b_hh, w_hr, course)
    return y, (y[course.end], c)


def gru_layer(
    x: Tensor, states: Sequence[Tensor], weights: Weights, course: Course
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """x (L, N, D), states h0 (N, H) -> y (L, N, H), and the last h as (1, N, H)."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    y = GRU.apply(linear(x, w_ih, b_ih), *states, w_hh, b_hh, course)
    return y, (y[course.end],)


def rnn_layer(nonlinearity: str) -> Layer:
    """The layer of a plain RNN, "tanh" or "relu"; called as `gru_layer` is."""

    def layer(
        x: Tensor, states: Sequence[Tensor], weights: Weights, course: Course
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        w_ih, w_hh, b_ih, b_hh, _ = weights
        y = RNN.apply(linear(x, w_ih, b_ih), *states, w_hh, b_hh, nonlinearity, course)
        return y, (y[course.end],)

    return layer


rnn_tanh_layer, rnn_relu_layer = rnn_layer("tanh"), rnn_layer("relu")

_FORWARD = Course(slice(None), None, slice(-1, None))
_REVERSE = Course(slice(None, None, -1), None, slice(0, 1))


# -------------------------------------------------------------------------------------------------- stacks of layers


def run_layers(
    layer: Layer,
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Weights],
    dropout: float,
    bidirectional: bool,
    courses: tuple[Course, Course] = (_FORWARD, _REVERSE),
    between: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Runs layers one on another.

    Args:
        x: (L, N, D).
        states: for each kind of state (h; h and c) all first ones, (layers * directions, N, H).
        weights: for each layer, and within it each direction.
        dropout: probability of dropping an output before the next layer gets it; `between` replaces how that is done.

    Returns:
        (L, N, directions * H), and the last states, as `states`.
    """
    directions = courses if bidirectional else courses[:1]
    ends = []
    for start in range(0, len(weights), len(directions)):
        if start and dropout:
            x = drop(x, dropout) if between is None else between(x)
        outputs = []
        for k, course in enumerate(directions, start):
            y, end = layer(x, [state[k] for state in states], weights[k], course)
            outputs.append(y)
            ends.append(end)
        x = cat(outputs, -1) if bidirectional else outputs[0]
    return x, tuple(kind[0] if len(kind) == 1 else cat(kind, 0) for kind in zip(*ends))


class Packing:
    """Sequences of different lengths, longest first, whose steps lie one after the other: (R, D), `batch_sizes` (L,) of
    them at each step. Says how to lay them out as (L, N, D) and back."""

    def __init__(self, batch_sizes: Array, like: Array) -> None:
        batch_sizes = host(batch_sizes)  # they set the shapes of everything
        steps, batch = len(batch_sizes), int(batch_sizes[0])
        self.shape = steps, batch

        def beside(array: Array) -> Array:
            return np.asarray(array, like=like)

        starts = np.cumsum(batch_sizes) - batch_sizes
        within = np.arange(batch) < batch_sizes[:, None]  # (L, N)
        rows = starts[:, None] + np.minimum(np.arange(batch), batch_sizes[:, None] - 1)  # beyond an end: any row
        self.rows = beside(rows)
        self.places = beside(np.flatnonzero(within))  # of the packed rows among the L * N padded ones
        step, last = np.arange(steps)[:, None], within.sum(0) - 1
        backwards, last = beside(np.where(within, last - step, step)), beside(last)
        numbers = beside(np.arange(batch))
        self.courses = (
            Course(slice(None), last, (last[None], numbers[None])),
            Course((backwards, numbers), last, slice(0, 1)),
        )

    def pad(self, data: Tensor) -> Tensor:
        """(R, D) -> (L, N, D)."""
        return Embedding.apply(data, self.rows, -1, None)

    def pack(self, x: Tensor) -> Tensor:
        """(L, N, D) -> (R, D)."""
        steps, batch = self.shape
        return Embedding.apply(x.reshape(steps * batch, x.shape[-1]), self.places, -1, None)


def run_packed(
    layer: Layer,
    data: Tensor,
    batch_sizes: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Weights],
    dropout: float,
    bidirectional: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`run_layers` for packed sequences: data (R, D) -> (R, directions * H), and the last states of each sequence."""
    packing = Packing(batch_sizes._array, data._array)

    def between(x: Tensor) -> Tensor:
        return packing.pad(drop(packing.pack(x), dropout))  # torch: the mask is drawn for the packed rows

    y, ends = run_layers(layer, packing.pad(data), states, weights, dropout, bidirectional, packing.courses, between)
    return packing.pack(y), ends


# --------------------------------------------------------------------------------------------------- torch.lstm, ...


def group_weights(params: Sequence[Any], has_biases: bool, projected: bool = False) -> list[Weights]:
    """PyTorch's flat list of parameters as one `Weights` for each layer and direction."""
    size = 2 + 2 * has_biases + projected
    groups: Any = [list(params[i : i + size]) for i in range(0, len(params), size)]
    for group in groups:
        if not has_biases:
            group[2:2] = [None, None]
        if not projected:
            group.append(None)
    return groups


def _run(
    layer: Layer,
    input: Tensor,
    states: Sequence[Tensor],
    weights: list[Weights],
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, ...]:
    x = input.transpose(0, 1) if batch_first else input
    y, ends = run_layers(layer, x, states, weights, dropout if train else 0.0, bidirectional)
    return y.transpose(0, 1) if batch_first else y, *ends


def _sequence_function(name: str, layer: Layer) -> Callable[..., Any]:
    """`torch.NAME`, in both of PyTorch's forms."""

    def function(input: Tensor, *args: Any) -> Any:
        if hasattr(args[0], "_array") and args[0]._array.dtype.kind in "iu" and args[0].ndim == 1:
            batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional = args
            packed = True
        else:
            hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first = args
            packed = False
        states = tuple(hx) if isinstance(hx, (list, tuple)) else (hx,)
        projected = layer is lstm_layer and len(states) == 2 and states[0].shape[-1] != states[1].shape[-1]
        weights = group_weights(params, has_biases, projected)
        if len(weights) != num_layers * (2 if bidirectional else 1):
            raise ShapeError(f"{name}: {len(params)} parameters do not make {num_layers} layers")
        if packed:
            y, ends = run_packed(layer, input, batch_sizes, states, weights, dropout if train else 0.0, bidirectional)
            return y, *ends
        return _run(layer, input, states, weights, dropout, train, bidirectional, batch_first)

    function.__name__ = name
    function.__doc__ = f"""The layers of `nn.{name.split("_")[0].upper()}` with their parameters given.

    {name}(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or
    {name}(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional) for packed sequences.
    Returns the outputs and the last states.
    """
    return function


lstm = _sequence_function("lstm", lstm_layer)
gru = _sequence_function("gru", gru_layer)
rnn_tanh = _sequence_function("rnn_tanh", rnn_tanh_layer)
rnn_relu = _sequence_function("rnn_relu", rnn_relu_layer)


# -------------------------------------------------------------------------------------------------------------- cells


def _check_cell(name: str, input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor) -> None:
    x, h = tuple(input.shape), tuple(hx.shape)
    if x[-1] != w_ih.shape[1]:
        raise ShapeError(f"{name}: input has inconsistent input_size: got {x[-1]} expected {w_ih.shape[1]} (input {x})")
    if x[:-1] != h[:-1]:
        raise ShapeError(f"{name}: Input batch size {x[:-1]} doesn't match hidden batch size {h[:-1]}")
    if h[-1] != w_hh.shape[1]:
        raise ShapeError(
            f"{name}: hidden has inconsistent hidden_size: got {h[-1]} expected {w_hh.shape[1]} (hidden {h})"
        )


def _step(layer: Layer, input: Tensor, states: Sequence[Tensor], weights: Weights) -> tuple[Tensor, ...]:
    """One step of a layer: a sequence of length 1. input (N, D) or (D,), states alike."""
    if input.ndim == 1:
        return tuple(s.squeeze(0) for s in _step(layer, input.unsqueeze(0), [s.unsqueeze(0) for s in states], weights))
    _, ends = layer(input.unsqueeze(0), states, weights, _FORWARD)
    return tuple(end.squeeze(0) for end in ends)


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: input (N, D), hx (h, c) of (N, H), w_ih (4H, D), w_hh (4H, H) -> the next h and c."""
    _check_cell("lstm_cell", input, hx[0], w_ih, w_hh)
    h, c = _step(lstm_layer, input, hx, (w_ih, w_hh, b_ih, b_hh, None))
    return h, c


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU: input (N, D), hx (N, H), w_ih (3H, D), w_hh (3H, H) -> the next h."""
    _check_cell("gru_cell", input, hx, w_ih, w_hh)
    return _step(gru_layer, input, (hx,), (w_ih, w_hh, b_ih, b_hh, None))[0]


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN with tanh: input (N, D), hx (N, H), w_ih (H, D), w_hh (H, H) -> the next h."""
    _check_cell("rnn_tanh_cell", input, hx, w_ih, w_hh)
    return _step(rnn_tanh_layer, input, (hx,), (w_ih, w_hh, b_ih, b_hh, None))[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN with ReLU: input (N, D), hx (N, H), w_ih (H, D), w_hh (H, H) -> the next h."""
    _check_cell("rnn_relu_cell", input, hx, w_ih, w_hh)
    return _step(rnn_relu_layer, input, (hx,), (w_ih, w_hh, b_ih, b_hh, None))[0]
