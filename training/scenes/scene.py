"""Composes scenes: a room, things at random places in it, light, and a camera's flaws."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from scenes import clutter, plants, things
from scenes.canvas import Canvas, LabelPixels, Part, Placement, RgbPixels
from scenes.rooms import paint_room
from scenes.shapes import View

CLASSES = ("background", "ball", "box", "cone", "mug", "plant", "robot")
PALETTE = (
    (0, 0, 0),
    (230, 57, 70),
    (244, 162, 30),
    (255, 214, 10),
    (58, 134, 255),
    (42, 178, 90),
    (181, 71, 217),
)

_LOOP_FRAMES = 120

_Builder = Callable[[np.random.Generator, View], list[Part]]

_BUILDERS: tuple[_Builder, ...] = (
    things.ball,
    things.box,
    things.cone,
    things.mug,
    plants.plant,
    things.robot,
)
_RELATIVE_HEIGHTS = (0.78, 0.92, 1.0, 0.72, 1.12, 1.15)
_CLUTTER: tuple[_Builder, ...] = (clutter.books, clutter.bottle, clutter.lamp, clutter.pear)


@dataclass(frozen=True)
class Scene:
    """A picture and the class of each of its pixels, as indices into `CLASSES`."""

    image: RgbPixels
    labels: LabelPixels


@dataclass(frozen=True)
class _Actor:
    """A thing in a scene: what it looks like (its own seed), where it stands, how it moves.

    Lengths are in picture pixels, angles in radians; `sway` is how far it goes to either side.
    """

    build: _Builder
    label: int
    seed: int
    x: float
    y: float
    height: float
    tilt: float
    sway: float
    phase: float

    @property
    def rolls(self) -> bool:
        return self.build is things.ball


@dataclass(frozen=True)
class _Camera:
    """What a camera adds to what is there: a colour cast, falling light, blur and noise."""

    cast: tuple[float, float, float]
    falloff: tuple[float, float]
    blur: float
    noise: float
    seed: int

    def expose(self, picture: Image.Image, frame: int) -> RgbPixels:
        """The picture as this camera would take it; noise differs from frame to frame."""
        if self.blur > 0.25:
            picture = picture.filter(ImageFilter.GaussianBlur(self.blur))
        width, height = picture.size
        across = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :, None]
        down = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None, None]
        light = 1.0 + self.falloff[0] * across + self.falloff[1] * down
        light = light - 0.1 * (across**2 + down**2)
        pixels = np.asarray(picture, np.float32) * (light * np.array(self.cast, np.float32))
        rng = np.random.default_rng((self.seed, frame))
        grain = rng.standard_normal((height, width, 1), np.float32) * np.float32(self.noise)
        exposed: RgbPixels = np.clip(pixels + grain, 0.0, 255.0).astype(np.uint8)
        return exposed


@dataclass(frozen=True)
class _Stage:
    room: Canvas
    view: View
    actors: tuple[_Actor, ...]
    camera: _Camera

    def shoot(self, frame: int) -> Scene:
        """The scene at `frame`; the motion repeats after 120 frames."""
        canvas = Canvas(self.room.size, below=self.room)
        turn = 2 * np.pi * frame / _LOOP_FRAMES
        places = []
        for actor in self.actors:
            travel = actor.sway * (np.sin(turn + actor.phase) - np.sin(actor.phase))
            rock = 0.0 if actor.rolls else 0.06 * np.sin(2 * turn + actor.phase)
            place = Placement(actor.x + travel, actor.y, actor.height, actor.tilt + rock)
            spin = -2 * travel / actor.height if actor.rolls else 0.0
            places.append((actor, place, spin))
        for _, place, _ in places:
            self._cast_shadow(canvas, place)
        for actor, place, spin in places:
            view = View(self.view.light, self.view.pitch, spin)
            parts = actor.build(np.random.default_rng(actor.seed), view)
            canvas.paint(parts, place, actor.label)
        return Scene(self.camera.expose(canvas.picture(), frame), canvas.labels())

    def _cast_shadow(self, canvas: Canvas, place: Placement) -> None:
        size, away = place.scale, -self.view.light
        flat = self.view.pitch * 0.55
        centre = (place.x + 0.32 * away * size, place.y - 0.04 * size)
        canvas.paint_glow(centre, (0.78 * size, 0.78 * flat * size), (0.06, 0.06, 0.12), 0.42)
        under = (place.x + 0.06 * away * size, place.y)
        canvas.paint_glow(under, (0.52 * size, 0.6 * flat * size), (0.04, 0.04, 0.1), 0.6)


def draw_scene(seed: int, size: tuple[int, int] = (640, 480)) -> Scene:
    """The scene of `seed` at `size` (width, height).

    The same arguments give the same pixels; between versions of numpy or Pillow, about one pixel
    in ten thousand may differ.
    """
    return _set_stage(seed, size).shoot(0)


def draw_clip(seed: int, frames: int, size: tuple[int, int] = (640, 480)) -> Iterator[Scene]:
    """`draw_scene(seed, size)` and what follows as its things move; they are back after 120."""
    stage = _set_stage(seed, size)
    for frame in range(frames):
        yield stage.shoot(frame)


def _set_stage(seed: int, size: tuple[int, int]) -> _Stage:
    rng = np.random.default_rng(seed)
    light = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.35, 1.0))
    view = View(light, float(rng.uniform(0.22, 0.38)))
    room = Canvas(size)
    horizon = paint_room(rng, room, view)
    unit = min(size[1], 0.85 * size[0])
    camera = _Camera(
        cast=tuple(rng.uniform(0.9, 1.08, 3).tolist()),
        falloff=(0.14 * light * rng.uniform(), rng.uniform(-0.06, 0.06)),
        blur=float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.4)]) * unit / 480),
        noise=float(rng.choice([0.0, rng.uniform(1.0, 9.0)])),
        seed=int(rng.integers(2**31)),
    )
    return _Stage(room, view, _place_actors(rng, size, unit, horizon), camera)


def _place_actors(
    rng: np.random.Generator, size: tuple[int, int], unit: float, horizon: float
) -> tuple[_Actor, ...]:
    """Things side by side with a little overlap, the far ones smaller, far ones first."""
    count = int(rng.integers(3, 7))
    labels = rng.permutation(len(_BUILDERS))[:count] + 1
    slots = (np.arange(count) + 0.5 + rng.uniform(-0.28, 0.28, count)) / count
    actors = []
    for slot, label in zip(rng.permutation(slots).tolist(), labels.tolist(), strict=True):
        near = rng.uniform(0.0, 1.0)
        y = size[1] * (1.0 - horizon * (0.72 - 0.62 * near))
        height = unit * (0.27 + 0.17 * near) * rng.uniform(0.9, 1.15) * (5.2 / (count + 1)) ** 0.4
        actors.append(
            _Actor(
                build=_BUILDERS[label - 1],
                label=label,
                seed=int(rng.integers(2**31)),
                x=size[0] * (0.04 + 0.92 * slot),
                y=y,
                height=height * _RELATIVE_HEIGHTS[label - 1],
                tilt=float(rng.normal(0.0, 0.07)),
                sway=float(rng.uniform(0.03, 0.12) * size[0]),
                phase=float(rng.uniform(0, 2 * np.pi)),
            )
        )
    for _ in range(int(rng.integers(0, 3))):
        near = rng.uniform(0.0, 0.5)
        actors.append(
            _Actor(
                build=_CLUTTER[rng.integers(len(_CLUTTER))],
                label=0,
                seed=int(rng.integers(2**31)),
                x=size[0] * rng.uniform(0.03, 0.97),
                y=size[1] * (1.0 - horizon * (0.72 - 0.62 * near)),
                height=unit * (0.2 + 0.14 * near),
                tilt=0.0,
                sway=0.0,
                phase=0.0,
            )
        )
    return tuple(sorted(actors, key=lambda actor: actor.y))
