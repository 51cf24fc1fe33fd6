"""Recurrent layers (RNN, LSTM, GRU) over whole sequences, and their cells for one step at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..autograd.tape import wrap
from ..errors import ArgumentError, OperatorError, ShapeError
from ..ops import recurrent
from ..ops.creation import empty
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

States = tuple[Tensor, ...]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_LAYERS = {
    "LSTM": recurrent.lstm_layer,
    "GRU": recurrent.gru_layer,
    "RNN_TANH": recurrent.rnn_tanh_layer,
    "RNN_RELU": recurrent.rnn_relu_layer,
}


def _check_options(
    mode: str,
    input_size: Any,
    hidden_size: Any,
    num_layers: int,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    proj_size: int,
) -> None:
    if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if mode not in _GATES:
        raise ValueError(f"Unrecognized RNN mode: {mode}")


def _zeros(input: Tensor, shape: Sequence[int]) -> Any:
    """The state to begin with: an array of the input's kind."""
    return wrap(np.zeros_like(input._array, shape=shape, order="C"))


class RNNBase(Module):
    """What RNN, LSTM and GRU share: the options, the parameters of all layers and directions, and the way through them.

    Attributes:
        weight_ih_l[k], weight_hh_l[k], bias_ih_l[k], bias_hh_l[k]: of layer k, (gates * H, D), (gates * H, H) and twice
            (gates * H,); names end in _reverse for the other direction. With projections also weight_hr_l[k], (P, H).
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_options(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes = self._shapes(layer)
                for name, shape in shapes.items():
                    setattr(self, f"{name}_l{layer}{suffix}", Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([f"{name}_l{layer}{suffix}" for name in shapes])
        self.reset_parameters()

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters of one layer and direction, by the start of their names."""
        rows, width = _GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        inputs = width * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, width)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | ({"weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else {})

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def flatten_parameters(self) -> None:
        """PyTorch's request to put the weights side by side for cuDNN. Nothing is gained from that here."""

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # -- checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises unless the input has the weights' dtype and the right sizes."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype:
            raise ArgumentError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                f"input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.dim() != expected:
            raise ShapeError(f"input must have {expected} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def _state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        """Of the first states: h; h and c."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        return [(count, batch, self.proj_size or self.hidden_size)]

    def _batch_of(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        return input.shape[0 if self.batch_first else 1] if batch_sizes is None else int(batch_sizes[0])

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that h has to have."""
        return self._state_shapes(self._batch_of(input, batch_sizes))[0]

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises unless the state has the expected shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise ShapeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises unless input and states fit."""
        self.check_input(input, batch_sizes)
        states = self._as_states(hidden)
        for i, (state, shape) in enumerate(zip(states, self._state_shapes(self._batch_of(input, batch_sizes)))):
            which = f"hidden[{i}]" if len(states) > 1 else "hidden"
            self.check_hidden_size(state, shape, f"Expected {which} size {{}}, got {{}}")

    # -- forward

    def _as_states(self, hx: Any) -> States:
        return (hx,)

    def _as_result(self, states: States) -> Any:
        return states[0]

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states with the batch in another order."""
        if permutation is None:
            return hx
        return self._as_result(tuple(state[:, permutation._array] for state in self._as_states(hx)))

    def _first_states(self, hx: Any, input: Tensor, batch: int) -> States:
        if hx is None:
            return tuple(_zeros(input, shape) for shape in self._state_shapes(batch))
        return self._as_states(hx)

    def _weights(self) -> list[Any]:
        return recurrent.group_weights(self._flat_weights, self.bias, self.proj_size > 0)

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        dims = input.dim()
        if dims not in (2, 3):
            raise ArgumentError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {dims}D instead")
        if hx is not None and any(state.dim() != dims for state in self._as_states(hx)):
            kind = "batched 3-D" if dims == 3 else "unbatched 2-D"
            found = ", ".join(f"{state.dim()}-D" for state in self._as_states(hx))
            raise OperatorError(f"For {kind} input, hx should also be {dims}-D but got ({found}) tensors")
        if dims == 2:
            return self._forward_unbatched(input, hx)
        return self._forward_batch(input, hx)

    def _forward_batch(self, input: Tensor, hx: Any) -> Any:
        states = self._first_states(hx, input, self._batch_of(input, None))
        self.check_forward_args(input, self._as_result(states), None)
        x = input.transpose(0, 1) if self.batch_first else input
        dropout = self.dropout if self.training else 0.0
        y, ends = recurrent.run_layers(_LAYERS[self.mode], x, states, self._weights(), dropout, self.bidirectional)
        return y.transpose(0, 1) if self.batch_first else y, self._as_result(ends)

    def _forward_unbatched(self, input: Tensor, hx: Any) -> Any:
        at = 0 if self.batch_first else 1
        hx = None if hx is None else self._as_result(tuple(state.unsqueeze(1) for state in self._as_states(hx)))
        y, ends = self._forward_batch(input.unsqueeze(at), hx)
        return y.squeeze(at), self._as_result(tuple(state.squeeze(1) for state in self._as_states(ends)))

    def _forward_packed(self, input: PackedSequence, hx: Any) -> Any:
        data, batch_sizes, order, back = input
        states = self._first_states(
            self.permute_hidden(hx, order) if hx is not None else None, data, int(batch_sizes[0])
        )
        self.check_forward_args(data, self._as_result(states), batch_sizes)
        dropout = self.dropout if self.training else 0.0
        y, ends = recurrent.run_packed(
            _LAYERS[self.mode], data, batch_sizes, states, self._weights(), dropout, self.bidirectional
        )
        return PackedSequence(y, batch_sizes, order, back), self.permute_hidden(self._as_result(ends), back)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, plain in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != plain:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(RNNBase):
    """A plain recurrent network: `h = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh)` at each step.

    Args:
        input_size, hidden_size: D and H.
        num_layers: how many, each taking the outputs of the one below.
        nonlinearity: 'tanh' or 'relu'.
        bias: with b_ih and b_hh.
        batch_first: input and output are (N, L, ...) instead of (L, N, ...).
        dropout: probability of dropping an output before the next layer gets it, in training.
        bidirectional: a second run from the end; outputs are side by side.

    Shape:
        input (L, N, D), (L, D) or a PackedSequence, and h (layers * directions, N, H), 0 by default
        -> output (L, N, directions * H), and the last h.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """A recurrent network with gated memory cells.

        i, f, g, o = x W_ih^T + b_ih + h W_hh^T + b_hh
        c = sigmoid(f) * c + sigmoid(i) * tanh(g);   h = sigmoid(o) * tanh(c)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.
        proj_size: the size P that h is projected to, by weight_hr; 0 for none.

    Shape:
        input (L, N, D), (L, D) or a PackedSequence, and (h, c): (layers * directions, N, H) each, 0 by default
        -> output (L, N, directions * H), and the last (h, c). With a projection h and output have P for H.

    Example:
        >>> output, (h, c) = rushlight.nn.LSTM(10, 20, 2)(rushlight.ones(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))

    Source: Hochreiter, Schmidhuber 1997; projections: Sak et al. 2014, arXiv:1402.1128.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _state_shapes(self, batch: int) -> list[tuple[int, int, int]]:
        (h,) = super()._state_shapes(batch)
        return [h, (*h[:2], self.hidden_size)]

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that c has to have."""
        return self._state_shapes(self._batch_of(input, batch_sizes))[1]

    def _as_states(self, hx: Any) -> States:
        return tuple(hx)

    def _as_result(self, states: States) -> Any:
        return states


class GRU(RNNBase):
    """A recurrent network with gates that reset and update its state.

        r = sigmoid(x W_ir^T + b_ir + h W_hr^T + b_hr);   z likewise
        n = tanh(x W_in^T + b_in + r * (h W_hn^T + b_hn));   h = (1 - z) * n + z * h

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.

    Shape:
        as for `RNN`.

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


# -------------------------------------------------------------------------------------------------------------- cells


class RNNCellBase(Module):
    """What the cells share: the parameters of one step.

    Attributes:
        weight_ih, weight_hh: (gates * H, D), (gates * H, H). bias_ih, bias_hh: (gates * H,), or None.
    """

    cell: ClassVar[Callable[..., Any]]
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check_dims(self, input: Tensor, states: Sequence[Tensor]) -> None:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ArgumentError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, state in enumerate(states):
            if state.dim() not in (1, 2):
                which = f"hx[{i}]" if len(states) > 1 else "hidden"
                raise ArgumentError(f"{name}: Expected {which} to be 1D or 2D, got {state.dim()}D instead")

    def _zeros(self, input: Tensor) -> Tensor:
        return _zeros(input, (*input.shape[:-1], self.hidden_size))

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        self._check_dims(input, () if hx is None else (hx,))
        hx = self._zeros(input) if hx is None else hx
        return self.cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(RNNCellBase):
    """One step of an `RNN`: input (N, D) or (D,), h (N, H) or (H,), 0 by default -> the next h.

    Args:
        input_size, hidden_size, bias: as for `RNN`. nonlinearity: 'tanh' or 'relu'.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def cell(self, *args: Any) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise OperatorError(f"Unknown nonlinearity: {self.nonlinearity}")
        return (recurrent.rnn_tanh_cell if self.nonlinearity == "tanh" else recurrent.rnn_relu_cell)(*args)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: input (N, D) or (D,), (h, c) of (N, H) or (H,), 0 by default -> the next (h, c)."""

    cell = staticmethod(recurrent.lstm_cell)

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        self._check_dims(input, () if hx is None else hx)
        hx = (self._zeros(input),) * 2 if hx is None else hx
        return self.cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class GRUCell(RNNCellBase):
    """One step of a `GRU`: input (N, D) or (D,), h (N, H) or (H,), 0 by default -> the next h."""

    cell = staticmethod(recurrent.gru_cell)

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)
