"""What can be set about capturing; `torch._dynamo.config` is this too."""

from __future__ import annotations

from types import SimpleNamespace

settings = SimpleNamespace(
    recompile_limit=8,  # recordings of one function
    cache_size_limit=8,  # PyTorch's old name for it
    suppress_errors=False,  # nothing fails here that would not fail anyway
    verbose=False,  # the logger "rushlight.compiler" tells what is recorded
    disable=False,  # run everything as it is
    stance="default",  # see `set_stance`
)
