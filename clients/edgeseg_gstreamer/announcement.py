"""The event that goes before the first buffer that has a mask."""

from __future__ import annotations

from typing import Final

from gi.repository import Gst

_NAME: Final = "edgeseg-masks"


def announcement() -> Gst.Event:
    """An event that says that the next buffer has a mask."""
    return Gst.Event.new_custom(Gst.EventType.CUSTOM_DOWNSTREAM, Gst.Structure.new_empty(_NAME))


def is_announcement(event: Gst.Event) -> bool:
    """Whether it is that event."""
    return bool(event.has_name(_NAME))
