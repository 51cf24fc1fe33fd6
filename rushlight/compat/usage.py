"""Which of PyTorch's names a program uses, read from its source without running it.

A name is followed from the import on: after `import torch.nn as nn` and `F = nn.functional`, `F.relu` is
`torch.nn.functional.relu`. A method that only tensors have (`x.to_sparse()`) is taken for a tensor's. Of modules beside
the program that it imports, the names count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .names import names_of

ROOT = "torch"
_OTHERS = frozenset(  # names of methods that objects of other kinds have too
    {"indices", "resize", "solve"}.union(*map(dir, (dict, list, str, bytes, set, float, Path)))
)


@dataclass(frozen=True, order=True)
class Use:
    """A name of PyTorch's, in full, where a program uses it."""

    path: Path
    line: int
    name: str


class _Reader(ast.NodeVisitor):
    """Collects the uses in one file, and the modules that it imports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, str] = {}  # what names of the program stand for
        self.uses: set[Use] = set()
        self.imports: set[tuple[str, int]] = set()  # module, and how many folders up it is looked for

    def use(self, name: str, node: ast.AST) -> None:
        self.uses.add(Use(self.path, getattr(node, "lineno", 0), name))

    # -- imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.add((alias.name, 0))
            if _is_torchs(alias.name):
                self.use(alias.name, node)
                self.known[alias.asname or ROOT] = alias.name if alias.asname else ROOT

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            self.imports.update({(module, node.level), (f"{module}.{alias.name}".strip("."), node.level)})
            if node.level or not _is_torchs(module):
                continue
            self.use(module if alias.name == "*" else f"{module}.{alias.name}", node)
            self.known[alias.asname or alias.name] = f"{module}.{alias.name}"

    # -- uses

    def full(self, node: ast.AST) -> str | None:
        """The full name that an expression is, if it is one of PyTorch's."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.full(node.value)
            return owner and f"{owner}.{node.attr}"
        return None

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self.full(node)
        if name is None:
            self.generic_visit(node)
            if node.attr not in _OTHERS and node.attr in names_of("torch.Tensor()"):
                self.use(f"torch.Tensor.{node.attr}", node)
        elif isinstance(node.ctx, ast.Load):  # what a program sets is its own
            self.use(name, node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in self.known:
            self.use(self.known[node.id], node)

    def visit_Assign(self, node: ast.Assign) -> None:
        name = self.full(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, name)
        self.generic_visit(node)

    def _bind(self, target: str, name: str | None) -> None:
        if name is not None:
            self.known[target] = name
        elif self.known.get(target, "").count(".") == 0:  # `nn = 3` hides torch.nn, but not every name is read in order
            self.known.pop(target, None)


def _is_torchs(module: str) -> bool:
    return module == ROOT or module.startswith(ROOT + ".")


def _beside(path: Path, module: str, level: int) -> Iterator[Path]:
    """Files of the program's own that an import leads to."""
    folders = [path.parents[level - 1]] if 0 < level <= len(path.parents) else [path.parent]
    for folder in folders:
        place = folder.joinpath(*module.split(".")) if module else folder
        yield from (found for found in (place.with_suffix(".py"), place / "__init__.py") if found.is_file())


def uses_of(program: Path) -> list[Use]:
    """The names of PyTorch's that a program and the modules beside it use, in order of files and lines.

    Raises:
        OSError: a file cannot be read. SyntaxError: it is no Python.
    """
    queue, uses = [program], set()
    for path in queue:  # grows while it is walked
        reader = _Reader(path)
        reader.visit(ast.parse(path.read_bytes(), str(path)))
        uses |= reader.uses
        for module, level in sorted(reader.imports):
            queue.extend(found for found in _beside(path, module, level) if found not in queue)
    return sorted(uses)
