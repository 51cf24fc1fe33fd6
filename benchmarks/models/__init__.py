"""Whole training steps; each file has a list `CASES`."""
