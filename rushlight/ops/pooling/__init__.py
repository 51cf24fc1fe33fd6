"""Pooling: the largest, the mean or a norm of each window, over 1, 2 or 3 spatial dimensions, and its inverses."""
