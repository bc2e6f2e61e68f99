"""The pictures that delegates are compared on; `training/probe_pictures.py` drew them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

PICTURES: Final = tuple(sorted((Path(__file__).parents[1] / "builtin" / "pictures").glob("*.png")))
"""The files of the pictures, which are the same on every board."""


def open_picture(path: Path) -> Image.Image:
    """Open a picture as RGB."""
    with Image.open(path) as image:
        return image.convert("RGB")
