"""The house stands as it is drawn: imports go one way, façades only re-export, torch is never imported.

Read from the sources by `ast`, so nothing has to be imported to be judged.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import rushlight

ROOT = Path(rushlight.__file__).parent

# From the ground up; a floor may import what stands below it. Rooms on one floor do not import one another.
FLOORS = [
    ["version", "rooms"],
    ["errors"],
    ["detour"],
    ["dtypes"],
    ["gpu"],
    ["device"],
    ["mistakes"],
    ["hooks"],
    ["kernels"],
    ["threads"],
    ["xpu", "mps", "cpu", "backends", "futures", "torch_version"],
    ["jit", "__config__"],
    ["autograd"],
    ["batching"],
    ["random"],
    ["ops"],
    ["printing"],
    ["rare_methods"],
    ["methods"],
    ["tensor"],
    ["distributed"],
    ["special", "linalg", "fft", "masked", "signal", "legacy"],  # names that PyTorch gathers in modules
    ["cuda"],
    ["accelerator"],
    ["types", "testing", "overrides", "_C", "sparse", "utils.dlpack", "foreach", "library"],
    ["serialization"],
    ["storage", "hub"],
    ["nn", "optim", "utils.data", "utils.hooks", "utils.benchmark", "utils.tensorboard", "pytree"],
    ["optim.swa_utils", "distributions"],  # the one averages modules, the other uses nn.functional
    ["distributed.optim"],
    ["func", "utils._pytree", "amp"],  # the one maps and differentiates modules
    ["multiprocessing", "utils.model_zoo", "cuda.amp", "cpu.amp", "utils.checkpoint"],
    ["compiler"],  # records modules and optimizers
    ["_dynamo"],
    ["compat"],  # answers to `import torch`; knows all other rooms by name only
    [""],  # rushlight/__init__.py, which gathers what is below
    ["profiler", "compat.shim"],
    ["train", "autograd.profiler", "utils.flop_counter"],
    ["data"],
    ["vision"],
    ["cli"],
    ["distributed.run"],  # torchrun, which is the command's `launch`
    ["__main__"],
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

# Knots: what one function imports from a floor above its own, when it is called. (importing module, imported module)
DEFERRED: set[tuple[str, str]] = {
    ("autograd.differentiate", "batching.mapping"),  # for grad(is_grads_batched=True)
    ("autograd.differentiate", "batching.operators"),
    ("ops.shape", "tensor"),  # Size, which broadcast_shapes returns
    ("autograd.variable", "ops.creation"),  # empty, for a Variable without data
    ("tensor", "storage"),  # tensor.storage() and share_memory_() lead to rooms that few programs enter
    ("tensor", "multiprocessing.shared"),
    ("nn.module", "compiler.api"),  # Module.compile
    ("storage", "multiprocessing.shared"),
}

# Packages whose __init__ says more than where its names are from.
NOT_FACADES = {
    "__init__.py",  # also silences NumPy's floating-point warnings in our own code
    "kernels/__init__.py",  # @kernel itself
    "cpu/__init__.py",  # answers, also imports amp on use
    "cuda/__init__.py",
    "autograd/__init__.py",  # also imports the profiler on use
    "utils/__init__.py",  # also imports rare rooms on use
    "nn/parallel/__init__.py",  # brings rushlight.distributed on use
    "nn/modules/__init__.py",  # a table: which of PyTorch's module paths is which of ours
}


def name_of(path: Path) -> str:
    """The module's name below rushlight, '' for rushlight itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def room_of(module: str) -> str:
    """The room a module is in: the longest of its prefixes that is one."""
    parts = module.split(".")
    for n in range(len(parts), 0, -1):
        if ".".join(parts[:n]) in FLOOR:
            return ".".join(parts[:n])
    if module in ("", "utils"):
        return ""
    raise AssertionError(f"rushlight.{module} has no floor in tests/test_imports.py")


@dataclass(frozen=True)
class Import:
    """One imported module, with the line, and whether it happens only in a call."""

    source: str
    target: str
    line: int
    deferred: bool

    @property
    def goes_up(self) -> bool:
        """Whether it breaks the one way."""
        source, target = room_of(self.source), room_of(self.target)
        return source != target and FLOOR[target] >= FLOOR[source]


def targets(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> Iterator[str]:
    """Full names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = ["rushlight", *filter(None, module.split("."))]
        parents = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parents, *filter(None, [node.module])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full.removeprefix("rushlight.") in MODULES else base


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def statements(node: ast.AST, deferred: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements, with whether they stand in a function. Those for type checkers only are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, deferred
        elif is_type_checking(child):
            for other in child.orelse:
                yield from statements(other, deferred)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from statements(child, deferred or inside)


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[Import]:
    """What a module imports from rushlight."""
    is_package = MODULES[module].name == "__init__.py"
    for node, deferred in statements(tree(module)):
        for target in targets(node, module, is_package):
            if target == "rushlight" or target.startswith("rushlight."):
                short = target.removeprefix("rushlight").removeprefix(".")
                yield Import(module, short, node.lineno, deferred)


ALL = [found for module in MODULES for found in imports(module)]


def test_there_is_something_to_judge():
    assert len(MODULES) > 20 and len(ALL) > 50


def test_imports_go_one_way():
    up = [f"rushlight.{i.source}:{i.line} imports rushlight.{i.target}" for i in ALL if i.goes_up and not i.deferred]
    assert not up, "\n".join(up)


def test_imports_within_functions_that_go_up_are_the_listed_ones():
    assert {(i.source, i.target) for i in ALL if i.goes_up and i.deferred} == DEFERRED


def test_no_import_cycles_at_module_level():
    """Below the façades no module reaches itself by imports, also within one room."""
    edges = {module: {i.target for i in ALL if i.source == module != i.target and not i.deferred} for module in MODULES}
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for target in sorted(edges.get(module, ())):
                walk(target, (*above, module))
            done.add(module)

    for module in MODULES.keys() - packages:
        walk(module, ())


def test_nothing_imports_torch():
    for module in MODULES:
        for node, _ in statements(tree(module)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert all(name.split(".")[0] != "torch" for name in names), f"rushlight.{module}:{node.lineno}"


def is_reexport(node: ast.stmt) -> bool:
    """A docstring, an import, or the list of public names."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return all(isinstance(name, ast.Name) and name.id in ("__all__", "__version__") for name in node.targets)
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("path", [str(p.relative_to(ROOT)) for p in MODULES.values() if p.name == "__init__.py"])
def test_facades_hold_reexports_only(path):
    others = [node.lineno for node in ast.parse((ROOT / path).read_text("utf-8")).body if not is_reexport(node)]
    assert not others or path in NOT_FACADES, f"rushlight/{path}: lines {others}"


def test_every_module_opens_with_what_it_holds():
    silent = [module for module in MODULES if not ast.get_docstring(tree(module)) and tree(module).body]
    assert not silent


def seconds_to_import(modules: str) -> float:
    code = f"import time; start = time.perf_counter(); import {modules}; print(time.perf_counter() - start)"
    runs = (subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5))
    return min(float(run.stdout) for run in runs)


def test_import_time():
    """Printed, not judged: machines and their loads differ. The aim is 0.15 s beyond NumPy's own."""
    numpy, everything = seconds_to_import("numpy"), seconds_to_import("rushlight")
    print(f"import numpy {numpy:.3f} s, import rushlight {everything:.3f} s: {everything - numpy:.3f} s beyond it")


def test_importing_leaves_heavy_modules_alone():
    """What few need is imported where it is used."""
    heavy = {"matplotlib", "scipy", "torch", "pandas", "tqdm", "cupy"}
    code = f"import sys, rushlight; print(*sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
