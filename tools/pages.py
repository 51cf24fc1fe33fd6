"""Runs the Python blocks of documents as a reader would who copies them, one after another, into one session.

A block fenced as `output` shows what the Python block above it prints, and an image that a page shows is one that its
code saved. The tests (tests/test_docs.py) hold pages to that: words and whole numbers as shown, numbers with a decimal
point nearly so, since other processors round otherwise. A block fenced as `output free` (times, samples of text) is not
compared.

    python tools/pages.py docs/learn/core.md ...     runs pages and puts what they print and draw in its place

A page and its Chinese twin (`core.md`, `core.zh.md`) have the same code, comments aside, so it runs once.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

FENCE = re.compile(r"^```(python|output|output free)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def blocks(document: Path) -> list[tuple[str, str]]:
    """(kind, text) of the document's blocks of code and output, in order."""
    return FENCE.findall(document.read_text(encoding="utf-8"))


def links(document: Path) -> list[str]:
    """Files that the document links to or shows, as written: relative to its folder."""
    return LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def figures(document: Path) -> list[Path]:
    """The images that the document shows."""
    return [document.parent / link for link in links(document) if link.startswith("figures/")]


def chinese(document: Path) -> Path:
    """The document's twin, which need not exist."""
    return document.with_suffix(".zh.md")


def run(document: Path) -> list[str]:
    """What each Python block prints. It runs in the current folder, with the page's data files in it."""
    for link in links(document):
        if link.startswith("data/"):
            shutil.copy(document.parent / link, ".")
    names: dict[str, object] = {"__name__": "__main__"}
    printed = []
    for kind, code in blocks(document):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, document.name, "exec"), names)
            printed.append(out.getvalue())
    return printed


def shown(document: Path) -> list[tuple[int, bool, str]]:
    """(index of the Python block, whether to compare, text) of each block of output."""
    found, index = [], -1
    for kind, text in blocks(document):
        if kind == "python":
            index += 1
        else:
            found.append((index, kind == "output", text))
    return found


def agree(text: str, printed: str) -> bool:
    """Whether both say the same, up to blanks and a fifth (or 0.02) of numbers with a decimal point."""
    words = [" ".join(NUMBER.sub(" # ", each).split()) for each in (text, printed)]
    pairs = zip(NUMBER.findall(text), NUMBER.findall(printed))
    return words[0] == words[1] and all(abs(float(a) - float(b)) <= 0.2 * abs(float(a)) + 0.02 for a, b in pairs)


def same_code(document: Path, other: Path) -> bool:
    """Whether both have the same Python, comments aside, and show the same output."""

    def essence(page: Path) -> list[str]:
        return [ast.dump(ast.parse(text)) if kind == "python" else text for kind, text in blocks(page)]

    return essence(document) == essence(other)


def with_output(text: str, printed: list[str]) -> str:
    """The text of a document, with `printed` (of each Python block) in its blocks of output."""
    prints, last = iter(printed), ""

    def replaced(match: re.Match[str]) -> str:
        nonlocal last
        if match[1] == "python":
            last = next(prints).rstrip()
            return match[0]
        return f"```{match[1]}\n{last}\n```"

    return FENCE.sub(replaced, text)


def refresh(document: Path) -> None:
    """Runs the document; writes what it printed and drew into it and its twin."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            printed = run(document)
            for image in figures(document):
                shutil.copy(image.name, image)
        finally:
            os.chdir(home)
    for page in (document, chinese(document)):
        if page.exists():
            page.write_text(with_output(page.read_text(encoding="utf-8"), printed), encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name).resolve())
