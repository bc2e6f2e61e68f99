"""Real messages of ROS 2 without ROS: their definitions and serialization are those of rosbags."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from edgeseg_ros.messages import Message, MessageTypes

MessageClass: TypeAlias = Any

VISION_MSGS: Final = Path(__file__).parents[1] / "system/vision_msgs/msg"


def _typestore() -> Typestore:
    store = get_typestore(Stores.ROS2_KILTED)
    for name in ("VisionClass", "LabelInfo"):
        text = (VISION_MSGS / f"{name}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, f"vision_msgs/msg/{name}"))
    return store


STORE: Final = _typestore()


def message_class(name: str) -> MessageClass:
    """The class of a message, such as `sensor_msgs/msg/Image`."""
    return STORE.types[name]


TYPES: Final = MessageTypes(
    image=message_class("sensor_msgs/msg/Image"),
    label_info=message_class("vision_msgs/msg/LabelInfo"),
    vision_class=message_class("vision_msgs/msg/VisionClass"),
    header=message_class("std_msgs/msg/Header"),
    time=message_class("builtin_interfaces/msg/Time"),
    diagnostic_array=message_class("diagnostic_msgs/msg/DiagnosticArray"),
    diagnostic_status=message_class("diagnostic_msgs/msg/DiagnosticStatus"),
    key_value=message_class("diagnostic_msgs/msg/KeyValue"),
    octets=lambda data: np.frombuffer(data, np.uint8),
)


def transmitted(message: Message) -> Message:
    """The message as a subscriber gets it: serialized as CDR, and read again."""
    name = message.__msgtype__
    return STORE.deserialize_cdr(STORE.serialize_cdr(message, name), name)


def header(stamp_ns: int = 0, frame_id: str = "camera") -> Message:
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return TYPES.header(stamp=TYPES.time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def image_message(
    rows: npt.NDArray[np.uint8],
    encoding: str,
    width: int,
    height: int,
    *,
    stamp_ns: int = 0,
    is_bigendian: int = 0,
) -> Message:
    """An image as a camera's driver publishes it; `rows` has the shape (rows, step)."""
    return transmitted(
        TYPES.image(
            header=header(stamp_ns),
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=is_bigendian,
            step=rows.shape[1],
            data=rows.reshape(-1),
        )
    )


def compressed_message(file: bytes, text: str, *, stamp_ns: int = 0) -> Message:
    kind = message_class("sensor_msgs/msg/CompressedImage")
    return transmitted(
        kind(header=header(stamp_ns), format=text, data=np.frombuffer(file, np.uint8))
    )


def pixels(message: Message) -> npt.NDArray[np.uint8]:
    """The pixels of a mono8 or rgb8 image, of shape (height, width) or (height, width, 3)."""
    channels = {"mono8": 1, "rgb8": 3}[message.encoding]
    assert message.step == message.width * channels
    shape = (message.height, message.width, channels)[: 2 if channels == 1 else 3]
    array: npt.NDArray[np.uint8] = np.asarray(message.data, np.uint8).reshape(shape)
    return array


class Topic:
    """Keeps what is published, as subscribers would get it."""

    def __init__(self, listeners: int = 1) -> None:
        self.listeners = listeners
        self.messages: list[Message] = []
        self._changed = threading.Condition()

    def publish(self, message: Message, /) -> None:
        with self._changed:
            self.messages.append(transmitted(message))
            self._changed.notify_all()

    def get_subscription_count(self) -> int:
        return self.listeners

    def wait_for(self, count: int) -> list[Message]:
        """All messages, once there are as many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, timeout=60)
            return self.messages.copy()
