"""Mixed precision (`torch.amp`): `autocast`, which runs some operators in bfloat16 or float16 and others in float32,
and `GradScaler`, which keeps small gradients of float16 from vanishing."""

from .autocast_mode import autocast, is_autocast_available
from .functions import custom_bwd, custom_fwd
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
