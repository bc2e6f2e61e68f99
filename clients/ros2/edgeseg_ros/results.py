"""Publishes what a result has."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from edgeseg_client import RawImage, Result
from edgeseg_ros.mailbox import Mailbox
from edgeseg_ros.messages import (
    Message,
    MessageTypes,
    colored_labels,
    label_info,
    mono_image,
    rgb_image,
)
from edgeseg_ros.pixels import to_rgb
from edgeseg_ros.segmenter import Log, ReceivedImage


class Publisher(Protocol):
    """What is used of a publisher of rclpy."""

    def publish(self, message: Message, /) -> None:
        """Publishes the message."""

    def get_subscription_count(self) -> int:
        """How many subscribers there are."""


@dataclass(frozen=True, slots=True)
class Publishers:
    """The publisher of each topic; None if it is not among the outputs."""

    mask: Publisher
    label_info: Publisher
    confidence: Publisher | None = None
    colored: Publisher | None = None
    overlay: Publisher | None = None


class ResultPublisher:
    """Publishes the messages of each result, all with the header of the image that it belongs to.

    `label_info` is published before the first mask of each version of a model. The overlay is drawn
    in a thread of its own, so that no mask waits for it; `close` ends the thread.
    """

    def __init__(
        self,
        *,
        types: MessageTypes,
        publishers: Publishers,
        log: Log,
    ) -> None:
        self._types = types
        self._publishers = publishers
        self._log = log
        self._version: tuple[str, str] | None = None
        self._to_draw: Mailbox[tuple[ReceivedImage, Result]] = Mailbox()
        self._thread = threading.Thread(target=self._draw_all, name="edgeseg-overlay", daemon=True)
        self._thread.start()

    @property
    def overlay_wanted(self) -> bool:
        """Whether someone listens to the overlay."""
        return _has_listeners(self._publishers.overlay)

    def publish(self, received: ReceivedImage, result: Result) -> None:
        """Publishes the messages; raises `EdgesegClientError` if the result lacks an output."""
        topics, types, header = self._publishers, self._types, received.header
        if self._version != (result.model, result.model_version):
            if not result.class_table:
                self._log.warning("the daemon is older than this node: label_info has no names")
            topics.label_info.publish(label_info(types, header, result.class_table))
            self._version = (result.model, result.model_version)
        topics.mask.publish(mono_image(types, header, result.labels))
        if topics.confidence is not None:
            topics.confidence.publish(mono_image(types, header, result.confidence_map))
        if topics.colored is not None and _has_listeners(topics.colored):
            colored = colored_labels(result.labels, result.class_table)
            topics.colored.publish(rgb_image(types, header, colored))
        if received.drawn_on:
            self._to_draw.put((received, result))

    def close(self) -> None:
        """Ends the thread; after it returns, nothing is published."""
        self._to_draw.close()
        self._thread.join()

    def _draw_all(self) -> None:
        while (wanted := self._to_draw.take()) is not None:
            received, result = wanted
            if self._publishers.overlay is None:
                continue
            image = received.image
            try:
                picture = to_rgb(image) if isinstance(image, RawImage) else image
                drawn = result.overlay(picture, legend=False)
            except Exception as error:  # noqa: BLE001  # the next image may be drawn on
                self._log.error(f"the overlay cannot be drawn: {error!r}")
                continue
            self._publishers.overlay.publish(rgb_image(self._types, received.header, drawn))


def _has_listeners(publisher: Publisher | None) -> bool:
    return publisher is not None and publisher.get_subscription_count() > 0
