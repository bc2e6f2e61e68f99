"""What MkDocs does not do by itself: pages outside docs/, the navigation, and diagrams offline."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

import pages

MERMAID = Path(os.environ.get("MERMAID", pages.ROOT / ".tools" / "mermaid.min.js"))
MERMAID_PLACE = "assets/javascripts/mermaid.min.js"


def on_config(config: Any) -> None:  # noqa: ANN401 # MkDocs publishes no types
    """Set the navigation from the README."""
    try:
        config.nav = pages.navigation()
    except ValueError as error:
        raise PluginError(str(error)) from None


def on_files(files: Any, config: Any) -> None:  # noqa: ANN401 # as above
    """Add what is not in docs/."""
    for source, path in pages.all_pages().items():
        if path.startswith(pages.DOCS):
            continue
        if PurePosixPath(path).suffix in pages.AS_THEY_ARE:
            added = File.generated(config, source, abs_src_path=str(pages.ROOT / path))
        else:
            added = File.generated(config, source, content=pages.content_of(path))
        files.append(added)


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:  # noqa: ANN401 # as above
    """Change links of the repository's view to those of the site."""
    return pages.with_links_of_site(markdown, pages.all_pages()[page.file.src_uri])


def on_post_page(output: str, *, page: Any, **_: Any) -> str:  # noqa: ANN401 # as above
    """Load our copy of Mermaid on pages with diagrams; the theme would load it from elsewhere."""
    if 'class="mermaid"' not in output:
        return output
    depth = page.url.count("/")
    script = f'<script src="{"../" * depth}{MERMAID_PLACE}"></script>'
    return output.replace("</head>", f"{script}</head>", 1)


def on_post_build(config: Any) -> None:  # noqa: ANN401 # as above
    """Put our copy of Mermaid into the site."""
    shutil.copy(MERMAID, Path(config.site_dir) / MERMAID_PLACE)
