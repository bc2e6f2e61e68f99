"""JPEG decoders at reduced scale: time, memory, label agreement with a full decode, size on disk.

Each decodes the pictures to at least the size of the model's input; then Pillow resizes. Agreement
is that of the model's labels. Memory is what loading the decoder and decoding a first picture add
to a process that already has Pillow. `make bench-decoders` installs the decoders; PyTurboJPEG needs
the system's libturbojpeg0.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from inputs import load_inputs
from PIL import Image

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.memory import resident
from edgesegd.bench.naive import NaivePipeline

Decoder = Callable[[bytes, int], Image.Image]
"""A file and the least side that is wanted, pixels."""


def pillow() -> Decoder:
    """The decoder that the daemon uses."""

    def decode(file: bytes, least: int) -> Image.Image:
        image = Image.open(io.BytesIO(file))
        image.draft("RGB", (least, least))
        image.load()
        return image

    return decode


def simplejpeg() -> Decoder:
    """A wrapper of libjpeg-turbo that includes the library."""
    import simplejpeg as library  # noqa: PLC0415 # may be missing

    def decode(file: bytes, least: int) -> Image.Image:
        return Image.fromarray(library.decode_jpeg(file, min_height=least, min_width=least))

    return decode


def opencv() -> Decoder:
    """At half the size, which fits 720p and an input of 257."""
    import cv2  # noqa: PLC0415 # may be missing

    scales = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}

    def decode(file: bytes, least: int) -> Image.Image:
        with Image.open(io.BytesIO(file)) as header:
            factor = 4 if min(header.size) >= 4 * least else 2
        pixels = cv2.imdecode(np.frombuffer(file, np.uint8), scales[factor])
        return Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))

    return decode


def turbojpeg() -> Decoder:
    """A wrapper of the system's libturbojpeg."""
    from turbojpeg import TJPF_RGB, TurboJPEG  # noqa: PLC0415 # may be missing

    library = TurboJPEG()

    def decode(file: bytes, least: int) -> Image.Image:
        width, height, _, _ = library.decode_header(file)
        factor = 4 if min(width, height) >= 4 * least else 2
        pixels = library.decode(file, pixel_format=TJPF_RGB, scaling_factor=(1, factor))
        return Image.fromarray(pixels)

    return decode


DECODERS: dict[str, tuple[Callable[[], Decoder], str]] = {
    "Pillow": (pillow, "pillow"),
    "simplejpeg": (simplejpeg, "simplejpeg"),
    "OpenCV": (opencv, "opencv-python-headless"),
    "PyTurboJPEG": (turbojpeg, "PyTurboJPEG"),
}


def disk_bytes(package: str) -> int:
    """How many bytes its files have."""
    files = importlib.metadata.files(package) or []
    return sum(Path(str(file.locate())).stat().st_size for file in files if file.size)


def labels(naive: NaivePipeline, picture: Image.Image, size: tuple[int, int]) -> npt.NDArray[Any]:
    """The labels of a decoded picture, stored without loss, so that only the decoder differs."""
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.BILINEAR).save(file, "PNG")
    return naive(file.getvalue())


def installed(inputs: Inputs) -> tuple[dict[str, Decoder], dict[str, int]]:
    """The decoders that can be imported and work, and by how many bytes each raised the memory."""
    found, added = {}, {}
    for name, (make, _) in DECODERS.items():
        before = resident(os.getpid())
        try:
            decode = make()
            decode(inputs.jpeg, 1)
        except (ImportError, OSError, RuntimeError) as error:
            print(f"{name:>12}: left out: {error}")
            continue
        found[name], added[name] = decode, resident(os.getpid()) - before
    return found, added


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="rounds (default: 20)")
    args = parser.parse_args()
    inputs = load_inputs()
    size = inputs.model.input_size
    naive = NaivePipeline(inputs.model, 1)
    files = [inputs.jpeg]
    if inputs.large is not None and inputs.large.suffix == ".jpg":
        files.append(inputs.large.read_bytes())
    decoders, added = installed(inputs)
    for file in files:
        with Image.open(io.BytesIO(file)) as picture:
            full = labels(naive, picture.convert("RGB"), size)
            print(f"{inputs.model.name}, {picture.width}x{picture.height}, {len(file):,} bytes")
        seconds: dict[str, list[float]] = {name: [] for name in decoders}
        for _ in range(args.rounds):
            for name, decode in decoders.items():
                started = time.perf_counter()
                decode(file, max(size))
                seconds[name].append(time.perf_counter() - started)
        for name, decode in decoders.items():
            ratios = [a / b for a, b in zip(seconds[name], seconds["Pillow"], strict=True)]
            same = float(np.mean(labels(naive, decode(file, max(size)), size) == full))
            disk = disk_bytes(DECODERS[name][1]) / 1e6
            print(
                f"{name:>12}: {statistics.median(ratios):.2f} of Pillow's time "
                f"({min(ratios):.2f} to {max(ratios):.2f}), {same:.2%} of the labels, "
                f"{added[name] / 1e6:.0f} MB of memory, {disk:.0f} MB of disk"
            )


if __name__ == "__main__":
    main()
