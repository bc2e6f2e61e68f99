"""What the reuse of results saves on a still scene, and whether it misses a change.

A fixed camera: a photograph with noise, and a small object that comes and goes. The shipped client
sends the same frames twice in turn, one in flight: with `reuse="unchanged"` and without. A change
is missed if a frame gets the result of one that shows another object, or none. With `--statistic`
no daemon runs: the noise and the objects are measured as the engine does, with the model's input.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from inputs import REAL_PICTURE, load_inputs, remember_choice
from PIL import Image
from still_scene import SceneFrame, still_scene, with_object

from edgeseg_client import Client, Frame
from edgeseg_client.options import Reuse
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResizePolicy
from edgesegd.core.reuse import DEFAULT_THRESHOLD
from edgesegd.imaging.blocks import largest_block_difference
from edgesegd.imaging.codec import decode_frame
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.preprocess import Pixels, resize_picture

SIGMAS = (2.0, 4.0, 8.0)
PLACES = 200


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame as it is sent, and what it shows."""

    jpeg: bytes
    shows: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The labels of a frame, and the number of the frame that they were computed for."""

    labels: npt.NDArray[np.uint8]
    computed_for: int


@dataclass(frozen=True, slots=True)
class Found:
    """What reuse did to a stream, by `compare`."""

    frames: int
    changes: int
    invokes: int
    missed: int
    agreement: Sequence[float]
    """Of each reused mask with the fresh one of the same frame, as a share of the pixels. Two fresh
    masks of frames with different noise agree no better."""


def encode(scene: Iterator[SceneFrame]) -> list[Encoded]:
    """The frames as JPEGs, as a camera sends them."""
    return [Encoded(jpeg_of(frame.pixels), frame.shows) for frame in scene]


def jpeg_of(pixels: Pixels) -> bytes:
    """A picture as a camera's JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def run(
    address: str, frames: Sequence[Encoded], reuse: Reuse, max_age: float | None = None
) -> tuple[list[Answer], float]:
    """The answers to all frames, sent one at a time, and how many seconds they took together.

    With "unchanged" a result is reused for at most `max_age` seconds; None for the default.
    """
    found, seconds = [], 0.0
    with Client(address) as client:
        sent = (Frame(frame.jpeg, id=number) for number, frame in enumerate(frames))
        started = time.perf_counter()
        for answer in client.stream(
            sent,
            policy="every",
            size="model",
            in_flight=1,
            reuse=reuse,
            reuse_max_age=max_age,
        ):
            seconds += time.perf_counter() - started
            result = answer.result
            source = result.reused_from_frame_id
            found.append(
                Answer(result.labels.copy(), answer.frame_id if source is None else source)
            )
            started = time.perf_counter()
    return found, seconds


def compare(frames: Sequence[Encoded], fresh: Sequence[Answer], reusing: Sequence[Answer]) -> Found:
    """What reuse did: `fresh` are the answers without it."""
    shows = [frame.shows for frame in frames]
    reused = [number for number, answer in enumerate(reusing) if answer.computed_for != number]
    return Found(
        frames=len(frames),
        changes=sum(one != other for one, other in itertools.pairwise(shows)),
        invokes=len(frames) - len(reused),
        missed=sum(shows[number] != shows[reusing[number].computed_for] for number in reused),
        agreement=[
            float((reusing[number].labels == fresh[number].labels).mean()) for number in reused
        ],
    )


def seen_by_the_model(pixels: Pixels, inputs: Inputs, *, jpeg: bool) -> Pixels:
    """The model's input of a frame, as an engine makes it."""
    height, width, _ = pixels.shape
    data, spec = pixels.tobytes(), FrameSpec(FrameFormat.RGB, width, height, 3 * width)
    if jpeg:
        data, spec = jpeg_of(pixels), FrameSpec(FrameFormat.JPEG)
    size = inputs.model.input_size
    resize = ResizePolicy.STRETCH
    picture = decode_frame(
        spec,
        memoryview(data),
        model_input=size,
        resize=resize,
        max_pixels=10**8,
        max_seconds=60,
    )
    return resize_picture(picture, fit(picture.size, size, resize))


def print_statistic(inputs: Inputs, picture: Pixels) -> None:
    """Print the differences that noise makes, and objects in noise."""
    print(f"{inputs.names}; input {inputs.model.input_size}; threshold {DEFAULT_THRESHOLD:g}")
    for jpeg in (False, True):
        way = "JPEG" if jpeg else "raw"
        for sigma in SIGMAS:
            frames = [
                seen_by_the_model(frame.pixels, inputs, jpeg=jpeg).astype(np.uint8)
                for frame in still_scene(picture, 20, sigma=sigma, every=1000)
            ]
            blocks = [largest_block_difference(frames[0], other) for other in frames[1:]]
            whole = [np.abs(frames[0].astype(int) - other).mean() for other in frames[1:]]
            print(
                f"{way}, noise of sigma {sigma:g} in both: at most {max(blocks):.1f} in the worst "
                f"block, {max(whole):.2f} on average over the picture"
            )
        before = seen_by_the_model(picture, inputs, jpeg=jpeg)
        rng = np.random.default_rng(1)
        objects = []
        for _ in range(PLACES):
            scene = with_object(picture.astype(np.float64), rng).astype(np.uint8)
            after = seen_by_the_model(scene, inputs, jpeg=jpeg)
            whole_picture = float(np.abs(before.astype(int) - after).mean())
            objects.append((largest_block_difference(before, after), whole_picture))
        blocks = sorted(block for block, _ in objects)
        print(
            f"{way}, an object of 20 pixels in 1280 without noise, {PLACES} places: "
            f"{blocks[0]:.1f} at least, {statistics.median(blocks):.1f} at the median; "
            f"{max(mean for _, mean in objects):.2f} on average over the picture"
        )


def load_picture(inputs: Inputs) -> Pixels:
    """The photograph, or the drawn scene that stands in."""
    shared = Path(os.environ.get("EDGESEG_SHARED", Path(__file__).parents[2] / "shared"))
    path = shared / REAL_PICTURE
    source = path if path.is_file() else io.BytesIO(inputs.jpeg)
    with Image.open(source) as image:
        return np.asarray(image.convert("RGB"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300, help="frames of a round (300)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--sigma", type=float, default=4.0, help="the noise (4)")
    parser.add_argument("--statistic", action="store_true", help="only measure the differences")
    args = parser.parse_args()
    inputs = load_inputs()
    picture = load_picture(inputs)
    if args.statistic:
        print_statistic(inputs, picture)
        return
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        flags = remember_choice(inputs, Path(folder))
        with LaunchedDaemon(*flags) as daemon:
            for number in range(args.rounds):
                frames = encode(still_scene(picture, args.frames, sigma=args.sigma, seed=number))
                fresh, without = run(daemon.address, frames, "off")
                reusing, seconds = run(daemon.address, frames, "unchanged")
                ratios.append(seconds / without)
                found = compare(frames, fresh, reusing)
                print(
                    f"{inputs.names}, sigma {args.sigma:g}: {found.frames} frames, "
                    f"{found.changes} changes, {found.missed} missed; "
                    f"{1 - found.invokes / found.frames:.1%} of invokes saved; masks agree on "
                    f"{statistics.mean(found.agreement):.2%} of pixels, at least "
                    f"{min(found.agreement):.2%}; time {ratios[-1]:.2f} of that without"
                )
    print(f"time with reuse / without: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
