"""Running programs that say `import torch`: the alias, and what stands for the names that we lack."""

from .alias import install_as_torch, install_for_children

__all__ = ["install_as_torch", "install_for_children"]
