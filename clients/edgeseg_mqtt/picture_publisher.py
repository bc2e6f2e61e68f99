"""Publishes the picture of a camera, not more often than is useful."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.result import Result
from edgeseg_client.sources import SourceFrame
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.picture import draw_picture

_LOG = logging.getLogger(__name__)


class PicturePublisher:
    """Draws one picture at a time, in a thread, at most every `interval` seconds.

    Pictures are not retained: the broker keeps none of them. `forget` is called with the topic when
    the last picture must not be sent again. `name` is for messages.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        *,
        interval: float,
        max_width: int,
        publish: Callable[[Message], None],
        forget: Callable[[str], None],
    ) -> None:
        self._name = name
        self._topic = topic
        self._interval = interval
        self._max_width = max_width
        self._publish = publish
        self._forget = forget
        self._drawing: asyncio.Task[None] | None = None
        self._drawn = float("-inf")
        self._reported = False

    def offer(self, frame: SourceFrame, result: Result, now: float) -> None:
        """Draws and publishes this one, unless the last one is too recent or not yet drawn."""
        if self._drawing is None and now - self._drawn >= self._interval:
            self._drawn = now
            self._drawing = asyncio.create_task(self._draw(frame, result))

    @property
    def is_drawing(self) -> bool:
        """Whether a picture is being drawn."""
        return self._drawing is not None

    def withdraw(self) -> None:
        """The picture is not current any more; one that is being drawn is not published."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        self._forget(self._topic)

    async def _draw(self, frame: SourceFrame, result: Result) -> None:
        drawing = self._drawing
        try:
            drawn = await asyncio.to_thread(draw_picture, frame, result, self._max_width)
            self._publish(Message(self._topic, drawn, retain=False, qos=0))
        except (EdgesegClientError, OSError) as error:
            if not self._reported:
                _LOG.warning("%s: there is no picture: %s", self._name, error)
            self._reported = True
        finally:
            if self._drawing is drawing:
                self._drawing = None
