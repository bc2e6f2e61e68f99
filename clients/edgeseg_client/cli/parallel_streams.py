"""One sequence of frames over several streams, each of which may be at another daemon."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Full, Queue
from typing import Final, Unpack

from edgeseg_client.answer import FrameAnswer
from edgeseg_client.blocking import Client
from edgeseg_client.options import Options
from edgeseg_client.sources.source import SourceFrame

LOOK_SECONDS: Final = 0.2
"""How often a stream that waits for the caller looks whether there still is one."""


class SharedFrames:
    """Frames that several streams iterate over in threads of their own; each goes to one of them.

    A stream takes the next frame when it has room for it, so a fast daemon gets more.
    """

    def __init__(self, frames: Iterable[SourceFrame]) -> None:
        self._frames = iter(frames)
        self._lock = threading.Lock()
        self._ended = False

    def __iter__(self) -> Iterator[SourceFrame]:
        while True:
            with self._lock:
                frame = None if self._ended else next(self._frames, None)
            if frame is None:
                return
            yield frame

    def end(self) -> None:
        """Give out no more frames."""
        self._ended = True


class HandOver:
    """Passes answers from the threads of streams to the caller's.

    Each thread waits until its answer is taken, so that its stream reads no frames ahead; after the
    end nothing is taken.
    """

    def __init__(self) -> None:
        self._answers: Queue[FrameAnswer | BaseException | None] = Queue(maxsize=1)
        self._ended = threading.Event()

    def put(self, answer: FrameAnswer | BaseException | None) -> None:
        """Pass on an answer, the error of a stream, or None at its end."""
        while not self._ended.is_set():
            with contextlib.suppress(Full):
                self._answers.put(answer, timeout=LOOK_SECONDS)
                return

    def get(self) -> FrameAnswer | BaseException | None:
        """The next one."""
        return self._answers.get()

    def end(self) -> None:
        """Take no more of them."""
        self._ended.set()


def answers_of_streams(
    client: Client, frames: Iterable[SourceFrame], streams: int, **options: Unpack[Options]
) -> Generator[FrameAnswer, None, None]:
    """The answers to all frames, which have ids, over that many streams with the policy `every`.

    With one stream they come in the order of the frames, else as they arrive. If a stream fails,
    the others take no more frames, and its error is raised after their answers.
    """
    if streams == 1:
        yield from client.stream(frames, policy="every", **options)
        return
    shared = SharedFrames(frames)
    answers = HandOver()

    def follow() -> None:
        try:
            with contextlib.closing(client.stream(shared, policy="every", **options)) as stream:
                for answer in stream:
                    answers.put(answer)
        except BaseException as error:  # noqa: BLE001 # it is raised in the caller's thread
            shared.end()
            answers.put(error)
        else:
            answers.put(None)

    for _ in range(streams):
        # Daemon threads: those of an interrupted command end when the client is closed.
        threading.Thread(target=follow, name="edgeseg-stream", daemon=True).start()
    failed: BaseException | None = None
    try:
        while streams:
            answer = answers.get()
            if isinstance(answer, FrameAnswer):
                yield answer
            else:
                streams -= 1
                failed = failed or answer
    finally:
        shared.end()
        answers.end()
    if failed is not None:
        raise failed
