"""The caller's ids of the frames whose results the daemon may reuse."""

from __future__ import annotations

from typing import Final

from edgeseg_client.errors import ServerFault

MAX_DISTANCE: Final = 30
"""A reused result was computed for one of so many frames before, by the contract."""


class SentIds:
    """The ids that the caller gave the newest frames of a stream, by the keys that were sent.

    At most `in_flight` frames are sent after one before it is answered.
    """

    def __init__(self, in_flight: int) -> None:
        self._maximum = in_flight + MAX_DISTANCE
        self._ids: dict[int, int] = {}

    def sent(self, key: int, frame_id: int) -> None:
        """Remember a frame, and forget the oldest one."""
        self._ids[key] = frame_id
        if len(self._ids) > self._maximum:
            del self._ids[next(iter(self._ids))]

    def id_of(self, key: int) -> int:
        """The caller's id of a frame; raises `ServerFault` if it was never sent, or long ago."""
        if key not in self._ids:
            raise ServerFault(f"the daemon reused the result of frame {key}, which it did not get")
        return self._ids[key]
