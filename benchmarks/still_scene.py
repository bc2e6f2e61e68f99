"""What a fixed camera sees: a still picture, the sensor's noise, a small object now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

SIDE, OF_WIDTH = 20, 1280
"""Pixels of the object, in a picture of that width."""
CONTRAST = 64.0
"""Pixel values between the object and what was in its place."""


@dataclass(frozen=True, slots=True)
class SceneFrame:
    """A frame, H x W x 3, and which object it shows: 0 for none, else the object's number."""

    pixels: Pixels
    shows: int


def still_scene(
    picture: Pixels, frames: int, *, sigma: float = 4.0, every: int = 20, seed: int = 1
) -> Iterator[SceneFrame]:
    """`frames` frames of `picture`, each with noise of its own.

    After `every` frames without an object one comes at a random place, and goes after 1 to `every`
    frames. It is a plain square, much lighter or darker than what was there.
    """
    rng = np.random.default_rng(seed)
    empty = picture.astype(np.float64)
    number, shown, left = 0, False, every
    scene = empty
    for _ in range(frames):
        if left == 0:
            shown = not shown
            number += shown
            left = int(rng.integers(1, every + 1)) if shown else every
            scene = with_object(empty, rng) if shown else empty
        left -= 1
        noisy = scene + rng.normal(0, sigma, scene.shape) if sigma else scene
        yield SceneFrame(noisy.round().clip(0, 255).astype(np.uint8), number if shown else 0)


def with_object(
    picture: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """A copy of the picture with an object at a random place."""
    height, width, _ = picture.shape
    side = max(1, round(SIDE * width / OF_WIDTH))
    x, y = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
    scene = picture.copy()
    place = scene[y : y + side, x : x + side]
    usual = place.mean((0, 1))
    place[:] = np.where(usual > 127.5, usual - CONTRAST, usual + CONTRAST)
    return scene
