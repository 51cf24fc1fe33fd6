"""Benchmarks of single operators, a file per family; each has a list `CASES`."""
