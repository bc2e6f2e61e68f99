"""Checks a built site: every link leads somewhere, and nothing is loaded from elsewhere.

`check_site.py FOLDER` prints what is wrong and exits with 1. Anchors are checked, and that Markdown
which GitHub understands was not left as text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    *(("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")),
    *(("audio", "src"), ("embed", "src"), ("object", "data"), ("link", "href")),
}
"""What a browser loads with a page."""
NOT_LOADED = {"canonical", "prev", "next", "alternate", "edit"}
"""Kinds of `link` that only say where something is."""
IN_STYLE = re.compile(r"""url\(\s*["']?(?P<url>[^"')]+)|@import\s+["'](?P<imported>[^"']+)""")
LEFT_AS_TEXT = re.compile(r"^\s*([-*] |\d+\. |\|)|\]\(", re.MULTILINE)
"""A list, a table or a link in a paragraph."""


@dataclass(slots=True)
class Page:
    """What a page has: its anchors, where it links to, what it loads, the texts of paragraphs."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._text: list[str] | None = None
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.page.anchors |= {values[name] for name in ("id", "name") if name in values}
        for name, value in values.items():
            if (tag, name) in LOADED and values.get("rel") not in NOT_LOADED:
                self.page.loaded.append(value)
            elif (tag, name) == ("a", "href"):
                self.page.links.append(value)
            elif name == "srcset":
                self.page.loaded += [each.split()[0] for each in value.split(",")]
        if tag == "p":
            self._text = []
        self._in_code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag == "code"
        if tag == "p" and self._text is not None:
            self.page.paragraphs.append("".join(self._text))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._in_code:
            self._text.append(data)


def read_page(html: str) -> Page:
    """Read a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


def check_site(folder: Path) -> Iterator[str]:
    """Everything that is wrong, a sentence each."""
    pages = {
        path: read_page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))
    }
    if not pages:
        yield f"{folder} has no pages"
    for path, page in pages.items():
        for target in page.loaded:
            yield from _check_loaded(target, path, folder)
        for target in page.links:
            yield from _check_link(target, path, folder, pages)
        for text in page.paragraphs:
            if LEFT_AS_TEXT.search(text):
                yield f"{path.relative_to(folder)}: Markdown was left as text: {text[:60]!r}"
    for path in sorted(folder.rglob("*.css")):
        for match in IN_STYLE.finditer(path.read_text(encoding="utf-8")):
            yield from _check_loaded(match["url"] or match["imported"], path, folder)


def _check_loaded(target: str, path: Path, folder: Path) -> Iterator[str]:
    name = path.relative_to(folder)
    parts = urlsplit(target)
    if parts.scheme == "data":
        return
    if parts.scheme or parts.netloc:
        yield f"{name}: loads {target}, which is elsewhere"
    elif _file(target, path, folder) is None:
        yield f"{name}: loads {target}, which is not in the site"


def _check_link(target: str, path: Path, folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    name, parts = path.relative_to(folder), urlsplit(target)
    if parts.scheme or parts.netloc:
        return
    file = _file(target, path, folder)
    if file is None:
        yield f"{name}: links to {target}, which is not in the site"
    elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].anchors:
        yield f"{name}: links to {target}, which has no such anchor"


def _file(target: str, path: Path, folder: Path) -> Path | None:
    """The file of the site that a relative address stands for; None if there is none."""
    place = unquote(urlsplit(target).path)
    if not place:
        return path
    start = folder if place.startswith("/") else path.parent
    found = (start / place.lstrip("/")).resolve()
    found = found / "index.html" if found.is_dir() else found
    inside = found.is_relative_to(folder.resolve()) and found.is_file()
    return folder / found.relative_to(folder.resolve()) if inside else None


def main(arguments: Sequence[str]) -> int:
    """Check the folder that is named; the exit status."""
    wrong = list(check_site(Path(arguments[0])))
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
