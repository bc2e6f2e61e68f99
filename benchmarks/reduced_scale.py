"""How decoding and averaging at reduced scale change a model's labels.

For each model and photograph, the labels of the whole picture, decoded and resized with Pillow's
bilinear filter, are compared with those of cheaper ways: JPEGs decoded at the smallest scale that
has a share of the size that the model needs ("enough"), and raw pictures that are first averaged
over whole pixels as long as that leaves a multiple of the size ("gap", Pillow's `reducing_gap`).
Prints the share of equal labels, and the milliseconds of each way on this machine.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.core.frame import FrameFormat, FrameSpec
from edgesegd.core.options import ResizePolicy, ResultOptions
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.engine.runtimes.load import load_model
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging import jpeg_file, preprocess
from edgesegd.imaging.codec import Picture, decode_frame
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.mask import mask_reader, read_mask
from edgesegd.imaging.preprocess import Pixels, Preprocessor, resize_picture
from edgesegd.imaging.reduced_scale import ReducedScale
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model

sys.path.append(str(Path(__file__).parents[1] / "training"))
from scenes import draw_scene

WHOLE = 1e9
"""Enough is never reached: the JPEG is decoded as it is."""
SCENES = range(7, 12)
WIDTHS = (640, 1280, 1920)
"""Of the pictures: each photograph at each of them, if it is that large."""
JPEG_WAYS: tuple[tuple[float, float], ...] = (
    (0.9, 1.0),
    (1.0, 1.0),
    (0.9, 2.0),
    (1.0, 2.0),
    (1.0, 3.0),
    (1.5, 2.0),
    (2.0, 2.0),
    (2.0, 3.0),
)
"""Enough and gap."""
RAW_WAYS: tuple[tuple[float, float], ...] = tuple((WHOLE, gap) for gap in (1.0, 1.5, 2.0, 3.0))
STRETCH = ResizePolicy.STRETCH
Labels = npt.NDArray[np.uint8]


class Model:
    """A model on the CPU."""

    def __init__(self, path: Path) -> None:
        self.spec = read_model(path)
        runtime = load_runtime("auto")
        threads = runtime.default_threads()
        self._loaded = load_model(runtime, self.spec, DelegateSpec(), threads)
        self._preprocessor = Preprocessor(self.spec)
        self._reader = mask_reader(self.spec)

    def labels(self, pixels: Pixels) -> Labels:
        """Of pixels of the input's size."""
        self._preprocessor.to_tensor(pixels, self._loaded.input())
        self._loaded.invoke()
        size = self.spec.input_size
        placed = fit(size, size, STRETCH)
        output = self._loaded.output()
        return read_mask(self.spec, self._reader, output, placed, ResultOptions()).labels.copy()


@dataclass(frozen=True)
class Photograph:
    """A photograph at one size, as a JPEG."""

    name: str
    jpeg: bytes

    def pixels(self, model: Model, *, enough: float, gap: float, raw: bool) -> Pixels:
        """Of the model's input, made so; `enough` infinite for the whole JPEG."""
        size = model.spec.input_size
        scale = ReducedScale(enough, gap, rows=1)
        with (
            mock.patch.object(jpeg_file, "reduced_scale_for", return_value=scale),
            mock.patch.object(preprocess, "reduced_scale_for", return_value=scale),
        ):
            if raw:
                with Image.open(io.BytesIO(self.jpeg)) as image:
                    picture = Picture(image.convert("RGB"), image.size)
            else:
                picture = decode_frame(
                    FrameSpec(FrameFormat.JPEG),
                    memoryview(self.jpeg),
                    model_input=size,
                    resize=STRETCH,
                    max_pixels=10**8,
                    max_seconds=60,
                )
            return resize_picture(picture, fit(picture.size, size, STRETCH))


def photographs(folder: Path) -> list[Photograph]:
    """All photographs, at each size."""
    found = []
    for path in sorted(folder.glob("*.jpg")) + sorted(folder.glob("grace*.bmp")):
        with Image.open(path) as image:
            whole = image.convert("RGB")
        for width in WIDTHS:
            if width <= whole.width * 1.01:
                scaled = whole.resize((width, whole.height * width // whole.width))
                file = io.BytesIO()
                scaled.save(file, "JPEG", quality=90)
                found.append(Photograph(f"{path.stem} {width}", file.getvalue()))
    return found


def scenes() -> list[Photograph]:
    """Drawn scenes, which the built-in model knows, instead of photographs."""
    found = []
    for seed in SCENES:
        for width in WIDTHS:
            file = io.BytesIO()
            drawn = Image.fromarray(draw_scene(seed, (width, width * 9 // 16)).image)
            drawn.save(file, "JPEG", quality=90)
            found.append(Photograph(f"scene {seed} {width}", file.getvalue()))
    return found


def compare(model: Model, pictures: list[Photograph]) -> None:
    """Print the share of equal labels of each way."""
    plain = [
        model.labels(picture.pixels(model, enough=WHOLE, gap=WHOLE, raw=True))
        for picture in pictures
    ]
    for raw, ways in ((False, JPEG_WAYS), (True, RAW_WAYS)):
        for enough, gap in ways:
            kept, seconds = [], 0.0
            for picture, expected in zip(pictures, plain, strict=True):
                started = time.perf_counter()
                pixels = picture.pixels(model, enough=enough, gap=gap, raw=raw)
                seconds += time.perf_counter() - started
                kept.append(float((model.labels(pixels) == expected).mean()))
            worst = int(np.argmin(kept))
            name = f"raw, gap {gap}" if raw else f"JPEG, enough {enough}, gap {gap}"
            print(
                f"  {name}: {np.mean(kept):.2%} stay on average, {kept[worst]:.2%} at least "
                f"({pictures[worst].name}); {seconds / len(pictures) * 1e3:.1f} ms"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    shared = Path(os.environ.get("EDGESEG_SHARED", Path(__file__).parents[2] / "shared"))
    pictures = photographs(shared / "images")
    for path in sorted((shared / "models").glob("*.tflite")):
        if "_edgetpu" not in path.name:
            model = Model(path)
            print(f"{path.stem}, {model.spec.input_size[0]} x {model.spec.input_size[1]}")
            compare(model, pictures)
    model = Model(resolve_model("builtin", Path()))
    print(f"built-in, {model.spec.input_size[0]} x {model.spec.input_size[1]}, drawn scenes")
    compare(model, scenes())


if __name__ == "__main__":
    main()
