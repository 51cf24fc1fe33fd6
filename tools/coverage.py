"""Writes docs/coverage.md: for each room of PyTorch's library, what Rushlight has of its public names and what not.

    python tools/coverage.py            writes the page
    python tools/coverage.py --check    exit code 1 if the page is not what it would write

PyTorch's names are those of rushlight/compat/torch_names.txt, so PyTorch need not be installed; what is there is asked
of the modules themselves. tests/test_coverage.py runs the check.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rushlight.compat.names import home, names_of  # noqa: E402
from rushlight.compat.refused import Refused  # noqa: E402
from rushlight.errors import RushlightError  # noqa: E402

TARGET = ROOT / "docs" / "coverage.md"

ROOMS = [
    "torch",
    "torch.Tensor()",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.grad",
    "torch.nn.utils",
    "torch.nn.utils.rnn",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.prune",
    "torch.nn.utils.stateless",
    "torch.nn.utils.fusion",
    "torch.nn.attention",
    "torch.nn.parallel",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.autograd.forward_ad",
    "torch.autograd.function",
    "torch.autograd.grad_mode",
    "torch.autograd.graph",
    "torch.func",
    "torch.fft",
    "torch.linalg",
    "torch.special",
    "torch.signal.windows",
    "torch.masked",
    "torch.sparse",
    "torch.random",
    "torch.distributions",
    "torch.amp",
    "torch.utils.data",
    "torch.utils.checkpoint",
    "torch.utils.dlpack",
    "torch.testing",
    "torch.compiler",
]

# What is left out on purpose: what it is, and the names, each a whole name with or without its room.
LEFT_OUT: list[tuple[str, str]] = [
    (
        "Imports of PyTorch's own, which are no part of its interface",
        r"TYPE_CHECKING|(torch\.(?!Tensor\()\w+(\.\w+)*)\.(Tensor|Optimizer|Variable|F|ConvT|LinearT|inf)|fwAD|classproperty"
        r"|USE_\w+|PRIVATE_OPS|AVG|SUM|legacy_contiguous_format|get_file_path|prepare_multiprocessing_environment"
        r"|handle_torch_function|has_torch_function\w*|is_tensor_like|boolean_dispatch|assert_int_or_pair"
        r"|BroadcastingList\d|GRID_SAMPLE_\w+|\w+_notes|common_args|factory_common_args|multi_dim_common"
        r"|EPOCH_DEPRECATION_WARNING|copy_method_params|is_traceable_wrapper_subclass|is_opaque_reference_type"
        r"|OpaqueBase|get_swap_module_params_on_conversion|factory_kwargs|AUTOGRAD_FUNCTION_COUNTER|FunctionMeta"
        r"|BackwardCFunction|custom_function_call|NestedIOFunction|tree_map|capture_logs|LoggingTensorMode"
        r"|SAC_IGNORED_OPS|GraphExecGroup|DefaultDeviceType|WARN_FOR_UNFUSED_KERNELS|swap_in_optimizer_params_and_state"
        r"|thread_safe_generator|init_num_threads|profiler_allow_\w+|argument_validation|NamedMemberAccessor",
    ),
    (
        "Gone from PyTorch itself: they raise there, too",
        r"eig|lstsq|solve|symeig|matrix_rank|torch\.Tensor\(\)\.volatile|torch\.nn\.Container|torch\.nn\.modules\.Container"
        r"|is_distributed|DistributedDataParallelCPU",
    ),
    (
        "Quantization",
        r"q?u?int\d+(x\d)?|quint\d+x\d|quantize_\w+|quantized_\w+|dequantize|fake_quantize_\w+|per_(channel|tensor)_\w+|q_\w+"
        r"|int_repr|fbgemm_\w+|choose_qparams_\w+|empty_quantized|fused_moving_\w+|qscheme|QU?Int\w+Storage",
    ),
    (
        "Sparse formats other than coordinates, and products that need them",
        r"(c?col|c?row|crow|ccol)_indices(_copy)?|sparse_(csr|csc|bsr|bsc)|s?spaddmm|smm|hspmm|hsmm|dsmm|saddmm"
        r"|sspaddmm|sampled_addmm|spsolve|spdiags|resize_as_sparse_|sparse_resize_\w*|\w*[sS]emi_?[sS]tructured\w*|to_mkldnn"
        r"|as_sparse_gradcheck|check_sparse_tensor_invariants|indices_copy|values_copy|native_norm",
    ),
    (
        "Dtypes of a few bits, and complex32",
        r"bits\w*|bit|float4_\w+|float8_e(4m3fnuz|5m2fnuz|8m0fnu)|complex32",
    ),
    (
        "Kernels of GPUs and of vendors' libraries, under their own names",
        r"cudnn_\w+|miopen_\w+|mkldnn_\w+|batch_norm_(backward_)?(elemt|reduce|stats|update_stats|gather_\w+)|scaled_\w*mm"
        r"|grouped_mm|scaled_grouped_mm|ScalingType|SwizzleType|SDPAParams|\w+_flash_attention_impls?|can_use_\w+_attention"
        r"|get_autocast_(ipu|xla)_\w+|set_autocast_(ipu|xla)_\w+|is_autocast_(ipu|xla)_\w+|is_vulkan_available|cpp|ipu|xpu|mtia"
        r"|set_override_stale_\w+|set_warn_on_accumulate_\w+|region_activation_memory_budget|StreamObjType|Stream|Event"
        r"|comm|scatter_gather|DeviceObjType",
    ),
    (
        "TorchScript, graphs and symbolic shapes: programs run as they are written here",
        r"sym_\w+|Sym\w+|\w*Type|Script\w+|parse_\w+|import_ir_\w+|merge_type_\w+|unify_type_list|CompilationUnit"
        r"|torch\.(AliasDb|Argument|ArgumentSpec|Benchmark\w+|Block|BufferDict|CallStack|Capsule|Code|\w+ArgumentSpec"
        r"|ConcreteModule\w+|DeepCopyMemoTable|\w+StorageContext|DisableTorchFunction\w*|DispatchKey\w*|ErrorReport"
        r"|ExcludeDispatchKeyGuard|ExecutionPlan|FatalError|FileCheck|FunctionSchema|Gradient|Graph\w*|IODescriptor|\w+Logger"
        r"|JITException|LiteScriptModule|LoggerBase|ModuleDict|Node|OperatorInfo|ParameterDict|PyTorchFile\w+|StaticModule"
        r"|ThroughputBenchmark|TracingState|Use|Value|Tag|StorageBase|Storage|while_loop|cond)",
    ),
    (
        "`__torch_function__` and `__torch_dispatch__`, and what stands on them",
        r"TorchDispatchMode|CheckpointPolicy|SelectiveCheckpointContext|SavedTensor|MaskedTensor|as_masked_tensor"
        r"|is_masked_tensor|masked_tensor|debug_unwrap|rearrange|is_view_replay_enabled|enforce_grad_layout_policy",
    ),
    (
        "Data pipes: write a Dataset or an IterableDataset",
        r"\w*DataPipe|DataChunk|functional_datapipe|\w+_datapipes_determinism|non_deterministic|runtime_validation\w*",
    ),
    (
        "Parts of the profiler (`rushlight.profiler` has one of its own) and of the C++ core",
        r"Profiler\w+|DeviceType|kineto_available|ProfilerActivity|is_multithreading_enabled|set_multithreading_enabled",
    ),
    ("Nested and jagged tensors", r"jagged|to_padded_tensor"),
    (
        "PyTorch's compiler: filters of its guards, its caches on disk, files compiled ahead of time, its backends",
        r"torch\.compiler\.(CacheInfo|NestedCompileRegionOptions|(keep|skip)_\w+_unsafe|(load|save)_cache_artifacts"
        r"|load_compiled_function|[gs]et_default_backend|set_enable_guard_collectives|wrap_numpy)|torch\.testing\.FileCheck",
    ),
    (
        "Inner parts of PyTorch under public names: views undone, dimensions as objects, what a kernel gives its "
        "backward (`nn.functional.embedding_bag` is there)",
        r"slice_inverse|torch\.Tensor\(\)\.index|torch\.embedding_bag",
    ),
]


HEAD = """\
# Coverage of PyTorch's names

Written by `python tools/coverage.py` from the library as it is and the public names of PyTorch 2.13; a test fails when
it is out of date. A name is here if the same path leads to something that works. That it does what PyTorch's does is
held by `tests/contracts` and the tests beside it; what differs on purpose is in
[torch-differences.md](torch-differences.md).

| room | names | here | missing | left out |
| --- | ---: | ---: | ---: | ---: |
"""


def reason(room: str, name: str) -> str | None:
    """Why a name is left out on purpose, None if it is just not there."""
    whole = f"{room}.{name}"
    return next((why for why, names in LEFT_OUT if re.fullmatch(names, name) or re.fullmatch(names, whole)), None)


def owner(room: str) -> Any:
    """The module or class of ours that answers to a room of PyTorch's, None where there is none."""
    if room == "torch.Tensor()":
        return import_module("rushlight").Tensor
    ours = home(room)
    return None if ours is None else import_module(ours)


def is_there(holder: Any, name: str) -> bool:
    try:
        return not isinstance(getattr(holder, name), Refused)
    except (AttributeError, ImportError):
        return False
    except RushlightError:
        return True  # a property that refuses this tensor


def lacking(room: str) -> tuple[list[str], list[str]]:
    """The names of a room, and those that Rushlight lacks."""
    names = sorted(names_of(room))
    holder = owner(room)
    return names, [name for name in names if not is_there(holder, name)]


def wrapped(names: list[str]) -> Iterator[str]:
    text = ", ".join(f"`{name}`" for name in names) + "."
    yield from textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def page() -> str:
    """The whole page."""
    rows: list[str] = []
    missing: dict[str, list[str]] = {}
    left_out: dict[str, set[str]] = {}
    for room in ROOMS:
        names, lacks = lacking(room)
        plain = [name for name in lacks if reason(room, name) is None]
        for name in set(lacks) - set(plain):
            left_out.setdefault(str(reason(room, name)), set()).add(name)
        if plain:
            missing[room] = plain
        out = len(lacks) - len(plain)
        all_ = len(names) - out
        rows.append(f"| `{room}` | {all_} | {all_ - len(plain)} | {len(plain) or ''} | {out or ''} |")
    lines = [*HEAD.splitlines(), *rows, "", "## Missing", ""]
    for room, names in missing.items():
        lines += [f"**{room}**", "", *wrapped(names), ""]
    lines += [] if missing else ["Nothing.", ""]
    lines += ["## Left out on purpose", "", "Not counted above.", ""]
    for why in (why for why, _ in LEFT_OUT if why in left_out):
        lines += [f"**{why}**", "", *wrapped(sorted(left_out[why])), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the page is out of date")
    text = page()
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is out of date: run python tools/coverage.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
