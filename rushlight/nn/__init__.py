"""Building networks: Module, Parameter, containers, and the layers, losses and functions, a block of re-exports per family."""

from . import functional, init
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .module import Module
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

from . import modules  # isort: skip  (last: it gathers what is above)
