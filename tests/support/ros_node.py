"""The node without ROS: all of it but `node.py`, with topics that keep what is published."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from edgeseg_ros.capture_time import nanoseconds
from edgeseg_ros.connection import open_client
from edgeseg_ros.messages import Message
from edgeseg_ros.parameters import PARAMETERS, read_settings
from edgeseg_ros.results import Publishers, ResultPublisher
from edgeseg_ros.segmenter import ReceivedImage, Segmenter
from edgeseg_ros.state import State
from support.ros_messages import TYPES, Topic


class NodeWithoutRos:
    """Reads images and publishes masks as `EdgesegNode` does; `close` ends it."""

    def __init__(
        self, server: str, *, listeners: Mapping[str, int] | None = None, **given: object
    ) -> None:
        values = {each.name: each.default for each in PARAMETERS}
        self.settings = read_settings({**values, "server": server, **given})
        counts = {"mask": 1, "label_info": 1, "confidence": 1, "colored": 0, "overlay": 0}
        self.topics = {
            name: Topic(count) for name, count in {**counts, **(listeners or {})}.items()
        }
        self.state = State(server, self.settings.stale_after)
        log = logging.getLogger("edgeseg_ros")
        outputs = self.settings.outputs
        self._results = ResultPublisher(
            types=TYPES,
            publishers=Publishers(
                mask=self.topics["mask"],
                label_info=self.topics["label_info"],
                confidence=self.topics["confidence"] if "confidence" in outputs else None,
                colored=self.topics["colored"],
                overlay=self.topics["overlay"],
            ),
            log=log,
        )
        self._segmenter = Segmenter(
            client=open_client(self.settings),
            options=self.settings.options,
            priority=self.settings.priority,
            publish=self._results.publish,
            state=self.state,
            log=log,
        )
        self._segmenter.start()

    def __enter__(self) -> NodeWithoutRos:
        return self

    def __exit__(self, *_: object) -> None:
        self._segmenter.close()
        self._results.close()

    def receive(self, message: Message) -> None:
        """A message from the camera."""
        read = self.settings.compressed_images.read if self.settings.compressed else None
        image = read(message) if read else self.settings.images.read(message)
        captured = self.settings.clock.captured_unix_ns(
            nanoseconds(message.header.stamp),
            ros_now_ns=time.time_ns(),
            wall_now_ns=time.time_ns(),
            simulated=False,
        )
        self.state.image_came(stamp_believed=captured is not None)
        drawn_on = self._results.overlay_wanted
        self._segmenter.submit(ReceivedImage(message.header, image, captured, drawn_on))

    def segment(self, message: Message) -> Message:
        """The mask of the message."""
        before = len(self.topics["mask"].messages)
        self.receive(message)
        return self.topics["mask"].wait_for(before + 1)[before]
