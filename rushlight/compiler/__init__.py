"""`torch.compiler`: functions and modules that are recorded and replayed.

    api.py         compile, and the names of torch.compiler
    capture.py     a callable that replays, records, or calls
    evaluate.py    runs Python by its syntax tree, and sees what it does
    calling.py     calls as the evaluator makes them
    guarding.py    reads of Python's state, and what they found
    recording.py   operators and other calls as steps of a program
    backward.py    the walk back, recorded
    steps.py       steps of a program
    assembly.py    the program of a recording
    direct.py      operators that are single kernels
    known.py       which functions are known
    source.py      the syntax tree of a function
    values.py      numbers read from tensors, plain values
    settings.py    torch._dynamo.config

docs/compile.md says what can be recorded, and what is guarded.
"""

from .api import (
    OptimizedModule,
    allow_in_graph,
    assume_constant_result,
    compile,
    cudagraph_mark_step_begin,
    disable,
    explain,
    is_compiling,
    is_dynamo_compiling,
    is_exporting,
    list_backends,
    nested_compile_region,
    reset,
    set_stance,
    substitute_in_graph,
)
from .settings import settings as config

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "config",
    "cudagraph_mark_step_begin",
    "disable",
    "explain",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "nested_compile_region",
    "reset",
    "set_stance",
    "substitute_in_graph",
]
