"""The focal loss, which counts what is classified well already for little.

Source: Lin et al. 2017, arXiv:1708.02002.
"""

from __future__ import annotations

from ...errors import ArgumentError
from ...nn.functional import binary_cross_entropy_with_logits
from ...tensor import Tensor


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """alpha_t (1 - p_t)^gamma * binary cross entropy, p_t being the probability of what is right.

    Args:
        inputs: logits.
        targets: 0 or 1, of the same shape.
        alpha: the weight of the ones, against 1 - alpha for the zeros; negative: no weights.
        gamma: how little counts what is right.
        reduction: none, mean or sum.

    Raises:
        ValueError: another reduction, an alpha above 1.
    """
    if alpha > 1:
        raise ArgumentError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = inputs.sigmoid()
    right = p * targets + (1 - p) * (1 - targets)
    loss = binary_cross_entropy_with_logits(inputs, targets, reduction="none") * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(
            f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
        )
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
