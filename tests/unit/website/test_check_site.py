"""What is wrong with a site is found, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from check_site import check_site, main

SOUND = (
    '<link rel="stylesheet" href="a.css"><link rel="canonical" href="https://example.org/">'
    '<h2 id="here">H</h2><a href="#here">x</a><a href="sub/">y</a><a href="https://example.org">z</a>'
    '<a href="sub/#there">t</a><img src="p.png"><img src="data:image/png;base64,AA">'
    "<p>A sentence - with a dash, <code>- and | code</code>.</p>"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(SOUND)
    (tmp_path / "sub" / "index.html").write_text('<a name="there">x</a><a href="../#here">y</a>')
    (tmp_path / "a.css").write_text("a { background: url(p.png) } b { src: url('data:x') }")
    (tmp_path / "p.png").touch()
    return tmp_path


def test_a_sound_site_has_nothing_wrong(site: Path) -> None:
    assert list(check_site(site)) == []
    assert main([str(site)]) == 0


@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ('<a href="gone/">', "links to gone/, which is not in the site"),
        ('<a href="../index.html">', "links to ../index.html, which is not in the site"),
        ('<a href="#gone">', "links to #gone, which has no such anchor"),
        ('<a href="sub/#here">', "links to sub/#here, which has no such anchor"),
        ('<img src="gone.png">', "loads gone.png, which is not in the site"),
        ('<img srcset="p.png 1x, gone.png 2x">', "loads gone.png, which is not in the site"),
        (
            '<script src="https://a.example/x.js">',
            "loads https://a.example/x.js, which is elsewhere",
        ),
        (
            '<link rel="preconnect" href="//fonts.example">',
            "loads //fonts.example, which is elsewhere",
        ),
        ("<p>Text\n- one\n- two</p>", "Markdown was left as text"),
        ("<p>| a | b |\n| --- | --- |</p>", "Markdown was left as text"),
        ("<p>[a] (b) and [c](d)</p>", "Markdown was left as text"),
    ],
)
def test_what_is_wrong_in_a_page_is_found(site: Path, html: str, wrong: str) -> None:
    (site / "index.html").write_text(SOUND + html)
    (found,) = check_site(site)
    assert found.startswith("index.html: ")
    assert wrong in found
    assert main([str(site)]) == 1


@pytest.mark.parametrize(
    "css", ["@import 'https://a.example/x.css';", "a { src: url(//a.example) }"]
)
def test_what_a_style_loads_from_elsewhere_is_found(site: Path, css: str) -> None:
    (site / "a.css").write_text(css)
    (found,) = check_site(site)
    assert found.endswith("which is elsewhere")


def test_a_folder_without_pages_is_no_site(tmp_path: Path) -> None:
    assert list(check_site(tmp_path)) == [f"{tmp_path} has no pages"]
