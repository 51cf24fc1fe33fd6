"""Rushlight: PyTorch's neural-network toolbox, light and fast, over NumPy. `import rushlight as torch` works."""

from . import autograd, dtypes
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Size, Tensor  # isort: split
from .device import device
from .ops import *  # noqa: F403
from .ops.creation import from_numpy, ones, tensor, zeros, zeros_like

from . import optim  # isort: split
