"""Colours and how light changes them."""

import colorsys

import numpy as np

RGB = tuple[float, float, float]
"""Red, green, blue, each 0..1."""

WHITE: RGB = (0.97, 0.96, 0.94)
INK: RGB = (0.13, 0.14, 0.18)

_AMBIENT: RGB = (0.20, 0.22, 0.34)


def hsl(hue: float, saturation: float, lightness: float) -> RGB:
    """A colour from its hue in turns (any real number), saturation and lightness 0..1."""
    return colorsys.hls_to_rgb(hue % 1.0, lightness, saturation)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with a `share` of `second` in it."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def lit(colour: RGB, brightness: float) -> RGB:
    """`colour` under `brightness`: 0 is bluish shade, 1 the colour itself, more goes to white."""
    if brightness > 1.0:
        return mix(colour, (1.0, 1.0, 0.97), min(brightness - 1.0, 1.0))
    dark = mix(colour, _AMBIENT, 0.35)
    return mix((dark[0] * 0.3, dark[1] * 0.3, dark[2] * 0.36), colour, max(brightness, 0.0))


def vivid(rng: np.random.Generator) -> RGB:
    """Any strong colour."""
    return hsl(rng.uniform(), rng.uniform(0.45, 0.9), rng.uniform(0.42, 0.64))


def pastel(rng: np.random.Generator) -> RGB:
    """Any pale colour."""
    return hsl(rng.uniform(), rng.uniform(0.15, 0.5), rng.uniform(0.66, 0.88))


def to_bytes(colour: RGB) -> tuple[int, int, int]:
    """The colour as Pillow takes it, 0..255."""
    red, green, blue = (round(255 * min(max(value, 0.0), 1.0)) for value in colour)
    return red, green, blue
