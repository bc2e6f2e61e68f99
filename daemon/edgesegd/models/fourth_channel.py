"""What the fourth channel of an input is, which a picture does not have."""

from __future__ import annotations

from typing import Final

from edgesegd.core.errors import ConfigError, ModelInvalid
from edgesegd.models.image_input import ImageInput
from edgesegd.models.name_words import first_word
from edgesegd.models.tflite.file import TfliteFile

OPAQUE: Final = 255

_OTHER_THAN_ALPHA: Final = {
    *("click", "clicks", "d", "depth", "guidance", "guide", "heatmap", "infrared", "ir", "last"),
    *("mask", "masks", "nir", "prev", "previous", "rgbd", "thermal", "trimap"),
}
"""Words in the names of inputs whose fourth channel is something else."""
_LAYOUTS: Final = {"channel last", "channels last"}


def choose_alpha(
    file: TfliteFile, image: ImageInput, wanted: int | None, class_names: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """The value of the fourth channel, and a sentence about it where there is one.

    Raises ModelInvalid if it is rather the mask of the frame before, or a depth: the input's name
    says so, or the classes are those of MediaPipe's hair segmentation, which MediaPipe recognises
    in the same way (`image_segmenter_graph.cc`). Raises ConfigError if a sidecar sets it without
    need.
    """
    if image.map.channels != 4:
        if wanted is not None:
            raise ConfigError(
                f"input.alpha is for inputs of four channels; this one has {image.map.channels}"
            )
        return OPAQUE, ()
    if wanted is not None:
        return wanted, ()
    name = f"{image.tensor.name} {file.names.get(file.graph.inputs[0], '')}".strip()
    is_hair = [each.lower() for each in class_names] == ["background", "hair"]
    if is_hair or first_word(name, _OTHER_THAN_ALPHA, _LAYOUTS):
        raise ModelInvalid(
            f"the fourth channel of the model's input {name!r} is not alpha, but rather something "
            "that this daemon does not have, such as the mask of the frame before; "
            "input = { alpha = 0 } in a sidecar fills it with 0, as for a first frame"
        )
    return OPAQUE, (
        "the fourth channel of the input is taken for alpha, and is 255 (opaque); input.alpha in a "
        "sidecar sets another value",
    )
