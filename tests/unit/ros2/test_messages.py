"""Messages with the real definitions, as subscribers get them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edgeseg_client import ClassInfo
from edgeseg_ros.diagnostics import diagnostic_array
from edgeseg_ros.messages import colored_labels, label_info, mono_image, rgb_image
from edgeseg_ros.state import Level, Report
from support.ros_messages import STORE, TYPES, header, pixels, transmitted

CLASSES = (ClassInfo(0, "background", (0, 0, 0)), ClassInfo(4, "person", (200, 100, 50)))
LABELS = np.array([[0, 4, 255], [4, 4, 0]], np.uint8)


def test_the_definitions_are_those_that_vision_msgs_publishes() -> None:
    """The hashes are in the code that rosidl generated from vision_msgs 4.1."""
    assert STORE.hash_rihs01("vision_msgs/msg/VisionClass") == (
        "RIHS01_1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a"
    )
    assert STORE.hash_rihs01("vision_msgs/msg/LabelInfo") == (
        "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783"
    )


def test_a_mask_is_mono8_with_the_header_that_it_was_given() -> None:
    sent = transmitted(mono_image(TYPES, header(1_790_000_000_123_456_789, "left"), LABELS))
    assert (sent.encoding, sent.width, sent.height, sent.step) == ("mono8", 3, 2, 3)
    assert sent.is_bigendian == 0
    assert (sent.header.stamp.sec, sent.header.stamp.nanosec) == (1_790_000_000, 123_456_789)
    assert sent.header.frame_id == "left"
    assert (pixels(sent) == LABELS).all()


def test_coloured_labels_have_the_colours_of_their_classes_and_grey_for_none() -> None:
    colored = colored_labels(LABELS, CLASSES)
    sent = transmitted(rgb_image(TYPES, header(), colored))
    assert pixels(sent).tolist() == [
        [[0, 0, 0], [200, 100, 50], [128, 128, 128]],
        [[200, 100, 50], [200, 100, 50], [0, 0, 0]],
    ]
    assert sent.step == 9


def test_grey_pictures_are_published_as_rgb8() -> None:
    sent = transmitted(rgb_image(TYPES, header(), Image.new("L", (2, 1), 7)))
    assert pixels(sent).tolist() == [[[7, 7, 7], [7, 7, 7]]]


def test_label_info_names_every_class_and_255() -> None:
    sent = transmitted(label_info(TYPES, header(5), CLASSES))
    named = {one.class_id: one.class_name for one in sent.class_map}
    assert named == {0: "background", 4: "person", 255: "UNLABELED"}
    assert sent.threshold == 0
    assert sent.header.stamp.nanosec == 5


def test_diagnostics_have_the_level_and_all_values() -> None:
    for number, level in enumerate(("OK", "WARN", "ERROR", "STALE")):
        report = Report(Level(level), "what is wrong", {"masks": "3", "server": "board:8460"})
        sent = transmitted(
            diagnostic_array(
                TYPES, report, node="/robot/edgeseg", hardware="board:8460", stamp_ns=2 * 10**9 + 3
            )
        )
        (status,) = sent.status
        assert status.level == number
        assert status.name == "robot/edgeseg: segmentation"
        assert (status.message, status.hardware_id) == ("what is wrong", "board:8460")
        assert [(one.key, one.value) for one in status.values] == [
            ("masks", "3"),
            ("server", "board:8460"),
        ]
        assert (sent.header.stamp.sec, sent.header.stamp.nanosec) == (2, 3)
