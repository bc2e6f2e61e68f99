"""Draws a legend on a picture: colour, name and share of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from edgeseg_client.class_table import NO_CLASS
from edgeseg_client.result import LabelMap

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MAX_ENTRIES: Final = 8
# Light, because the colours of many palettes are dark, PASCAL VOC's among them.
_TEXT: Final = (16, 18, 22, 255)
_FAINT: Final = (16, 18, 22, 190)
_PANEL: Final = (248, 249, 250, 235)
_OPAQUE_PANEL: Final = (248, 249, 250, 255)
# A legend on the picture may take at most this share of its width and of its height.
_MAX_SHARE_OF_PICTURE: Final = 0.5
# It may hide at most this share of each class, so that no object is hidden, and at most this share
# of it may cover coloured pixels.
_MAX_HIDDEN_OF_CLASS: Final = 0.02
_MAX_COLORED_OF_CORNER: Final = 0.01
# Pillow draws without anti-aliasing; shapes are drawn this many times larger and scaled down.
_SUPERSAMPLING: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a legend: a class's name, its colour, and its share of all pixels, 0.0 to 1.0."""

    name: str
    color: tuple[int, int, int]
    share: float


def add_legend(picture: Image.Image, entries: Sequence[Entry], drawn: LabelMap) -> Image.Image:
    """Adds a legend in the corner where it hides the least; below the picture if it hides too much.

    `drawn` has the size of the picture. It holds, for each pixel, the class in whose colour it is
    drawn, `NO_CLASS` for none. The text grows with the picture and is at least 12 pixels high, to
    be legible. Of more than 8 entries, the first 8 are shown, and the number of the others. Without
    entries the picture is returned unchanged.
    """
    if not entries:
        return picture
    size = max(12, round(min(picture.size) / 28))
    margin = size // 2
    over = _draw_panel(entries, size, _PANEL)
    corner = _find_corner(drawn, over.size, margin)
    if corner is not None:
        canvas = picture.convert("RGBA")
        canvas.alpha_composite(over, corner)
        return canvas.convert("RGB")
    below = _draw_panel(entries, size, _OPAQUE_PANEL)
    canvas = Image.new(
        "RGB",
        (max(picture.width, below.width), picture.height + below.height),
        _OPAQUE_PANEL[:3],
    )
    canvas.paste(picture, ((canvas.width - picture.width) // 2, 0))
    canvas.paste(below, (0, picture.height), below)
    return canvas


def _find_corner(drawn: LabelMap, panel: tuple[int, int], margin: int) -> tuple[int, int] | None:
    """The (left, top) of a panel of (width, height) where it hides the least; None if too much."""
    height, width = drawn.shape
    across, down = panel
    right, bottom = width - across - margin, height - down - margin
    if (
        across + 2 * margin > width * _MAX_SHARE_OF_PICTURE
        or down + 2 * margin > height * _MAX_SHARE_OF_PICTURE
    ):
        return None
    total = _count(drawn)
    best, fewest = None, _MAX_COLORED_OF_CORNER * across * down
    for left, top in ((margin, bottom), (right, bottom), (margin, margin), (right, margin)):
        hidden = _count(drawn[top : top + down, left : left + across])
        colored = int(hidden.sum())
        harmless = bool((hidden <= _MAX_HIDDEN_OF_CLASS * total).all())
        if harmless and (colored < fewest or (best is None and colored <= fewest)):
            best, fewest = (left, top), colored
    return best


def _count(drawn: LabelMap) -> npt.NDArray[np.intp]:
    """The pixels of each class, without `NO_CLASS`."""
    return np.bincount(drawn.ravel(), minlength=NO_CLASS + 1)[:NO_CLASS]


def _draw_panel(
    entries: Sequence[Entry], size: int, background: tuple[int, int, int, int]
) -> Image.Image:
    """Draws the legend; `size` is the size of the text, in pixels."""
    font = _load_font(size)
    shown = entries[:_MAX_ENTRIES]
    names = [entry.name for entry in shown]
    shares = [_format_percent(entry.share) for entry in shown]
    if len(entries) > len(shown):
        names.append(f"{len(entries) - len(shown)} more")
        shares.append(_format_percent(sum(entry.share for entry in entries[_MAX_ENTRIES:])))

    pad, row = round(size * 0.6), round(size * 1.5)
    swatch = round(size * 0.9)
    name_left = pad + swatch + pad
    share_right = name_left + _width(font, names) + 2 * pad + _width(font, shares)
    width, height = share_right + pad, pad + len(names) * row + pad // 2

    panel = _rounded_rectangle((width, height), size // 2, background)
    draw = ImageDraw.Draw(panel)
    for line, (name, share) in enumerate(zip(names, shares, strict=True)):
        top = pad + line * row
        if line < len(shown):
            _draw_swatch(panel, (pad, top), swatch, shown[line].color)
        _draw_text(draw, (name_left, top + swatch // 2), name, font, _TEXT)
        left = share_right - _width(font, [share])
        _draw_text(draw, (left, top + swatch // 2), share, font, _FAINT)
    return panel


def _draw_swatch(
    panel: Image.Image, corner: tuple[int, int], size: int, color: tuple[int, int, int]
) -> None:
    """Draws a square of the colour, with a dark rim so that light colours can be seen."""
    rim = max(1, size // 12)
    panel.alpha_composite(_rounded_rectangle((size, size), size // 4, _FAINT), corner)
    inner = _rounded_rectangle((size - 2 * rim, size - 2 * rim), size // 4 - rim, (*color, 255))
    panel.alpha_composite(inner, (corner[0] + rim, corner[1] + rim))


def _format_percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "< 0.1%"


def _load_font(size: int) -> Font:
    """Pillow's own font, scalable since 10.1; before that a system's, or the small bitmap font."""
    try:
        return ImageFont.load_default(size)
    except TypeError:
        pass
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default()


def _width(font: Font, texts: Sequence[str]) -> int:
    return max(round(font.getbbox(text)[2]) for text in texts)


def _draw_text(
    draw: ImageDraw.ImageDraw,
    left_middle: tuple[int, int],
    text: str,
    font: Font,
    color: tuple[int, int, int, int],
) -> None:
    """Centres capital letters on the middle of the line, so that all lines are aligned alike."""
    _, top, _, bottom = font.getbbox("H")
    left, middle = left_middle
    draw.text((left, middle - (top + bottom) / 2), text, fill=color, font=font)


def _rounded_rectangle(
    size: tuple[int, int], radius: int, color: tuple[int, int, int, int]
) -> Image.Image:
    width, height = size
    mask = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, width * _SUPERSAMPLING - 1, height * _SUPERSAMPLING - 1),
        radius * _SUPERSAMPLING,
        fill=color[3],
    )
    shape = Image.new("RGBA", size, color[:3])
    shape.putalpha(mask.resize(size, Image.Resampling.BOX))
    return shape
