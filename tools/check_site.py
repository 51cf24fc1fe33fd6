"""Checks a built site: every link inside it leads to a page and a place that is there, and no page loads anything
(fonts, scripts, pictures) from elsewhere.

    python tools/check_site.py site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The places of a page (`ids`), where it leads (`links`), and what a browser loads to show it (`loads`)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.ids, self.links, self.loads = path, {"", "top"}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "src" in values or tag == "link":
            self.loads.append(values.get("src") or values.get("href", ""))


def faults(site: Path) -> list[str]:
    """What is wrong, a line each."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    found = [] if pages else [f"{site}: no pages"]
    for path, page in pages.items():
        for link in page.links + page.loads:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loads and url.scheme != "data":
                    found.append(f"{page.path}: loads {link}")
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.exists():
                found.append(f"{page.path}: no {link}")
            elif target in pages and unquote(url.fragment) not in pages[target].ids:
                found.append(f"{page.path}: no place {link}")
    return found


if __name__ == "__main__":
    errors = faults(Path(sys.argv[1]))
    print(*errors, sep="\n", end="\n" if errors else "")
    sys.exit(bool(errors))
