"""When a picture of a live source was taken."""

from __future__ import annotations

import time

from gi.repository import Gst


def capture_time(sink: Gst.Pad, pts: int) -> int | None:
    """In nanoseconds since the Unix epoch, of a picture that came to `sink`; None if unknown.

    A live source gives a picture the running time at which it was taken.
    """
    element = sink.get_parent_element()
    clock = None if element is None else element.get_clock()
    event = sink.get_sticky_event(Gst.EventType.SEGMENT, 0)
    if clock is None or event is None:
        return None
    running: int = event.parse_segment().to_running_time(Gst.Format.TIME, pts)
    if running == Gst.CLOCK_TIME_NONE:
        return None
    age: int = clock.get_time() - element.get_base_time() - running
    return time.time_ns() - max(0, age)
