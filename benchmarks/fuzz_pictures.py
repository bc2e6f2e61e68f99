"""Changes pictures at random and decodes them as an engine does: each is decoded or INVALID.

A fault ends with status 1 and names the picture, by a number from which it can be made again:
`fuzz_pictures.py --first NUMBER --count 1`. Pictures are decoded in child processes, so that a
crash of the decoder is seen too.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from arguments import whole_number
from PIL import Image

from edgesegd.core.errors import InvalidFrame
from edgesegd.core.frame import (
    BYTES_PER_PIXEL,
    WITH_CHROMA,
    FrameFormat,
    FrameLimits,
    FrameSpec,
    Plane,
    YuvMatrix,
    YuvRange,
)
from edgesegd.core.frame_check import check_frame
from edgesegd.core.options import ResizePolicy
from edgesegd.imaging.codec import decode_frame
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.preprocess import resize_picture

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.pictures import (
    bmp_of_run_lengths,
    exif,
    file_of,
    gradient,
    jpeg_of_components,
    lossless_jpeg,
    noise,
    png_by_hand,
)

DATA = Path(__file__).parents[1] / "tests" / "unit" / "imaging" / "data"
DEFAULT_COUNT = 1_000_000
BATCH = 2_000
"""Pictures of a child process."""
LIMITS = FrameLimits(size=1 << 22, pixels=1 << 20)
MODEL_INPUT = (64, 48)
MAX_SECONDS = 2.0
TELLING_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xD0, 0xD8, 0xD9, 0xDA, 0xC4, 0xFE, 0xFF)
RAW_SIZE = (16, 12)
RIGHT_CHECKSUMS = 0.7
"""The share of PNGs whose checksums are made right again."""

Seed = tuple[FrameSpec, bytes]
"""A picture that is right: what is said of it, and its bytes."""


@dataclass
class Outcome:
    """What became of the pictures: how many were decoded, why others were not, and faults."""

    decoded: int = 0
    invalid: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@cache
def seeds() -> tuple[Seed, ...]:
    """Pictures of every kind that the daemon decodes."""
    return tuple(
        (FrameSpec(FrameFormat.AUTO), data) for data in (*_jpegs(), *_pngs(), *_others())
    ) + tuple(_raw_frames())


def fuzz(first: int, count: int) -> Outcome:
    """Decode the pictures `first` to `first + count`."""
    outcome = Outcome()
    for number in range(first, first + count):
        policies = tuple(ResizePolicy)
        try:
            spec, data = changed(number)
            _decode(spec, data, policies[number % len(policies)])
        except InvalidFrame as error:
            outcome.invalid[re.sub(r"[\d,.]+|b'.*'|0x\w+", "…", str(error))] += 1
        except Exception:  # noqa: BLE001 # whatever it is, it is the fault that is looked for
            outcome.faults.append(f"picture {number}:\n{traceback.format_exc()}")
        else:
            outcome.decoded += 1
    return outcome


def changed(number: int) -> Seed:
    """The picture of that number: one of the seeds, changed in one to five ways."""
    dice = random.Random(number)  # noqa: S311 # not a secret, but a picture that can be made again
    spec, whole = dice.choice(seeds())
    data = bytearray(whole)
    for _ in range(dice.choice((1, 1, 2, 3, 5))):
        dice.choice(WAYS)(data, dice)
    if dice.random() < RIGHT_CHECKSUMS:
        _correct_checksums(data)
    return (_changed_spec(spec, dice) if spec.width else spec), bytes(data)


def _decode(spec: FrameSpec, data: bytes, resize: ResizePolicy) -> None:
    checked = check_frame(spec, data, LIMITS)
    picture = decode_frame(
        checked,
        memoryview(data),
        model_input=MODEL_INPUT,
        resize=resize,
        max_pixels=LIMITS.pixels,
        max_seconds=MAX_SECONDS,
    )
    pixels = resize_picture(picture, fit(picture.size, MODEL_INPUT, resize))
    if pixels.shape != (MODEL_INPUT[1], MODEL_INPUT[0], 3):
        raise AssertionError(f"the model's input has the shape {pixels.shape}")


def _place(data: bytearray, dice: random.Random) -> int:
    """A place in the data, more often near their beginning, where most of what is trusted is."""
    return dice.randrange(max(1, min(len(data), dice.choice((40, 200, 700, len(data))))))


def _set_bytes(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 4)):
        if data:
            value = dice.choice(TELLING_BYTES) if dice.random() < 0.5 else dice.randrange(256)
            data[_place(data, dice)] = value


def _flip_bit(data: bytearray, dice: random.Random) -> None:
    if data:
        data[_place(data, dice)] ^= 1 << dice.randrange(8)


def _set_number(data: bytearray, dice: random.Random) -> None:
    at = _place(data, dice)
    size = dice.choice((2, 4))
    value = dice.choice((0, 1, 2, 0x7FFF, 0xFFFF, (1 << 8 * size) - 1, dice.randrange(1 << 16)))
    data[at : at + size] = value.to_bytes(size, dice.choice(("little", "big")))


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[_place(data, dice) :]
    data += dice.choice((b"", b"\xff\xd9", bytes(9)))


def _remove(data: bytearray, dice: random.Random) -> None:
    at = _place(data, dice)
    del data[at : at + dice.choice((1, 2, 4, 12, 100))]


def _repeat(data: bytearray, dice: random.Random) -> None:
    at = _place(data, dice)
    part = data[at : at + dice.choice((1, 2, 12, 100, 500))]
    data[at:at] = part * dice.choice((1, 1, 2, 30))


def _insert_other(data: bytearray, dice: random.Random) -> None:
    """A part of another picture, or all of it."""
    other = dice.choice(seeds())[1]
    start = dice.randrange(len(other))
    at = _place(data, dice)
    data[at:at] = other[start : start + dice.choice((4, 50, 500, len(other)))]


WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_set_bytes, _set_bytes, _flip_bit, _flip_bit, _set_number),
    *(_cut, _remove, _repeat, _insert_other),
)


def _correct_checksums(data: bytearray) -> None:
    """Make those of a PNG right again; otherwise few changes come further than to them."""
    start = 8
    while data.startswith(b"\x89PNG") and start + 12 <= len(data):
        end = start + 8 + int.from_bytes(data[start : start + 4])
        data[end : end + 4] = zlib.crc32(data[start + 4 : end]).to_bytes(4)
        start = end + 4


def _changed_spec(spec: FrameSpec, dice: random.Random) -> FrameSpec:
    """A raw frame whose description may be wrong as well."""

    def near(value: int) -> int:
        if dice.random() < 0.85:
            return value
        return max(0, value + dice.choice((-2, -1, 1, 2, 64, 1 << 16, 1 << 31)))

    with_yuv = spec.format in WITH_CHROMA or dice.random() < 0.1
    return FrameSpec(
        spec.format,
        near(spec.width),
        near(spec.height),
        near(spec.stride),
        tuple(Plane(near(plane.offset), near(plane.stride)) for plane in spec.planes),
        dice.choice(tuple(YuvRange)) if with_yuv else spec.yuv_range,
        dice.choice(tuple(YuvMatrix)) if with_yuv else spec.yuv_matrix,
    )


def _jpegs() -> Iterator[bytes]:
    image = gradient(70, 50)
    for mode in ("L", "RGB", "CMYK"):
        for options in (
            {},
            {"progressive": True},
            {"restart_marker_blocks": 3},
            {"optimize": True, "subsampling": 0},
        ):
            yield file_of(image.convert(mode), "JPEG", exif=exif(6), quality=80, **options)
    yield jpeg_of_components([noise(40, 30, 1, seed)[..., 0] for seed in range(3)])
    yield lossless_jpeg(np.asarray(gradient(40, 30)))
    for name in ("arithmetic", "arithmetic_progressive"):
        yield (DATA / f"{name}.jpg").read_bytes()


def _pngs() -> Iterator[bytes]:
    image = gradient(70, 50)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield file_of(image.convert(mode), "PNG", exif=exif(8))
    yield file_of(image.convert("P"), "PNG", transparency=bytes(range(256)))
    yield file_of(Image.fromarray(noise(70, 50, 2).view(np.uint16)[..., 0]), "PNG")
    yield png_by_hand(7, 5, 16, 2, (b"\0" + bytes(range(42))) * 5)
    yield file_of(image, "PNG", save_all=True, append_images=[image.rotate(90)])


def _others() -> Iterator[bytes]:
    image = gradient(70, 50)
    for mode in ("RGB", "RGBA"):
        yield file_of(image.convert(mode), "WEBP", exif=exif(3))
        yield file_of(image.convert(mode), "WEBP", lossless=True)
    yield file_of(image, "WEBP", save_all=True, append_images=[image.rotate(90)])
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield file_of(image.convert(mode), "BMP")
    yield bmp_of_run_lengths(64, 48)


def _raw_frames() -> Iterator[Seed]:
    width, height = RAW_SIZE
    for raw, size in BYTES_PER_PIXEL.items():
        yield FrameSpec(raw, width, height), noise(width * size, height * 3 // 2, 1).tobytes()
        planes = {FrameFormat.I420: 3, FrameFormat.NV12: 2, FrameFormat.NV21: 2}.get(raw, 1)
        stride = width * size + 4
        placed = tuple(Plane(number * stride * (height + 4), stride) for number in range(planes))
        data = noise(stride, planes * (height + 4), 1).tobytes()
        yield FrameSpec(raw, width, height, 0, placed), data


def run_children(first: int, count: int) -> int:
    """Decode all pictures in child processes, and print what became of them; 1 for a fault."""
    begun, faults, done = time.monotonic(), 0, 0
    totals: Counter[str] = Counter()
    for start in range(first, first + count, BATCH):
        size = min(BATCH, first + count - start)
        numbers = (f"--first={start}", f"--count={size}", "--in-process")
        child = subprocess.run(
            [sys.executable, __file__, *numbers], capture_output=True, text=True, check=False
        )
        if child.returncode < 0 or not child.stdout.strip():
            faults += 1
            print(
                f"pictures {start} to {start + size - 1}: the process ended with status "
                f"{child.returncode}\n{child.stderr}",
                flush=True,
            )
        faults += child.returncode == 1
        for line in child.stdout.splitlines():
            if (found := re.fullmatch(r" *(\d+)  (.*)", line)) is None:
                print(line)
                continue
            totals[found[2]] += int(found[1])
        done += size
        if sys.stderr.isatty():
            print(f"\r{done:,} of {count:,}", end="", file=sys.stderr)
    print(f"{done:,} pictures in {time.monotonic() - begun:,.0f} s, {faults} faults")
    for reason, number in totals.most_common():
        print(f"{number:9}  {reason}")
    return 1 if faults else 0


def run_here(first: int, count: int) -> int:
    """The same in this process."""
    warnings.simplefilter("ignore")  # of Pillow, about what it finds in files
    outcome = fuzz(first, count)
    print("\n".join(outcome.faults))
    for reason, number in [("decoded", outcome.decoded), *outcome.invalid.most_common()]:
        print(f"{number:9}  {reason}")
    return 1 if outcome.faults else 0


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count", type=whole_number, default=DEFAULT_COUNT, help="default: %(default)s"
    )
    parser.add_argument("--first", type=int, default=0, help="the number of the first picture")
    parser.add_argument("--in-process", action="store_true", help="without child processes")
    arguments = parser.parse_args()
    run = run_here if arguments.in_process else run_children
    return run(arguments.first, arguments.count)


if __name__ == "__main__":
    sys.exit(main())
