"""Segments a source and gives each frame together with its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from edgeseg_client.aio import AsyncClient
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.sources.source import Source, SourceFrame


@dataclass(frozen=True, slots=True)
class AnsweredFrame:
    """A frame of a source, and its answer."""

    source: Source
    frame: SourceFrame
    answer: FrameAnswer


async def follow(
    client: AsyncClient,
    source: Source,
    **options: Any,  # noqa: ANN401 # those of `stream`
) -> AsyncGenerator[AnsweredFrame, None]:
    """Segments a source with the `options` of `AsyncClient.stream`; each frame comes once.

    The policy is the source's unless it is given. Only frames without an answer are kept.
    """
    waiting = WaitingFrames(source)
    answers = client.stream(waiting, **{"policy": source.policy, **options})
    async with aclosing(answers):
        async for answer in answers:
            yield waiting.answered(answer)


class WaitingFrames:
    """The frames of a source, each of which is kept until it is answered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: dict[int, SourceFrame] = {}

    def __iter__(self) -> Iterator[SourceFrame]:
        for number, frame in enumerate(self._source):
            self._waiting[number if frame.id is None else frame.id] = frame
            yield frame

    def answered(self, answer: FrameAnswer) -> AnsweredFrame:
        """The frame of an answer, which is not kept any more."""
        return AnsweredFrame(self._source, self._waiting.pop(answer.frame_id), answer)
