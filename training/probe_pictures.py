"""Draws the pictures that the daemon's probe compares delegates on: `probe_pictures.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from scenes import draw_scene

SEEDS = (101, 102, 103, 104)
SIZE = (256, 256)
KEPT_BITS = 0xF8
"""Of each value: the rest is the noise of the drawing, and half of a PNG's size."""


def main() -> None:
    """Draw them."""
    folder = Path(sys.argv[1])
    for seed in SEEDS:
        picture = Image.fromarray(draw_scene(seed, SIZE).image & KEPT_BITS)
        picture.save(folder / f"scene_{seed}.png", optimize=True)


if __name__ == "__main__":
    main()
