"""Arrays and tensors with hidden batch dimensions: what `vmap` runs functions over.

    levels.py       the vmaps on their way
    array.py        BatchedArray, an array that shows the shape of one example
    functions.py    NumPy's functions over such arrays
    indexing.py     reading and writing parts of them
    mapping.py      the operators that lead into a batch and out of it
    operators.py    the tape inside a vmap
    custom.py       user-defined Functions

Here stands what the rest of the library asks at all times; the other files are imported once something is mapped.
"""

from .array import BatchedArray, levels_of
from .levels import Level, only, running_levels

__all__ = ["BatchedArray", "Level", "levels_of", "only", "running_levels"]
