"""What the benchmarks run on: the real DeepLab and photograph where they are, else our own."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgesegd.core.model.reading import read_model
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.model.store import resolve_model

REAL_MODEL = "models/deeplabv3_257_mv_gpu.tflite"
REAL_PICTURE = "images/cat_720p.jpg"
LARGE_PICTURE = "images/cat_1080p.jpg"


@dataclass(frozen=True, slots=True)
class Inputs:
    """A model and a JPEG file of 1280x720 pixels."""

    model: ModelSpec
    jpeg: bytes
    names: str


def load_inputs() -> Inputs:
    """DeepLab v3 and a photograph from EDGESEG_SHARED (or ../shared), else the built-in model."""
    shared = shared_folder()
    model, picture = shared / REAL_MODEL, shared / REAL_PICTURE
    if model.is_file() and picture.is_file():
        return Inputs(read_model(model), picture.read_bytes(), f"{model.name}, {picture.name}")
    print(f"no {REAL_MODEL} in {shared}: the built-in model and a drawn scene stand in")
    return Inputs(read_model(resolve_model("builtin", Path())), drawn_jpeg(), "built-in, drawn")


def shared_folder() -> Path:
    """Where the real things are, if they are there."""
    return Path(os.environ.get("EDGESEG_SHARED", Path(__file__).parents[2] / "shared"))


def load_picture(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """H x W x 3, of a width and height: the 1080p photograph where it is, else a drawn scene."""
    from PIL import Image  # noqa: PLC0415 # only where it is needed

    from edgesegd.core.scenes import draw_scene  # noqa: PLC0415

    file = shared_folder() / LARGE_PICTURE
    if not file.is_file():
        return draw_scene(7, size).image
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB").resize(size))


def drawn_jpeg() -> bytes:
    """A scene at 1280x720."""
    from PIL import Image  # noqa: PLC0415 # only where it is needed

    from edgesegd.core.scenes import draw_scene  # noqa: PLC0415

    file = io.BytesIO()
    Image.fromarray(draw_scene(7, (1280, 720)).image).save(file, "JPEG", quality=90)
    return file.getvalue()
