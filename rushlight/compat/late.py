"""What `rushlight` gives on use only: rooms that few programs need, and constants under PyTorch's names."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from ..rooms import room
from .names import names_of
from .refused import advice, refused

_CONSTANTS: dict[str, Any] = {
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
    "newaxis": None,
    "pi": math.pi,
    "has_lapack": True,  # NumPy's
    "has_mkl": False,
    "has_openmp": False,
    "has_spectral": True,
}

# Names of PyTorch's root and the module of ours that has them.
_FROM: dict[str, str] = {
    "Future": "futures",
    "compile": "compiler.api",
    "fork": "jit",
    "wait": "jit",
    "install_as_torch": "compat",
    "max_pool1d": "nn.functional",
    "max_pool2d": "nn.functional",
    "max_pool3d": "nn.functional",
    "is_storage": "storage",
    "summary": "train.summary",
    "typename": "compat.settings",
    "vmap": "func",
    "GradScaler": "amp",
    **dict.fromkeys(
        (
            "constant_pad_nd",
            "frobenius_norm",
            "grid_sampler",
            "grid_sampler_2d",
            "grid_sampler_3d",
            "hash_tensor",
            "native_batch_norm",
            "native_dropout",
            "native_group_norm",
            "native_layer_norm",
            "norm_except_dim",
            "nuclear_norm",
        ),
        "ops.low_level",
    ),
    **dict.fromkeys(
        (
            "affine_grid_generator",
            "batch_norm",
            "binary_cross_entropy_with_logits",
            "cosine_embedding_loss",
            "ctc_loss",
            "hinge_embedding_loss",
            "instance_norm",
            "kl_div",
            "margin_ranking_loss",
            "poisson_nll_loss",
            "triplet_margin_loss",
        ),
        "ops.by_number",
    ),
    **dict.fromkeys(
        (
            "is_anomaly_check_nan_enabled",
            "is_anomaly_enabled",
        ),
        "autograd.anomaly",
    ),
    "AcceleratorError": "cuda",
    "OutOfMemoryError": "cuda",
    "embedding_renorm_": "ops.low_level",
    "from_dlpack": "utils.dlpack",
    "from_file": "ops.files",
    "get_device_module": "compat.settings",
    "is_inference_mode_enabled": "autograd.grad_mode",
    "lobpcg": "ops.linear_algebra.lobpcg",
    "segment_reduce": "ops.segments",
    "set_anomaly_enabled": "compat.settings",
    "to_dlpack": "utils.dlpack",
    **dict.fromkeys(
        (
            "autocast",
            "autocast_decrement_nesting",
            "autocast_increment_nesting",
            "clear_autocast_cache",
            "get_autocast_cpu_dtype",
            "get_autocast_dtype",
            "get_autocast_gpu_dtype",
            "is_autocast_cache_enabled",
            "is_autocast_cpu_enabled",
            "is_autocast_enabled",
            "set_autocast_cache_enabled",
            "set_autocast_cpu_dtype",
            "set_autocast_cpu_enabled",
            "set_autocast_dtype",
            "set_autocast_enabled",
            "set_autocast_gpu_dtype",
        ),
        "amp.autocast_mode",
    ),
    **dict.fromkeys(
        (
            "are_deterministic_algorithms_enabled",
            "compiled_with_cxx11_abi",
            "get_deterministic_debug_mode",
            "get_float32_matmul_precision",
            "is_deterministic_algorithms_warn_only_enabled",
            "is_warn_always_enabled",
            "set_deterministic_debug_mode",
            "set_float32_matmul_precision",
            "set_flush_denormal",
            "set_warn_always",
            "use_deterministic_algorithms",
        ),
        "compat.settings",
    ),
    **dict.fromkeys(
        (
            "BFloat16Storage",
            "BoolStorage",
            "ByteStorage",
            "CharStorage",
            "ComplexDoubleStorage",
            "ComplexFloatStorage",
            "DoubleStorage",
            "FloatStorage",
            "HalfStorage",
            "IntStorage",
            "LongStorage",
            "ShortStorage",
            "TypedStorage",
            "UntypedStorage",
        ),
        "storage",
    ),
}


def find(name: str) -> Any:
    """The attribute `name` of `rushlight`.

    Raises:
        AttributeError: there is none.
    """
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _FROM:
        return getattr(import_module(f"rushlight.{_FROM[name]}"), name)
    if name.startswith("_foreach_"):
        return import_module("rushlight.foreach").foreach(name)
    if name in names_of("torch") and name in names_of("torch.Tensor()"):
        return getattr(import_module("rushlight.tensor").Tensor, name)  # `torch.sin_(x)` is `x.sin_()`
    if advice(f"torch.{name}") is not None:
        return refused(f"torch.{name}")
    return room("rushlight", name)
