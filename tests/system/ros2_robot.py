"""A robot's camera and its listeners, in the environment of ROS; prints what comes, as JSON.

    python ros2_robot.py PICTURE [TOPIC=NAME…]

Publishes the picture as `/camera/image_raw` (rgb8) and `/camera/image_raw/compressed` with the
stamps of the node's clock, about 20 times a second, and listens to the topics that are named, until
it is interrupted. With "-" for the picture it only listens.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from PIL import Image as Picture
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool
from vision_msgs.msg import LabelInfo

KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def show(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


class Robot(Node):  # type: ignore[misc]
    def __init__(self, picture: str, topics: dict[str, str]) -> None:
        super().__init__("robot")
        self.stamps: set[tuple[int, int]] = set()
        if picture != "-":
            self._set_up_camera(Path(picture))
            self.create_timer(0.05, self._publish)
        kinds: dict[str, tuple[type, Any, Any]] = {
            "label_info": (LabelInfo, KEPT, self._on_label_info),
            "diagnostics": (DiagnosticArray, 10, self._on_diagnostics),
            "stop": (Bool, 1, lambda message: show(topic="stop", stop=message.data)),
        }
        self._label_info = topics.get("label_info", "")
        for name, where in topics.items():
            kind, profile, callback = kinds.get(name, (Image, 1, None))
            if callback is None:
                callback = self._image_callback(name)
            self.create_subscription(kind, where, callback, profile)

    def _set_up_camera(self, picture: Path) -> None:
        pixels = np.asarray(Picture.open(picture).convert("RGB"))
        self._image = Image(
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding="rgb8",
            step=pixels.shape[1] * 3,
            data=array("B", pixels.tobytes()),
        )
        self._file = CompressedImage(
            format="rgb8; png compressed bgr8", data=array("B", picture.read_bytes())
        )
        topic = "/camera/image_raw"
        self._raw = self.create_publisher(Image, topic, qos_profile_sensor_data)
        self._compressed = self.create_publisher(
            CompressedImage, f"{topic}/compressed", qos_profile_sensor_data
        )

    def _publish(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self.stamps.add((stamp.sec, stamp.nanosec))
        for message, publisher in ((self._image, self._raw), (self._file, self._compressed)):
            message.header.stamp = stamp
            message.header.frame_id = "camera_optical_frame"
            publisher.publish(message)

    def _image_callback(self, name: str) -> Any:  # noqa: ANN401
        def on_image(message: Image) -> None:
            stamp = message.header.stamp
            show(
                topic=name,
                of_an_image=(stamp.sec, stamp.nanosec) in self.stamps,
                frame_id=message.header.frame_id,
                encoding=message.encoding,
                shape=[message.height, message.width],
                step=message.step,
                sha256=hashlib.sha256(bytes(message.data)).hexdigest(),
            )

        return on_image

    def _on_label_info(self, message: LabelInfo) -> None:
        names = {str(each.class_id): each.class_name for each in message.class_map}
        (publisher,) = self.get_publishers_info_by_topic(self.resolve_topic_name(self._label_info))
        show(topic="label_info", names=names, type_hash=str(publisher.topic_type_hash))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        (status,) = message.status
        values = {each.key: each.value for each in status.values}
        level = int.from_bytes(status.level)
        show(topic="diagnostics", level=level, message=status.message, name=status.name, **values)


def main() -> None:
    picture, *topics = sys.argv[1:]
    signal.signal(signal.SIGINT, lambda *_: None)  # rclpy shuts down by itself
    rclpy.init()
    robot = Robot(picture, dict(topic.split("=") for topic in topics))
    try:
        rclpy.spin(robot)
    except Exception:  # rclpy has several for a shutdown while it does something else
        if rclpy.ok():
            raise
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
