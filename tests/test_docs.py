"""Examples are true: those in docstrings, and the Python blocks of the documents."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
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


spec = importlib.util.spec_from_file_location("pages", ROOT / "tools" / "pages.py")
pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pages)

LESSONS = [path for path in sorted((ROOT / "docs" / "learn").glob("*.md")) if not path.name.endswith(".zh.md")]
DOCUMENTS = [
    path
    for path in [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if path.exists()
]
TRANSLATED = [(path, pages.chinese(path)) for path in DOCUMENTS if pages.chinese(path).exists()]


def runnable() -> list[object]:
    """All documents but translations, which have the same code. Lessons train networks."""
    documents = [path for path in DOCUMENTS if not path.name.endswith(".zh.md") and pages.blocks(path)]
    return [pytest.param(path, id=path.name, marks=[pytest.mark.slow] * (path in LESSONS)) for path in documents]


@pytest.mark.parametrize("document", runnable())
def test_python_blocks(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ```python blocks of a document run, one after another in one namespace, print what the document shows, and
    save the figures in it."""
    monkeypatch.chdir(tmp_path)
    printed = pages.run(document)
    for block, compared, text in pages.shown(document):
        assert not compared or pages.agree(text, printed[block]), f"shown:\n{text}\nprinted:\n{printed[block]}"
    for figure in pages.figures(document):
        assert Path(figure.name).exists(), f"no block saves {figure.name}"


@pytest.mark.slow
@pytest.mark.parametrize("lesson", ["core.md", "functional.md", "optimizers.md", "table.md"])
def test_lessons_hold_for_pytorch(lesson: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a lesson uses PyTorch's names only, its code prints the same there."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # its threads would wait for one another longer than they work
    document, blocks = ROOT / "docs" / "learn" / lesson, pages.blocks
    monkeypatch.setattr(pages, "blocks", lambda page: [(k, c.replace("rushlight", "torch")) for k, c in blocks(page)])
    monkeypatch.chdir(tmp_path)
    printed = pages.run(document)
    torch.set_num_threads(before)
    for block, compared, text in pages.shown(document):
        theirs = printed[block].replace("AddmmBackward0", "LinearBackward0")  # names of fused operators are our own
        assert not compared or pages.agree(text, theirs), f"shown:\n{text}\nprinted:\n{theirs}"


@pytest.mark.parametrize("english, chinese", TRANSLATED, ids=lambda path: path.name)
def test_translations_have_the_same_code(english: Path, chinese: Path) -> None:
    assert pages.same_code(english, chinese)


def test_lessons_are_in_both_languages() -> None:
    assert [path.name for path in LESSONS if not pages.chinese(path).exists()] == []


def test_output_is_compared_word_for_word_and_loosely_in_decimals() -> None:
    assert pages.agree("loss 0.512  after 10 steps", "loss 0.55 after 10 steps")
    assert not pages.agree("loss 0.512 after 10 steps", "loss 0.72 after 10 steps")
    assert not pages.agree("loss 0.512 after 10 steps", "loss 0.512 after 11 steps")
    assert not pages.agree("loss 0.512", "error 0.512")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Relative links point at files that are there."""
    for target in pages.links(document):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
