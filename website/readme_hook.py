"""The README in the metadata of packages: its links lead to the repository's web site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# The builder loads this file by its path.
sys.path.insert(0, str(Path(__file__).parent))

import pages  # from that folder


class ReadmeHook(MetadataHookInterface):  # type: ignore[misc] # hatchling may not be installed
    """Called by hatchling for the field `readme` of pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the README, with the links of the version's tag."""
        text = (pages.ROOT / pages.README).read_text(encoding="utf-8")
        text = pages.with_links_of_web(
            text, pages.README, metadata["urls"]["Repository"], f"v{metadata['version']}"
        )
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
