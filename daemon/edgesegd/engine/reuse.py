"""Keeps the last computed frame of each stream that reuses results, and says when it may."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import OrderedDict

from edgesegd.core.frame import ENCODED
from edgesegd.core.result import FrameResult, Stage
from edgesegd.core.reuse import MAX_DISTANCE, ReuseMode
from edgesegd.engine.clock import StageClock
from edgesegd.engine.frames import KeptFrame, PreparedFrame, ReusedFrame
from edgesegd.imaging.blocks import largest_block_difference
from edgesegd.imaging.preprocess import GivenTensor
from edgesegd.ipc.messages import FrameJob

COMPARED_AT_ONCE = 1 << 16
"""Bytes. Frames of a camera differ in the first of them."""


class KeptFrames:
    """The last computed frame of each stream, at most `limit` bytes of all of them together.

    The streams that were used longest ago are dropped first; their next frame is computed. All
    frames of a stream have the same options. May be used by several threads.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, KeptFrame] = OrderedDict()
        self._lock = threading.Lock()

    def bytes_to_decode(self, job: FrameJob, data: memoryview) -> bytes | memoryview:
        """The bytes of a frame from which it is decoded, and which `keep` gets.

        They are a copy if they may be kept and are in a client's memory: if the client overwrites
        them too early, later frames must be compared with what was computed.
        """
        in_memory_of_client = job.region is not None
        return bytes(data) if in_memory_of_client and self._keeps_bytes(job, len(data)) else data

    def find_by_bytes(
        self, job: FrameJob, data: memoryview, clock: StageClock
    ) -> ReusedFrame | None:
        """The frame as one that reuses the kept result, if both have the same bytes; else None.

        Called with the frame's `data` before they are decoded.
        """
        kept = self._usable(job)
        if kept is None or not _same_bytes(kept, job, data):
            return None
        clock.end(Stage.DECODE)
        return ReusedFrame(kept, ReuseMode.IDENTICAL, clock.seconds)

    def find(self, job: FrameJob, prepared: PreparedFrame, clock: StageClock) -> ReusedFrame | None:
        """A frame as one that reuses the kept result, if both look the same; else None.

        Called just before it would be invoked. Its bytes are compared again, because the frame
        before it may have been invoked meanwhile.
        """
        if prepared.data is None or (kept := self._usable(job)) is None:
            return None
        if _same_bytes(kept, job, prepared.data):
            reason = ReuseMode.IDENTICAL
        elif _same_blocks(kept, prepared):
            reason = ReuseMode.UNCHANGED
        else:
            return None
        clock.end(Stage.PREPROCESS)
        return ReusedFrame(kept, reason, clock.seconds)

    def keep(self, job: FrameJob, prepared: PreparedFrame, began: float) -> KeptFrame | None:
        """Keep a frame that was computed, in place of the stream's last one.

        None if its stream does not reuse results. `began` is when it was about to be invoked.
        """
        own, data = job.in_stream, prepared.data
        if own is None or data is None or not self._limit:
            return None
        unchanged = own.stream.mode is ReuseMode.UNCHANGED
        kept = KeptFrame(
            own,
            job.frame,
            began,
            data=bytes(data) if self._keeps_bytes(job, len(data)) else None,
            prepared=dataclasses.replace(prepared, data=None) if unchanged else None,
        )
        with self._lock:
            self._kept[own.stream.number] = kept
            self._kept.move_to_end(own.stream.number)
            self._drop_oldest()
        return kept

    def add_result(self, kept: KeptFrame, result: FrameResult) -> None:
        """The result of a kept frame is made."""
        with self._lock:
            kept.result = result
            self._drop_oldest()

    def forget(self, stream: int) -> None:
        """The stream has ended, or the result of its last frame cannot be made."""
        with self._lock:
            self._kept.pop(stream, None)

    def _keeps_bytes(self, job: FrameJob, size: int) -> bool:
        """Whether the bytes of a frame are kept, and not only its pixels.

        To compare the pixels of a raw frame costs no more than to compare its bytes.
        """
        if job.in_stream is None or size > self._limit:
            return False
        identical = job.in_stream.stream.mode is ReuseMode.IDENTICAL
        return identical or job.frame.format in ENCODED

    def _usable(self, job: FrameJob) -> KeptFrame | None:
        """The stream's last computed frame, unless it is too old."""
        own = job.in_stream
        if own is None:
            return None
        with self._lock:
            kept = self._kept.get(own.stream.number)
            if kept is None or not 0 < own.place - kept.own.place < MAX_DISTANCE:
                return None
            self._kept.move_to_end(own.stream.number)
        if own.stream.mode is ReuseMode.IDENTICAL:
            return kept
        return kept if time.monotonic() - kept.began <= own.stream.max_age else None

    def _drop_oldest(self) -> None:
        size = sum(kept.size for kept in self._kept.values())
        while size > self._limit:
            size -= self._kept.popitem(last=False)[1].size


def _same_bytes(kept: KeptFrame, job: FrameJob, data: bytes | memoryview) -> bool:
    """Whether both frames are the same bytes, described in the same way."""
    if kept.data is None or kept.spec != job.frame or len(kept.data) != len(data):
        return False
    own = memoryview(kept.data)
    parts = (
        slice(start, start + COMPARED_AT_ONCE) for start in range(0, len(own), COMPARED_AT_ONCE)
    )
    # As bytes, because memoryviews are compared one element at a time.
    return all(bytes(own[part]) == bytes(data[part]) for part in parts)


def _same_blocks(kept: KeptFrame, prepared: PreparedFrame) -> bool:
    """Whether no block of the model's input differs by more than the threshold."""
    before = kept.prepared
    if (
        before is None
        or (before.frame_size, before.placed) != (prepared.frame_size, prepared.placed)
        or isinstance(before.pixels, GivenTensor)
        or isinstance(prepared.pixels, GivenTensor)
    ):
        return False
    difference = largest_block_difference(before.pixels, prepared.pixels)
    return difference <= kept.own.stream.threshold
