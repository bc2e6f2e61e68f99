"""Scenes as training data: rendered once by all cores, then varied as they are drawn."""

import multiprocessing
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scenes import Scene, draw_scene

TRAINING_SEEDS = 1_000_000
"""The first seed that training may use; all below are kept for measuring and for pictures."""

FRAME_SIZES = ((320, 240), (320, 240), (320, 240), (384, 216), (256, 256), (240, 320))
"""Width and height of rendered frames, taken in turn; half of what a camera would send."""


@dataclass(frozen=True)
class Pool:
    """Scenes stretched to the model's input.

    `images` is uint8[N, S, S, 3], `labels` uint8[N, S, S].
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def stretch(scene: Scene, side: int) -> Scene:
    """The scene at `side` x `side`: the picture bilinear, the labels as they are nearest."""
    image = Image.fromarray(scene.image).resize((side, side), Image.Resampling.BILINEAR)
    labels = Image.fromarray(scene.labels).resize((side, side), Image.Resampling.NEAREST)
    return Scene(np.asarray(image), np.asarray(labels))


def render_pool(first_seed: int, count: int, side: int, cache: Path) -> Pool:
    """`count` scenes from `first_seed` on; kept as a file in `cache` for the next run."""
    path = cache / f"scenes-{first_seed}-{count}-{side}.npz"
    if path.exists():
        stored = np.load(path)
        return Pool(stored["images"], stored["labels"])
    pool = Pool(np.empty((count, side, side, 3), np.uint8), np.empty((count, side, side), np.uint8))
    render = partial(_render, side=side)
    with multiprocessing.get_context("spawn").Pool() as workers:
        seeds = range(first_seed, first_seed + count)
        for index, scene in enumerate(workers.imap(render, seeds, chunksize=16)):
            pool.images[index], pool.labels[index] = scene.image, scene.labels
            if (index + 1) % 100 == 0 or index + 1 == count:
                print(f"\rrendered {index + 1} of {count} scenes", end="", file=sys.stderr)
    print(file=sys.stderr)
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=pool.images, labels=pool.labels)
    return pool


def draw_batches(
    pool: Pool, size: int, rng: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Random batches of `size`, each scene once per round, for ever."""
    while True:
        order = rng.permutation(len(pool.images))
        for start in range(0, len(order) - size + 1, size):
            chosen = np.sort(order[start : start + size])
            yield pool.images[chosen], pool.labels[chosen]


def _render(seed: int, side: int) -> Scene:
    return stretch(draw_scene(seed, FRAME_SIZES[seed % len(FRAME_SIZES)]), side)
