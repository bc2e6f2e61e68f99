"""Streams the frames of one camera to the daemon and publishes what they show."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.cli.exit_codes import UsageError
from edgeseg_client.errors import AccessDenied, EdgesegClientError, SourceError
from edgeseg_client.info import ClassInfo
from edgeseg_client.options import Options
from edgeseg_mqtt.camera_state import CameraState
from edgeseg_mqtt.errors import ClassesChanged
from edgeseg_mqtt.frame_feed import FrameFeed
from edgeseg_mqtt.picture_publisher import PicturePublisher
from edgeseg_mqtt.watched_classes import WatchedClass

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5.0
_REPORT_SECONDS: Final = 30.0
_IN_FLIGHT: Final = 4
"""Frames that are kept for their pictures."""


class CameraStream:
    """Runs the stream of one camera; `name` is for messages.

    If no result comes of a frame that was taken in the last `stale_after` seconds, the camera is
    stale. `on_change` is called when it becomes stale or fresh, and when another delegate serves.
    """

    def __init__(
        self,
        name: str,
        feed: FrameFeed,
        *,
        state: CameraState,
        pictures: PicturePublisher | None,
        classes: Sequence[WatchedClass],
        table: Sequence[ClassInfo],
        client: AsyncClient,
        options: Options,
        stale_after: float,
        on_change: Callable[[], None],
    ) -> None:
        self._name = name
        self._feed = feed
        self._state = state
        self._pictures = pictures
        self._classes = classes
        self._table = tuple(table)
        self._client = client
        self._options = options
        self._stale_after = stale_after
        self._on_change = on_change
        self._delegate = ""
        self._fresh = self._ever_fresh = False
        self._expiry: asyncio.TimerHandle | None = None
        self._reported = float("-inf")
        self._end_reported = ""

    async def run(self) -> None:
        """Streams until the source has ended.

        A camera or an address is tried again whatever it answers: it may be starting up. Raises
        `ClassesChanged`, `AccessDenied`, and what a file or folder raises that cannot be read at
        first.
        """
        self._restart_expiry(self._stale_after)
        try:
            while True:
                if await self._stream_once():
                    return
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._expire()

    async def _stream_once(self) -> bool:
        """Streams until the source ends or fails; returns whether it has ended."""
        answers = self._client.stream(
            self._feed, policy="latest", in_flight=_IN_FLIGHT, **self._options
        )
        try:
            async with aclosing(answers):
                async for answer in answers:
                    self._take(answer)
        except AccessDenied:
            raise
        except (EdgesegClientError, UsageError, OSError) as error:
            of_source = isinstance(error, SourceError | UsageError | OSError)
            if of_source and not self._feed.is_of_camera and not self._ever_fresh:
                raise
            self._report_end(str(error))
            return False
        finally:
            self._feed.close()
        _LOG.info("%s: the source has ended", self._name)
        return True

    def _take(self, answer: FrameAnswer) -> None:
        frame = self._feed.take_answered(answer.frame_id)
        if answer.failed:
            self._report(answer.message)
        if not answer.ok or frame is None:
            return
        result = answer.result
        if result.class_table != self._table:
            raise ClassesChanged
        now = time.monotonic()
        if (left := frame.taken + self._stale_after - now) <= 0:
            return
        self._restart_expiry(left)
        if not self._fresh:
            _LOG.info("%s: fresh results", self._name)
        if not self._fresh or result.delegate != self._delegate:
            self._on_change()
        self._fresh = self._ever_fresh = True
        self._end_reported = ""
        self._delegate = result.delegate
        self._state.add_result({one.slug: one.share(result) for one in self._classes}, now)
        if self._pictures is not None:
            self._pictures.offer(frame.frame, result, now)

    def _restart_expiry(self, seconds: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(seconds, self._on_expiry)

    def _on_expiry(self) -> None:
        _LOG.warning("%s: no fresh result for %g s", self._name, self._stale_after)
        self._expire()
        self._on_change()

    def _expire(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._fresh = False
        self._state.set_stale()
        if self._pictures is not None:
            self._pictures.withdraw()

    def _report_end(self, problem: str) -> None:
        """Logs once why the stream has ended, until there is a fresh result or another reason."""
        if problem != self._end_reported:
            self._end_reported = problem
            _LOG.warning("%s: %s; trying again", self._name, problem)

    def _report(self, problem: str) -> None:
        """Logs a problem, at most twice a minute: each frame may have another one."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            _LOG.warning("%s: %s", self._name, problem)
