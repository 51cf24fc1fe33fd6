"""Derivatives: the tape, grad modes, `backward` and `grad`, user-defined Functions and the gradient checkers."""

from .differentiate import backward, grad
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]
