"""The model and the pictures for a measurement."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgesegd.engine.pictures import PICTURES, open_picture
from edgesegd.models.spec import ModelSpec

SIZE = (1280, 720)
LARGE = (1920, 1080)
"""Width and height of the JPEG and of the raw frame, pixels."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A model, a JPEG file, and a picture file for a raw frame; None for a drawn one."""

    model: ModelSpec
    jpeg: bytes
    names: str
    large: Path | None = None

    def raw_frame(self) -> npt.NDArray[np.uint8]:
        """The raw frame, 1080 x 1920 x 3."""
        if self.large is None:
            return np.asarray(open_picture(PICTURES[0]).resize(LARGE))
        with Image.open(self.large) as picture:
            return np.ascontiguousarray(np.asarray(picture.convert("RGB").resize(LARGE)))


def drawn_inputs(model: ModelSpec) -> Inputs:
    """A drawn scene for a model."""
    file = io.BytesIO()
    open_picture(PICTURES[0]).resize(SIZE).save(file, "JPEG", quality=90)
    return Inputs(model, file.getvalue(), f"{model.name}, drawn scene")


def pictured_inputs(model: ModelSpec, jpeg: Path, large: Path | None = None) -> Inputs:
    """Photographs for a model; the raw frame is made from `large`, or else from the first.

    Raises OSError or ValueError if the first is not a JPEG.
    """
    with Image.open(jpeg, formats=["JPEG"]) as picture:
        picture.verify()
    return Inputs(model, jpeg.read_bytes(), f"{model.name}, {jpeg.name}", large or jpeg)
