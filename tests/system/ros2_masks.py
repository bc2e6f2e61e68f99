"""Publishes masks as the node would, and prints what the recipe `ros2_stop.py` says, as JSON.

    python ros2_masks.py AHEAD CLASS_ID [COUNT]

The masks are all of one class; their stamps are AHEAD seconds ahead of the clock. The classes 1 and
7 are both named `person`. After COUNT masks that the recipe has subscribed to, no more come.
"""

from __future__ import annotations

import json
import signal
import sys
from array import array

import rclpy
import rclpy.utilities
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from vision_msgs.msg import LabelInfo, VisionClass

NAMES = {0: "background", 1: "person", 7: "person"}
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Masks(Node):  # type: ignore[misc]
    def __init__(self, ahead: float, class_id: int, count: int | None) -> None:
        super().__init__("masks")
        self._ahead = Duration(seconds=ahead)
        self._mask = Image(
            height=4, width=4, step=4, encoding="mono8", data=array("B", [class_id] * 16)
        )
        self._left = count
        self._masks = self.create_publisher(Image, "mask", BEST_EFFORT)
        self._label_info = self.create_publisher(LabelInfo, "label_info", KEPT)
        classes = [VisionClass(class_id=id_, class_name=name) for id_, name in NAMES.items()]
        self._label_info.publish(LabelInfo(class_map=classes))
        self.create_subscription(Bool, "stop", self._on_stop, 1)
        self.create_timer(0.05, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        if self._left == 0 or not self._masks.get_subscription_count():
            return
        self._left = None if self._left is None else self._left - 1
        self._mask.header.stamp = (self.get_clock().now() + self._ahead).to_msg()
        self._masks.publish(self._mask)

    def _on_stop(self, message: Bool) -> None:
        print(json.dumps({"topic": "stop", "stop": message.data, "left": self._left}), flush=True)


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: None)  # rclpy shuts down by itself
    rclpy.init()
    ahead, class_id, *count = rclpy.utilities.remove_ros_args(sys.argv)[1:]
    node = Masks(float(ahead), int(class_id), int(count[0]) if count else None)
    try:
        rclpy.spin(node)
    except Exception:  # rclpy has several for a shutdown while it does something else
        if rclpy.ok():
            raise
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
