"""What happens to a buffer when it leaves the element `edgeseg`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gi.repository import GObject, Gst

from edgeseg_gstreamer import native
from edgeseg_gstreamer.announcement import announcement
from edgeseg_gstreamer.mask_pad import MaskPad
from edgeseg_gstreamer.no_mask import NoMask
from edgeseg_gstreamer.settings import Settings, Size

if TYPE_CHECKING:
    from edgeseg_gstreamer.mask import Mask

_PASSED: Final = (Gst.FlowReturn.OK, Gst.FlowReturn.NOT_LINKED)
ANOTHER_SCENE: Final = (Gst.EventType.STREAM_START, Gst.EventType.SEGMENT)
"""After these events times have another meaning, and pictures may be of another camera."""
_OF_A_SEGMENT: Final = (Gst.EventType.SEGMENT, Gst.EventType.EOS)
_COUNTED: Final = ("in", "masks", "held", *(reason.value for reason in NoMask))


class Output:
    """Attaches masks to buffers and passes them on.

    Buffers without a mask pass as they are; or are dropped, with `drop`; or get the last mask if it
    is at most `hold_ns` older and of the same stream and segment. `key` is the number of a picture.
    """

    def __init__(self, source: Gst.Pad) -> None:
        self.counts: Counter[str] = Counter()
        self._mask_pad: MaskPad | None = None
        self._source = source
        self._lock = threading.Lock()
        self._last: tuple[Mask, Gst.Buffer] | None = None
        self._first_key = 0
        self._size: Size = "frame"
        self._hold_ns = 0
        self._drop = self._announced = False

    def add_mask_pad(self, pad: Gst.Pad) -> None:
        """Sends masks to that pad, too."""
        mask_pad = MaskPad(pad, self._size)
        for kind in (Gst.EventType.CAPS, Gst.EventType.SEGMENT):
            event = self._source.get_sticky_event(kind, 0)
            if event is not None:  # pictures flow already
                mask_pad.pass_event(event)
        self._mask_pad = mask_pad

    def remove_mask_pad(self) -> None:
        """Sends no masks to a pad any more."""
        self._mask_pad = None

    def stats(self) -> Gst.Structure:
        """The property `stats`."""
        stats = Gst.Structure.new_empty("edgeseg-stats")
        for name in _COUNTED:
            stats.set_value(name, GObject.Value(GObject.TYPE_UINT64, self.counts[name]))
        return stats

    def begin(self, settings: Settings) -> None:
        """Takes the settings; the counts start at 0, and there is no last mask."""
        self._hold_ns, self._drop, self._size = settings.hold_ns, settings.drop, settings.size
        if self._mask_pad is not None:
            self._mask_pad = MaskPad(self._mask_pad.pad, self._size)
        self._announced = False
        self.counts.clear()
        self.forget()

    def forget(self) -> None:
        """Forgets the last mask: what follows is another scene."""
        with self._lock:
            self._last = None

    def expect_another_scene(self, first_key: int) -> None:
        """With the picture `first_key` another scene begins: masks before it come late for it."""
        with self._lock:
            self._first_key = first_key

    def came_late(self, mask: Mask, key: int) -> None:
        """Takes a mask whose picture has left already."""
        self._remember(mask, key)

    def pass_event(self, event: Gst.Event) -> bool:
        """Pushes an event to all source pads."""
        if event.type in ANOTHER_SCENE:
            self.forget()
        pushed: bool = self._source.push_event(event)
        if self._mask_pad is not None:
            self._mask_pad.pass_event(event)
        return pushed

    def keep_events(self, events: Iterable[Gst.Event]) -> None:
        """Keeps events that a flush has overtaken: a stream and its caps outlast a flush."""
        for event in events:
            flags = Gst.EventType.get_flags(event.type)
            if flags & Gst.EventTypeFlags.STICKY and event.type not in _OF_A_SEGMENT:
                self._source.store_sticky_event(event)
                if self._mask_pad is not None:
                    self._mask_pad.pass_event(event)

    def pass_buffer(self, holder: list[Gst.Buffer], mask: Mask | None) -> Gst.FlowReturn:
        """Pushes the buffer that the list has, and its mask."""
        attached = self._last_for(holder[0]) if mask is None else (mask, self._remember(mask))
        if self._mask_pad is not None:
            if mask is None or attached is None:
                self._mask_pad.skip(holder[0])
            elif (flow := self._mask_pad.push(attached[1], holder[0])) not in _PASSED:
                return flow
        if attached is None and self._drop:
            return Gst.FlowReturn.OK
        if attached is not None:
            self.counts["held" if mask is None else "masks"] += 1
            self._announce()
            holder[0] = _attach(native.make_writable(holder[0]), *attached)
        flow = native.push(self._source, holder)
        if flow == Gst.FlowReturn.NOT_LINKED and self._mask_pad is not None:
            return Gst.FlowReturn.OK  # only the masks are wanted
        return flow

    def _announce(self) -> None:
        """Says once that a mask comes: edgesegoverlay warns if it has been lost on the way."""
        if not self._announced:
            self._announced = True
            self._source.push_event(announcement())

    def _remember(self, mask: Mask, key: int | None = None) -> Gst.Buffer:
        """The mask as a buffer; it becomes the last one, unless the last one's picture is younger.

        Nor does it if its picture has no time, or if another scene has begun since the picture
        `key`.
        """
        from edgeseg_gstreamer import mask_meta  # noqa: PLC0415  # needs numpy

        gray = mask_meta.gray_buffer(mask.labels)
        gray.pts = mask.pts
        with self._lock:
            outdated = key is not None and key < self._first_key
            younger = self._last is not None and self._last[0].pts > mask.pts
            if mask.pts != Gst.CLOCK_TIME_NONE and not outdated and not younger:
                self._last = mask, gray
        return gray

    def _last_for(self, buffer: Gst.Buffer) -> tuple[Mask, Gst.Buffer] | None:
        with self._lock:
            last = self._last
        if last is None or Gst.CLOCK_TIME_NONE in (buffer.pts, last[0].pts):
            return None
        return last if 0 <= buffer.pts - last[0].pts <= self._hold_ns else None


def _attach(buffer: Gst.Buffer, mask: Mask, gray: Gst.Buffer) -> Gst.Buffer:
    from edgeseg_gstreamer import analytics, mask_meta  # noqa: PLC0415  # these need numpy

    mask_meta.attach(buffer, mask, gray)
    if analytics.available():
        analytics.attach(buffer, mask, gray)
    return buffer
