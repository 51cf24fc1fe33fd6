"""Rushlight: PyTorch's neural-network toolbox, light and fast, over NumPy. `import rushlight as torch` works."""

import typing as _typing
import warnings as _warnings

from . import autograd, dtypes
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .dtypes import (
    bfloat16,
    bool,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float,
    float8_e4m3fn,
    float8_e5m2,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .tensor import Size, Tensor  # isort: split

from . import cuda, fft, linalg, masked, nn, optim, serialization, signal, sparse, special, utils  # isort: split

from .device import device, get_default_device, set_default_device
from .legacy import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from .ops import *
from .ops.conversion import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    strided,
)
from .ops.ranges import range_ as range
from .optim import swa_utils as _swa_utils  # isort: split

from .printing import get_printoptions, set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .serialization import load, save
from .threads import get_num_interop_threads, get_num_threads, set_num_interop_threads, set_num_threads
from .version import __version__

# NumPy warns where arithmetic overflows or divides by zero; PyTorch does not. Only what our own code computes is meant.
_warnings.filterwarnings(
    "ignore", "(divide by zero|overflow|underflow|invalid value) encountered", RuntimeWarning, r"rushlight\."
)

if _typing.TYPE_CHECKING:
    from . import distributions


def __getattr__(name: str) -> _typing.Any:
    """Rooms that few programs need (`rushlight.jit`) and names that PyTorch keeps in odd places come on use."""
    from .compat.late import find  # the alias and its tables are of no use to most programs

    return find(name)
