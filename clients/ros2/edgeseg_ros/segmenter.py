"""Sends the newest images to the daemon, for as long as the node runs."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final, Protocol

from edgeseg_client import (
    Client,
    EdgesegClientError,
    Frame,
    FrameAnswer,
    RawImage,
    Result,
    Unavailable,
)
from edgeseg_client.options import Options, Priority
from edgeseg_ros.mailbox import Mailbox
from edgeseg_ros.messages import Message
from edgeseg_ros.state import State

_IN_FLIGHT: Final = 4
"""Frames at the daemon: one is invoked, one is next, and the others are superseded at once."""
_PAUSE: Final = 0.2
"""Seconds between two streams, if the daemon may be back at any time."""
_LONG_PAUSE: Final = 2.0
"""The same if something has to be corrected first, such as a token."""


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """An image with the header that its mask gets.

    `captured_unix_ns` is by the wall clock; None means that the image is new. With `drawn_on` the
    picture is needed when its mask is there.
    """

    header: Message
    image: bytes | RawImage
    captured_unix_ns: int | None
    drawn_on: bool


class Log(Protocol):
    """What is used of a logger."""

    def info(self, message: str) -> object:
        """Logs a message."""

    def warning(self, message: str) -> object:
        """Logs a warning."""

    def error(self, message: str) -> object:
        """Logs an error."""


class Segmenter:
    """Streams images with the policy `latest` in a thread, and hands on each result.

    `publish` is called in that thread with the image and its result; an error of the client that it
    raises fails that frame only. If the daemon goes away, the thread opens streams until one lasts.
    `close` closes the client.
    """

    def __init__(
        self,
        *,
        client: Client,
        options: Options,
        priority: Priority,
        publish: Callable[[ReceivedImage, Result], None],
        state: State,
        log: Log,
    ) -> None:
        self._client = client
        self._options = options
        self._priority = priority
        self._publish = publish
        self._state = state
        self._log = log
        self._ids = count()
        self._mailbox: Mailbox[ReceivedImage] = Mailbox()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgeseg-segmenter", daemon=True)

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def submit(self, image: ReceivedImage) -> None:
        """Sends the image as soon as that is possible, unless a newer one comes first."""
        if self._mailbox.put(image):
            self._state.superseded()

    def close(self) -> None:
        """Ends the stream and closes the client; after it returns, nothing is published."""
        self._closed.set()
        self._mailbox.close()
        self._client.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.is_set():
            pause = _PAUSE
            try:
                self._stream()
            except EdgesegClientError as error:
                if not isinstance(error, Unavailable):
                    pause = _LONG_PAUSE
                # The client says that it gave up; this thread does not.
                given_up = isinstance(error.__cause__, EdgesegClientError)
                self._lost(f"no daemon that can be used: {error.__cause__ if given_up else error}")
            except Exception:  # noqa: BLE001  # a robot needs the next mask all the same
                pause = _LONG_PAUSE
                self._lost(f"an internal error of the node:\n{traceback.format_exc()}")
            self._closed.wait(pause)

    def _stream(self) -> None:
        """One stream; raises the error that ended it."""
        mailbox = self._mailbox
        sent: dict[int, ReceivedImage] = {}
        try:
            for answer in self._client.stream(
                self._frames(mailbox, sent),
                policy="latest",
                priority=self._priority,
                in_flight=_IN_FLIGHT,
                **self._options,
            ):
                self._on_answer(sent.pop(answer.frame_id), answer)
        finally:
            # The thread that waits at this mailbox belongs to the stream that has ended.
            self._mailbox = Mailbox()
            mailbox.close()
            if self._closed.is_set():
                self._mailbox.close()

    def _frames(
        self, mailbox: Mailbox[ReceivedImage], sent: dict[int, ReceivedImage]
    ) -> Iterator[Frame]:
        while (received := mailbox.take()) is not None:
            number = next(self._ids)
            sent[number] = received
            yield Frame(received.image, id=number, captured_unix_ns=received.captured_unix_ns)

    def _on_answer(self, received: ReceivedImage, answer: FrameAnswer) -> None:
        if self._state.answered(answer):
            self._log.info("the daemon answers again")
        if not answer.ok:
            return
        try:
            self._publish(received, answer.result)
        except EdgesegClientError as error:
            self._state.frame_failed(str(error))
        else:
            self._state.mask_published(answer)

    def _lost(self, reason: str) -> None:
        if not self._closed.is_set() and self._state.daemon_lost(reason):
            self._log.warning(f"{reason} (trying again)")
