"""The names of the topics, and those of other nodes that this one can take the place of."""

from __future__ import annotations

from typing import Final, NamedTuple


class Topics(NamedTuple):
    """The name of each topic, relative to the node's namespace."""

    image: str = "image"
    mask: str = "mask"
    confidence: str = "confidence"
    colored: str = "colored_mask"
    overlay: str = "overlay"
    label_info: str = "label_info"


PRESETS: Final = {
    "edgeseg": Topics(),
    # Of UNetDecoderNode (isaac_ros_unet), and of that package's launch file: image_rect and
    # segmentation_image_overlay. It has neither confidence nor label_info.
    "isaac_ros_unet": Topics(
        image="image_rect",
        mask="unet/raw_segmentation_mask",
        colored="unet/colored_segmentation_mask",
        overlay="segmentation_image_overlay",
    ),
}
