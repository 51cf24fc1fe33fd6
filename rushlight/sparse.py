"""`rushlight.sparse`: what PyTorch gathers for sparse tensors, as far as it exists here."""

from .ops.sparse_coo import sparse_addmm as addmm
from .ops.sparse_coo import sparse_mm as mm
from .ops.sparse_coo import sparse_sum as sum

__all__ = ["addmm", "mm", "sum"]
