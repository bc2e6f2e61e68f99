"""Which pages the site has, where each is, and how links are changed from the repository's view.

A page is the README, a file in docs/, or what one of them links to elsewhere in the repository: a
file, or a folder. A path is relative to the root of the repository, a source to that of the site.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

ROOT = Path(__file__).parents[1]
README, CHANGELOG = "README.md", "CHANGELOG.md"
DOCS = "docs/"
AS_THEY_ARE = {".png", ".svg", ".jpg", ".gif", ".webp"}
LANGUAGES = {
    ".proto": "protobuf",
    ".py": "python",
    ".js": "javascript",
    ".json": "json",
    ".cpp": "cpp",
    ".h": "cpp",
    ".sh": "shell",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".service": "ini",
    "Makefile": "make",
}
"""The language that a file is highlighted as, by the ending of its name or by the name."""

LINK = re.compile(
    r"""(\]\(|^\[[^\]\n]+\]:[ ]+|\b(?:src|href)=")(?P<target>[^)\s"]+)""", re.MULTILINE
)
"""Markdown's links and images, its definitions of references, and attributes of HTML."""
LINK_TEXT = re.compile(r"\[([^\]]*)\]\([^)]*\)")
FENCED = re.compile(r"^ *(```+|~~~+).*?^ *\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(f"{FENCED.pattern}|`[^`\\n]+`", FENCED.flags)
EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:|#|/", re.IGNORECASE)
HEADING = re.compile(r"^(#+) +(.+?) *#*$", re.MULTILINE)
PAGE_ROW = re.compile(r"^\| *\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)\)[^|\n]*\|", re.MULTILINE)
"""A row of a table of pages: its first cell is a link."""


def links(text: str) -> Iterator[re.Match[str]]:
    """The links of a Markdown text that are not in code; the group `target` is where to."""
    code = [match.span() for match in CODE.finditer(text)]
    for match in LINK.finditer(text):
        if not any(begin <= match.start() < end for begin, end in code):
            yield match


def linked_path(target: str, path: str) -> str | None:
    """The path to which a link in the file `path` leads; None if it does not exist.

    A folder stands for its README, if it has one.
    """
    if EXTERNAL.match(target):
        return None
    place = normpath(PurePosixPath(path).parent / target.partition("#")[0])
    if (ROOT / place / README).is_file():
        place = f"{place}/{README}"
    return place if not place.startswith("..") and (ROOT / place).exists() else None


def source_of(path: str) -> str:
    """The source of a file or folder of the repository."""
    if (ROOT / path).is_dir():
        return f"repository/{path}/index.md"
    if path == README:
        return "index.md"
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    as_it_is = PurePosixPath(path).suffix in {".md", *AS_THEY_ARE}
    return f"repository/{path}" if as_it_is else f"repository/{path}.md"


def all_pages() -> dict[str, str]:
    """The path of each page and picture by its source."""
    found: dict[str, str] = {}
    waiting = [README, CHANGELOG, *sorted(f"{DOCS}{path.name}" for path in (ROOT / DOCS).iterdir())]
    while waiting:
        path = waiting.pop(0)
        if source_of(path) in found:
            continue
        found[source_of(path)] = path
        if path.endswith(".md") or (ROOT / path).is_dir():
            targets = (each["target"] for each in links(content_of(path)))
            waiting += filter(None, (linked_path(target, path) for target in targets))
    return found


def content_of(path: str) -> str:
    """The Markdown of a page; of other files their text, and of a folder a list of its files."""
    if (ROOT / path).is_dir():
        names = sorted(each.name for each in (ROOT / path).iterdir() if _language(each.name))
        folder = PurePosixPath(path).name
        return f"# {path}\n\n" + "".join(f"- [{name}]({folder}/{name})\n" for name in names)
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    fence = "`" * 8
    return f"# {path}\n\n{fence}{_language(path) or 'text'}\n{text}\n{fence}\n"


def _language(path: str) -> str:
    """The language that a file is highlighted as; "" if its kind is not known."""
    name = PurePosixPath(path)
    return LANGUAGES.get(name.suffix) or LANGUAGES.get(name.name, "")


def with_links_of_site(text: str, path: str) -> str:
    """The text of the page `path` with links to files of the repository as links of the site."""
    folder = str(PurePosixPath(source_of(path)).parent)
    return _with_links(text, path, lambda file: relpath(source_of(file), folder))


def with_links_of_web(text: str, path: str, repository: str, revision: str) -> str:
    """The text of the page `path` with links to files as addresses of the repository's web site.

    `repository` is the address that a browser opens, without a slash at its end. Below it the
    addresses have the form that GitHub, Gitea and Forgejo understand.
    """

    def address(file: str) -> str:
        view = "raw" if PurePosixPath(file).suffix in AS_THEY_ARE else "blob"
        return f"{repository}/{view}/{revision}/{file}"

    return _with_links(text, path, address)


def _with_links(text: str, path: str, address: Callable[[str], str]) -> str:
    """The text of the page `path`, with each file that it links to at `address(file)`."""
    parts, end = [], 0
    for match in links(text):
        target = match["target"]
        if (file := linked_path(target, path)) is not None:
            anchor = "#" + target.partition("#")[2] if "#" in target else ""
            parts += [text[end : match.start("target")], address(file), anchor]
            end = match.end()
    return "".join([*parts, text[end:]])


def anchors_of(text: str) -> set[str]:
    """The anchors of the headings of a Markdown text, as GitHub makes them."""
    found: list[str] = []
    for match in HEADING.finditer(FENCED.sub("", text)):
        kept = re.sub(r"[^\w\- ]", "", LINK_TEXT.sub(r"\1", match[2]).lower())
        found.append(kept.strip().replace(" ", "-"))
    return {
        f"{each}-{before}" if (before := found[:number].count(each)) else each
        for number, each in enumerate(found)
    }


def navigation() -> list[dict[str, object]]:
    """The pages in the order of the README's tables.

    With several tables each is a section, named by the heading above it. Raises ValueError for a
    page of docs/ that is in no table.
    """
    readme = (ROOT / README).read_text(encoding="utf-8")
    sections: dict[str, list[dict[str, object]]] = {}
    listed = {README}
    for row in PAGE_ROW.finditer(readme):
        path = linked_path(row["target"], README)
        if path is not None and path not in listed:
            listed.add(path)
            heading = [each[2] for each in HEADING.finditer(readme, 0, row.start())][-1]
            sections.setdefault(heading, []).append({_title(path, row["text"]): source_of(path)})
    of_docs = {
        path for path in all_pages().values() if path.startswith(DOCS) and path.endswith(".md")
    }
    if left_out := sorted(of_docs - listed):
        raise ValueError(f"in no table of pages of {README}: {', '.join(left_out)}")
    pages: list[dict[str, object]] = [{"edgeseg": source_of(README)}]
    if len(sections) == 1:
        pages += next(iter(sections.values()))
    else:
        pages += [{heading: within} for heading, within in sections.items()]
    return pages if CHANGELOG in listed else [*pages, {"Changelog": source_of(CHANGELOG)}]


def _title(path: str, text: str) -> str:
    """The first heading of a page; what the README calls a file that is not Markdown."""
    if not path.endswith(".md"):
        return text[0].upper() + text[1:]
    found = HEADING.search(FENCED.sub("", (ROOT / path).read_text(encoding="utf-8")))
    return text if found is None else found[2]
