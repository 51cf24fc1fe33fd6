"""Examples are true: those in docstrings, and the Python blocks of the documents."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import rushlight

ROOT = Path(__file__).parent.parent
NAMES = {
    "rushlight": rushlight,
    "torch": rushlight,
    "nn": rushlight.nn,
    "F": rushlight.nn.functional,
    "optim": rushlight.optim,
}


def modules() -> list[str]:
    found = pkgutil.walk_packages(rushlight.__path__, "rushlight.")
    return sorted(m.name for m in found if "._native_" not in m.name and not m.name.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `>>>` in the module's docstrings gives what stands below it. `...` in the expected text stands for
    anything."""
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs={**NAMES, **vars(module)}):
        rushlight.manual_seed(0)
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


DOCUMENTS = [
    path for path in [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))] if path.exists()
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_blocks(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ```python blocks of a document run, one after another in one namespace."""
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks:
        exec(compile(block, document.name, "exec"), names)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Relative links point at files that are there."""
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
