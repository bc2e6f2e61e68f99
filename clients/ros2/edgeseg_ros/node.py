"""The ROS 2 node: parameters, topics and timers; everything else is in the other modules."""

from __future__ import annotations

import signal
import sys
import time
from array import array
from collections.abc import Callable, Sequence

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import ParameterDescriptor
from rclpy._rclpy_pybind11 import RCLError
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher as RosPublisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo, VisionClass

from edgeseg_client import RawImage
from edgeseg_ros.capture_time import nanoseconds
from edgeseg_ros.connection import open_client
from edgeseg_ros.diagnostics import diagnostic_array
from edgeseg_ros.errors import ImageRefused, WrongParameter
from edgeseg_ros.messages import Message, MessageTypes
from edgeseg_ros.parameters import PARAMETERS, Settings, read_settings
from edgeseg_ros.results import Publishers, ResultPublisher
from edgeseg_ros.segmenter import ReceivedImage, Segmenter
from edgeseg_ros.state import State

TYPES = MessageTypes(
    image=Image,
    label_info=LabelInfo,
    vision_class=VisionClass,
    header=Header,
    time=Time,
    diagnostic_array=DiagnosticArray,
    diagnostic_status=DiagnosticStatus,
    key_value=KeyValue,
    octets=lambda data: array("B", data),  # other types are checked byte by byte
)

SENSOR_DATA = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NEWEST = QoSProfile(depth=1)
"""Reliable, so that subscribers of either kind are compatible."""
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DIAGNOSTICS_SECONDS = 1.0


class UntilShutdown:
    """A publisher for other threads: a signal may shut ROS down while they publish."""

    def __init__(self, node: Node, publisher: RosPublisher) -> None:
        self._node = node
        self._publisher = publisher

    def publish(self, message: Message, /) -> None:
        """Publishes the message, unless ROS was shut down."""
        try:
            self._publisher.publish(message)
        except RCLError:
            if self._node.context.ok():
                raise

    def get_subscription_count(self) -> int:
        """How many subscribers there are; 0 once ROS was shut down."""
        try:
            return int(self._publisher.get_subscription_count())
        except RCLError:
            if self._node.context.ok():
                raise
            return 0


class EdgesegNode(Node):  # type: ignore[misc]  # rclpy is not installed where this is checked
    """Sends images to a daemon and publishes masks; raises `WrongParameter`."""

    def __init__(self) -> None:
        super().__init__("edgeseg")
        settings = self._declare_parameters()
        self._settings = settings
        self._state = State(settings.server, settings.stale_after)
        self._results = ResultPublisher(
            types=TYPES,
            publishers=self._create_publishers(),
            log=self.get_logger(),
        )
        self._segmenter = Segmenter(
            client=open_client(settings),
            options=settings.options,
            priority=settings.priority,
            publish=self._results.publish,
            state=self._state,
            log=self.get_logger(),
        )
        self._segmenter.start()
        self._subscribe()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Simulated time may stand still, and then this would not be said.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DIAGNOSTICS_SECONDS, self._publish_diagnostics, clock=steady)

    def destroy_node(self) -> None:
        """Ends the stream first, so that nothing is published any more."""
        self._segmenter.close()
        self._results.close()
        super().destroy_node()

    def _declare_parameters(self) -> Settings:
        values = {
            each.name: self.declare_parameter(
                each.name,
                each.default,
                ParameterDescriptor(
                    description=each.description, read_only=True, dynamic_typing=True
                ),
            ).value
            for each in PARAMETERS
        }
        return read_settings(values)

    def _create_publishers(self) -> Publishers:
        topics, outputs = self._settings.topics, self._settings.outputs

        def create(kind: type, topic: str, profile: QoSProfile) -> UntilShutdown:
            return UntilShutdown(self, self.create_publisher(kind, topic, profile))

        def of_image(output: str, topic: str) -> UntilShutdown | None:
            return create(Image, topic, NEWEST) if output in outputs else None

        return Publishers(
            mask=create(Image, topics.mask, NEWEST),
            label_info=create(LabelInfo, topics.label_info, KEPT),
            confidence=of_image("confidence", topics.confidence),
            colored=of_image("colored", topics.colored),
            overlay=of_image("overlay", topics.overlay),
        )

    def _subscribe(self) -> None:
        kind, topic = Image, self.resolve_topic_name(self._settings.topics.image)
        self._read: Callable[[Message], bytes | RawImage] = self._settings.images.read
        if self._settings.compressed:  # where image_transport publishes it
            kind, topic = CompressedImage, f"{topic}/compressed"
            self._read = self._settings.compressed_images.read
        self.create_subscription(kind, topic, self._on_image, SENSOR_DATA)
        self.get_logger().info(f"segmenting {topic} with {self._settings.server}")

    def _on_image(self, message: Image | CompressedImage) -> None:
        try:
            image = self._read(message)
        except ImageRefused as refused:
            if self._state.image_refused(str(refused)):
                self.get_logger().error(str(refused))
            return
        captured = self._settings.clock.captured_unix_ns(
            nanoseconds(message.header.stamp),
            ros_now_ns=self.get_clock().now().nanoseconds,
            wall_now_ns=time.time_ns(),
            simulated=self.get_clock().ros_time_is_active,
        )
        self._state.image_came(stamp_believed=captured is not None)
        drawn_on = self._results.overlay_wanted
        self._segmenter.submit(ReceivedImage(message.header, image, captured, drawn_on))

    def _publish_diagnostics(self) -> None:
        self._diagnostics.publish(
            diagnostic_array(
                TYPES,
                self._state.report(),
                node=self.get_fully_qualified_name(),
                hardware=self._settings.server,
                stamp_ns=self.get_clock().now().nanoseconds,
            )
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the node until it is interrupted; exits with 2 if a parameter is not valid."""
    # rclpy shuts down on Ctrl-C. A KeyboardInterrupt as well could hit it within a message: then
    # rclpy raises an error of its own.
    signal.signal(signal.SIGINT, lambda *_: None)
    rclpy.init(args=arguments)
    try:
        node = EdgesegNode()
    except WrongParameter as error:
        rclpy.logging.get_logger("edgeseg").fatal(str(error))
        sys.exit(2)
    except Exception:
        if rclpy.ok():
            raise
        return  # Ctrl-C came meanwhile
    try:
        rclpy.spin(node)
    except Exception:  # rclpy has several for a shutdown while it does something else
        if rclpy.ok():
            raise
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
