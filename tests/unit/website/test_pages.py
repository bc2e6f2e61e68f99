"""The site has every page, in the README's order; links work there and in the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

import pages
from pages import (
    ROOT,
    all_pages,
    anchors_of,
    content_of,
    linked_path,
    links,
    navigation,
    with_links_of_site,
    with_links_of_web,
)

FOLDERS = ("", "docs", "clients", "daemon", "tests", "training", "deploy")
TEXTS = sorted(
    str(path.relative_to(ROOT))
    for folder in FOLDERS
    for path in ((ROOT / folder).rglob("*.md") if folder else ROOT.glob("*.md"))
    if "node_modules" not in path.parts
)


def test_all_texts_are_looked_at() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/client.md", "tests/README.md"} < set(TEXTS)


@pytest.mark.parametrize("path", TEXTS)
def test_each_link_in_the_repository_leads_to_something_that_exists(
    path: str,
) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    for match in links(text):
        target = match["target"]
        place, _, anchor = target.partition("#")
        if pages.EXTERNAL.match(target) and place:
            assert not place.startswith("/"), f"{path}: {target} is of this machine"
            continue
        file = path if not place else linked_path(target, path)
        assert file is not None, f"{path}: {target} does not exist"
        if anchor and file.endswith(".md"):
            found = anchors_of((ROOT / file).read_text(encoding="utf-8"))
            assert anchor in found, f"{path}: {target} has no such heading"


def test_links_in_code_are_none() -> None:
    text = '[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n![g](h.png)\n\n[i]: j.md\n<img src="k.png">'
    assert [match["target"] for match in links(text)] == ["b.md", "h.png", "j.md", "k.png"]


def test_anchors_are_githubs() -> None:
    text = "# A b\n## `--delegate auto`, again!\n## A b\n```\n# none\n```\n## Zwölf_1: zwei - drei"
    assert anchors_of(text) == {
        "a-b",
        "--delegate-auto-again",
        "a-b-1",
        "zwölf_1-zwei---drei",
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project in place of ours."""
    files = {
        "README.md": "# x\n| page | for |\n| --- | --- |\n"
        "| [docs/b.md](docs/b.md) | b |\n| [the contract](proto/c.proto) | c |\n"
        "| [docs/a.md](docs/a.md) | [its end](docs/a.md#end) |\n"
        "![p](docs/p.png) [folder](clients/ros)\n",
        "CHANGELOG.md": "# Changelog\n",
        "docs/a.md": "# The A\n[c](../proto/c.proto) [b](b.md) [m](../MORE.md#there) [w](http://x)\n",
        "docs/b.md": "# The B\n",
        "docs/p.png": "",
        "MORE.md": "# More\n[a](docs/a.md) [gone](gone.md)\n",
        "clients/ros/README.md": "# ROS\n[in C](../c)\n",
        "clients/c/Makefile": "all:\n",
        "clients/c/a.cpp": "int a;\n",
        "clients/c/a.o": "",
        "clients/c/build/b.h": "int b;\n",
        "proto/c.proto": 'syntax = "proto3";\n',
        "unlinked.md": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_what_a_page_links_to_is_a_page_too() -> None:
    assert all_pages() == {
        "index.md": "README.md",
        "repository/CHANGELOG.md": "CHANGELOG.md",
        "a.md": "docs/a.md",
        "b.md": "docs/b.md",
        "p.png": "docs/p.png",
        "repository/MORE.md": "MORE.md",
        "repository/clients/ros/README.md": "clients/ros/README.md",
        "repository/proto/c.proto.md": "proto/c.proto",
        "repository/clients/c/index.md": "clients/c",
        "repository/clients/c/Makefile.md": "clients/c/Makefile",
        "repository/clients/c/a.cpp.md": "clients/c/a.cpp",
    }


@pytest.mark.usefixtures("project")
def test_links_are_changed_to_where_the_page_is_in_the_site() -> None:
    def changed(path: str) -> list[str]:
        text = with_links_of_site(content_of(path), path)
        return [match["target"] for match in links(text)]

    assert changed("docs/a.md") == [
        "repository/proto/c.proto.md",
        "b.md",
        "repository/MORE.md#there",
        "http://x",
    ]
    assert changed("clients/ros/README.md") == ["../c/index.md"]
    assert changed("clients/c") == ["Makefile.md", "a.cpp.md"]
    assert changed("MORE.md") == ["../a.md", "gone.md"]
    assert changed("README.md") == [
        "b.md",
        "repository/proto/c.proto.md",
        "a.md",
        "a.md#end",
        "p.png",
        "repository/clients/ros/README.md",
    ]


@pytest.mark.usefixtures("project")
def test_the_navigation_is_the_table_of_the_readme() -> None:
    assert navigation() == [
        {"edgeseg": "index.md"},
        {"The B": "b.md"},
        {"The contract": "repository/proto/c.proto.md"},
        {"The A": "a.md"},
        {"Changelog": "repository/CHANGELOG.md"},
    ]


def test_several_tables_are_sections(project: Path) -> None:
    readme = (project / "README.md").read_text()
    (project / "README.md").write_text(
        readme.replace("| [docs/a.md]", "\n## Then\n\n| [docs/a.md]")
    )
    assert [next(iter(each)) for each in navigation()] == ["edgeseg", "x", "Then", "Changelog"]
    assert navigation()[2] == {"Then": [{"The A": "a.md"}]}


def test_a_page_of_docs_that_is_in_no_table_is_an_error(project: Path) -> None:
    (project / "docs" / "new.md").write_text("# New\n")
    with pytest.raises(ValueError, match=r"in no table of pages of README.md: docs/new.md"):
        navigation()


def test_our_own_pages_are_all_in_the_navigation() -> None:
    assert navigation()[0] == {"edgeseg": "index.md"}


def test_on_a_package_index_links_lead_to_the_web_site_of_the_repository() -> None:
    text = "[a](docs/client.md#results) ![b](docs/demo.png) [c](https://a.example/) [d](#use-it)"
    assert with_links_of_web(text, "README.md", "https://b.example/e", "v1") == (
        "[a](https://b.example/e/blob/v1/docs/client.md#results)"
        " ![b](https://b.example/e/raw/v1/docs/demo.png) [c](https://a.example/) [d](#use-it)"
    )
