"""A street as a model sees it: labels with Cityscapes' 19 classes, drawn by a fixed seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

CLASSES = 19
ROAD, SIDEWALK, BUILDING, POLE, LIGHT, SIGN, TREE, GRASS, SKY, PERSON, CAR = range(11)
SIDE = 1024
"""Pixels of the drawing."""


def street_labels(
    width: int, height: int, *, stride: int = 8, seed: int = 3
) -> npt.NDArray[np.uint8]:
    """Labels of this size, of scores that are smaller by `stride`, as models compute them."""
    drawn, rng = np.asarray(draw_street(seed)), np.random.default_rng(seed)
    small = width // stride + 1, height // stride + 1
    scores = []
    for class_id in range(CLASSES):
        plane = Image.fromarray((drawn == class_id).astype(np.float32))
        share = np.asarray(plane.resize(small, Image.Resampling.BOX))
        noisy = (share + rng.normal(0, 0.05, share.shape)).astype(np.float32)
        scores.append(
            np.asarray(Image.fromarray(noisy).resize((width, height), Image.Resampling.BILINEAR))
        )
    labels: npt.NDArray[np.uint8] = np.argmax(scores, axis=0).astype(np.uint8)
    return labels


def draw_street(seed: int) -> Image.Image:
    """The street, a pixel value a class."""
    rng = np.random.default_rng(seed)
    image = Image.new("L", (SIDE, SIDE), SKY)
    draw = ImageDraw.Draw(image)
    left = 0
    while left < SIDE:
        right = left + int(rng.integers(80, 200))
        draw.rectangle((left, int(rng.integers(80, 380)), right, 640), fill=BUILDING)
        left = right
    for _ in range(14):
        x, y = int(rng.integers(0, SIDE)), int(rng.integers(250, 480))
        for _ in range(30):
            leaf_x, leaf_y, size = rng.normal(x, 45), rng.normal(y, 50), rng.uniform(10, 40)
            draw.ellipse((leaf_x - size, leaf_y - size, leaf_x + size, leaf_y + size), fill=TREE)
    draw.rectangle((0, 640, SIDE, SIDE), fill=SIDEWALK)
    draw.polygon([(430, 560), (590, 560), (SIDE + 100, SIDE), (-100, SIDE)], fill=ROAD)
    draw.polygon([(0, 650), (430, 560), (410, 580), (0, 760)], fill=GRASS)
    for number in range(12):
        x, top = int(rng.integers(0, SIDE)), int(rng.integers(200, 400))
        draw.rectangle((x, top, x + 7, int(rng.integers(600, 700))), fill=POLE)
        draw.rectangle((x - 14, top - 40, x + 20, top), fill=(LIGHT, SIGN, POLE)[number % 3])
    for _ in range(16):
        draw_car(draw, int(rng.integers(50, SIDE - 50)), int(rng.integers(570, 800)))
    for _ in range(20):
        draw_person(draw, int(rng.integers(0, SIDE)), int(rng.integers(570, 720)))
    return image


def draw_car(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    """A car; lower down it is nearer, and larger."""
    size = (y - 500) * 0.5
    body = (x - size, y - size * 0.6, x + size, y + size * 0.3)
    roof = (x - size * 0.6, y - size, x + size * 0.6, y - size * 0.5)
    for box in (body, roof):
        draw.rounded_rectangle(box, radius=int(size * 0.2), fill=CAR)
    for wheel in (x - size * 0.6, x + size * 0.6):
        box = (wheel - size * 0.2, y + size * 0.1, wheel + size * 0.2, y + size * 0.5)
        draw.ellipse(box, fill=CAR)


def draw_person(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    """Somebody who stands there."""
    size = (y - 480) * 0.2
    draw.ellipse((x - size * 0.4, y - size * 2.6, x + size * 0.4, y - size * 1.8), fill=PERSON)
    body = (x - size * 0.6, y - size * 1.8, x + size * 0.6, y)
    draw.rounded_rectangle(body, radius=int(size * 0.3), fill=PERSON)
    legs = [(-0.5, 0.0), (0.5, 0.0), (0.7, 1.8), (0.0, 0.4), (-0.7, 1.8)]
    draw.polygon([(x + size * right, y + size * down) for right, down in legs], fill=PERSON)
