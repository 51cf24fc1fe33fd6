"""Sphinx's settings for the site of these documents. `./check docs` builds it in English and in Chinese.

Documents lie where readers of the repository find them, so the sources begin at its root. A page `x.md` has a Chinese
twin `x.zh.md`, or stands in both sites. The site loads nothing from the network: the reader has
the fonts, and formulas are MathML, which browsers show by themselves.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.typing import ExtensionMetadata

ROOT = Path(__file__).parent.parent

project = "Rushlight"
author = "The Rushlight developers"
extensions = ["myst_parser", "sphinx_copybutton"]
language = "en"  # or zh_CN, by -D
root_doc = "docs/index"
include_patterns = ["docs/**", "README*.md", "CONTRIBUTING.md", "CHANGELOG.md", "rushlight/data/NOTICE.md"]
exclude_patterns: list[str] = []  # the other language's pages, when the language is known

myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # the changelog and others begin sections at any depth
copybutton_selector = "div.highlight-python pre"

html_theme = "furo"
html_title = "Rushlight"
html_static_path = ["assets/site.css"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_sphinx = html_show_copyright = False
html_math_renderer = "mathml"
templates_path = ["assets"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}


def choose_pages(app: Any, config: Any) -> None:
    """Leaves the other language's pages out."""
    chinese = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.zh.md")}
    if config.language == "en":
        config.exclude_patterns += chinese
    else:
        config.root_doc += ".zh"
        config.exclude_patterns += [path.replace(".zh.md", ".md") for path in chinese]


CHINESE = r"[\u3000-\u9fff\uff00-\uffef]"


LINK = r"\]\(([^)#\s]+?)(?:\.zh)?\.md(#[^)\s]*)?\)"


def adapt(app: Any, page: str, source: list[str]) -> None:
    """A line break between Chinese characters is no blank; links lead to pages in the language of this site."""

    def link(match: re.Match[str]) -> str:
        page, place = match[1], match[2] or ""
        twin = (folder / f"{page}.zh.md").resolve()
        if twin.is_relative_to(ROOT / "docs") and twin.exists() and app.config.language != "en":
            page += ".zh"
        elif not (folder / f"{page}.md").exists() or match[0].startswith("](README.zh"):
            return match[0]
        return f"]({page}.md{place})"

    folder = (ROOT / page).parent
    text = re.sub(rf"(?<={CHINESE})\n(?={CHINESE}|[*\[`])(?!```)", "", source[0])
    source[0] = re.sub(LINK, link, text)


def name_other_page(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Where the page stands in the site of the other language, for the link in the sidebar."""
    english = app.config.language == "en"
    twin = page + ".zh" if english else page.removesuffix(".zh")
    there = twin if (ROOT / f"{twin}.md").exists() else page
    up = "../" * (page.count("/") + 1)
    context["other_language"] = "中文" if english else "English"
    context["other_page"] = f"{up}{'zh' if english else 'en'}/{there}.html"


def formula(self: Any, node: Any) -> None:
    """A formula as MathML."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app: Any) -> ExtensionMetadata:
    app.connect("config-inited", choose_pages)
    app.connect("source-read", adapt)
    app.connect("html-page-context", name_other_page)
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
