"""The functions of the operators that networks are made of, under PyTorch's names: re-exports, a block per family."""
