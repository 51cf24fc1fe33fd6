"""The syntax tree of a function, from the file that it was compiled from.

A file may have changed since, or may not be what it seems (a macro, code that was generated): so the tree is compiled
again, and only taken if that gives the very code that the function runs.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType

FunctionTree = ast.FunctionDef | ast.Lambda


class UnreadableError(Exception):
    """There is no tree for a function; the message says why."""


@lru_cache(maxsize=64)
def _parsed(text: str, filename: str) -> tuple[ast.Module, CodeType]:
    tree = ast.parse(text, filename)
    return tree, compile(tree, filename, "exec", dont_inherit=True)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _line_of(node: FunctionTree) -> int:
    """Where the code of a function begins: at its first decorator."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(each.lineno for each in decorators)])


@lru_cache(maxsize=512)
def _tree_of(code: CodeType) -> FunctionTree:
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    if not text:
        raise UnreadableError(f"the source of {code.co_name} is not at hand")
    try:
        tree, whole = _parsed(text, code.co_filename)
    except SyntaxError:
        raise UnreadableError(f"{code.co_filename} cannot be parsed") from None
    kind, name = (ast.Lambda, None) if code.co_name == "<lambda>" else (ast.FunctionDef, code.co_name)
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, kind) and getattr(node, "name", None) == name and _line_of(node) == code.co_firstlineno
    ]
    if len(found) != 1 or code not in _codes(whole):
        raise UnreadableError(f"the source of {code.co_name} in {code.co_filename} is not what it was compiled from")
    return found[0]


def tree_of(function: FunctionType) -> FunctionTree:
    """The tree of a function.

    Raises:
        UnreadableError: the source is missing, has changed, or is no plain function's.
    """
    return _tree_of(function.__code__)
