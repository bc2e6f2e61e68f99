"""Tells a robot to stop while a class is in view, and while it is not known whether it is.

    python ros2_stop.py --ros-args -r __ns:=/camera -p class_name:=person -p max_age:=0.3

Subscribes to `mask` and `label_info` of the node of edgeseg_ros, and publishes `stop`
(std_msgs/Bool) 20 times a second. A mask counts for as long as the image that it belongs to is
younger than `max_age` seconds, by the stamp in its header, and never for longer than that after it
came, by a steady clock: clocks of stamps are set. A stamp that is ahead is not believed.
"""

from __future__ import annotations

import signal
import time

import numpy as np
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Bool
from vision_msgs.msg import LabelInfo

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MAX_AHEAD = 0.05
"""Seconds that a stamp may be ahead: the clocks of two machines differ a little."""


class Stop(Node):  # type: ignore[misc]  # rclpy is not installed where this is checked
    """Publishes whether to stop."""

    def __init__(self) -> None:
        super().__init__("stop")
        self._class_name = self.declare_parameter("class_name", "person").value
        self._max_age = self.declare_parameter("max_age", 0.3).value
        self._min_share = self.declare_parameter("min_share", 0.005).value
        self._class_ids: list[int] = []
        self._captured: Time | None = None
        self._received = 0.0
        self._in_view = True
        self.create_subscription(LabelInfo, "label_info", self._on_label_info, KEPT)
        self.create_subscription(Image, "mask", self._on_mask, NEWEST)
        self._publisher = self.create_publisher(Bool, "stop", 1)
        # A steady clock: the robot must be told also while simulated time stands still.
        self.create_timer(0.05, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_label_info(self, message: LabelInfo) -> None:
        classes = message.class_map
        self._class_ids = [each.class_id for each in classes if each.class_name == self._class_name]
        if not self._class_ids:
            names = sorted({each.class_name for each in classes})
            self.get_logger().error(f"the model has no class {self._class_name!r}: {names}")

    def _on_mask(self, message: Image) -> None:
        if not self._class_ids:
            return
        labels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
        share = float(np.isin(labels[:, : message.width], self._class_ids).mean())
        self._in_view = share >= self._min_share
        self._captured = Time.from_msg(message.header.stamp)
        self._received = time.monotonic()

    def _tell(self) -> None:
        self._publisher.publish(Bool(data=self._in_view or not self._is_known()))

    def _is_known(self) -> bool:
        if self._captured is None:
            return False
        age = (self.get_clock().now() - self._captured).nanoseconds / 1e9
        held = time.monotonic() - self._received
        return bool(-MAX_AHEAD <= age <= self._max_age and held <= self._max_age)


def main() -> None:
    """Run until it is interrupted."""
    # rclpy shuts down on Ctrl-C; a KeyboardInterrupt as well could hit it within a message.
    signal.signal(signal.SIGINT, lambda *_: None)
    rclpy.init()
    node = Stop()
    try:
        rclpy.spin(node)
    except Exception:  # rclpy has several for a shutdown while it does something else
        if rclpy.ok():
            raise
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
