"""Makes the messages that the node publishes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgeseg_client import NO_CLASS, ClassInfo
from edgeseg_client.labels_image import palette

Message: TypeAlias = Any
"""A message or a header of ROS. Its class depends on where it comes from; see `MessageTypes`."""

UNLABELED: Final = "UNLABELED"
"""What `vision_msgs/LabelInfo` calls the largest id, which is 255 for masks of 8 bits."""


@dataclass(frozen=True, slots=True)
class MessageTypes:
    """The classes of the messages, each called with all of its fields by keyword.

    `octets` makes the value of a field `uint8[]`.
    """

    image: Callable[..., Message]
    label_info: Callable[..., Message]
    vision_class: Callable[..., Message]
    header: Callable[..., Message]
    time: Callable[..., Message]
    diagnostic_array: Callable[..., Message]
    diagnostic_status: Any
    key_value: Callable[..., Message]
    octets: Callable[[bytes], object]


def mono_image(types: MessageTypes, header: Message, values: npt.NDArray[np.uint8]) -> Message:
    """A `sensor_msgs/Image` of encoding mono8; `values` has the shape (height, width)."""
    return _image(types, header, values, "mono8", 1)


def rgb_image(types: MessageTypes, header: Message, picture: Image.Image) -> Message:
    """A `sensor_msgs/Image` of encoding rgb8."""
    return _image(types, header, np.asarray(picture.convert("RGB")), "rgb8", 3)


def colored_labels(labels: npt.NDArray[np.uint8], classes: Sequence[ClassInfo]) -> Image.Image:
    """Labels of shape (height, width) in the colours of their classes; 255, "no class", is grey."""
    colors = np.array(palette(classes), np.uint8).reshape(-1, 3)
    return Image.fromarray(colors[labels])


def label_info(types: MessageTypes, header: Message, classes: Sequence[ClassInfo]) -> Message:
    """A `vision_msgs/LabelInfo`: the names of all ids in the mask, 255 among them.

    The threshold is 0, because the daemon does not send that of the model.
    """
    named = [(one.id, one.name) for one in classes if one.id != NO_CLASS]
    return types.label_info(
        header=header,
        class_map=[
            types.vision_class(class_id=id_, class_name=name)
            for id_, name in (*named, (NO_CLASS, UNLABELED))
        ],
        threshold=0.0,
    )


def _image(
    types: MessageTypes,
    header: Message,
    values: npt.NDArray[np.uint8],
    encoding: str,
    channels: int,
) -> Message:
    height, width = values.shape[:2]
    return types.image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * channels,
        data=types.octets(values.tobytes()),
    )
