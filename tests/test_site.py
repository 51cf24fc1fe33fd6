"""tools/check_site.py finds what is wrong with a built site, and nothing where all is well."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("check_site", Path(__file__).parent.parent / "tools" / "check_site.py")
check_site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_site)

GOOD = '<h1 id="start">A</h1><a href="other.html#end">to</a><a href="https://a.org">out</a><script src="x.js"></script>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text(GOOD, "utf-8")
    (tmp_path / "other.html").write_text('<p id="end"></p><a href="#end">here</a><a href="page.html">back</a>', "utf-8")
    (tmp_path / "x.js").write_text("", "utf-8")
    return tmp_path


def test_nothing_is_wrong(site: Path) -> None:
    assert check_site.faults(site) == []


@pytest.mark.parametrize(
    "html, fault",
    [
        ('<a href="gone.html">x</a>', "no gone.html"),
        ('<a href="other.html#gone">x</a>', "no place other.html#gone"),
        ('<a href="#gone">x</a>', "no place #gone"),
        ('<img src="gone.png">', "no gone.png"),
        ('<script src="https://cdn.example.org/x.js"></script>', "loads https://cdn.example.org/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.org/f.css">', "loads //fonts.example.org/f.css"),
    ],
)
def test_faults(site: Path, html: str, fault: str) -> None:
    (site / "page.html").write_text(GOOD + html, "utf-8")
    (found,) = check_site.faults(site)
    assert found.endswith(fault)


def test_an_empty_site_is_a_fault(tmp_path: Path) -> None:
    assert check_site.faults(tmp_path)
