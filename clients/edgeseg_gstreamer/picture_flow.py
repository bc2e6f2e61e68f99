"""The way of pictures through the element `edgeseg`: in, to the daemon, and out in their order."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from gi.repository import Gst

from edgeseg_gstreamer import queries
from edgeseg_gstreamer.capture_time import capture_time
from edgeseg_gstreamer.client_log import send_to_gstreamer
from edgeseg_gstreamer.held import HeldItems
from edgeseg_gstreamer.no_mask import NoMask
from edgeseg_gstreamer.output import ANOTHER_SCENE, Output
from edgeseg_gstreamer.reports import Reports
from edgeseg_gstreamer.settings import Policy, Settings
from edgeseg_gstreamer.video_layout import UnsuitableCaps, VideoLayout, read_layout

if TYPE_CHECKING:
    from edgeseg_client import Result
    from edgeseg_gstreamer.buffer_job import BufferJob
    from edgeseg_gstreamer.mask import Mask
    from edgeseg_gstreamer.segmenter import Segmenter

_OK: Final = Gst.FlowReturn.OK
_FATAL: Final = (Gst.FlowReturn.ERROR, Gst.FlowReturn.NOT_NEGOTIATED, Gst.FlowReturn.NOT_LINKED)
_EVERY_BUFFERS: Final = 8
"""How many pictures are held with `every`: as many as the client sends at a time."""
_DRAINING: Final = (Gst.QueryType.ALLOCATION, Gst.QueryType.DRAIN)


class PictureFlow:
    """Holds pictures until their masks have come, and passes them on from a task of the source pad.

    `settings` is set before `begin`. The segmenter, which calls the methods `on_result` to
    `on_refused`, starts with the first picture, because only then it is known whether the source is
    live.
    """

    def __init__(self, sink: Gst.Pad, source: Gst.Pad, reports: Reports) -> None:
        self.settings: Settings | None = None
        self.output = Output(source)
        self._sink, self._source, self._reports = sink, source, reports
        self._held: HeldItems[list[Gst.Buffer] | Gst.Event, Mask | NoMask] = HeldItems()
        self._segmenter: Segmenter[BufferJob] | None = None
        self._policy: Policy = "latest"
        self._caps: Gst.Caps | None = None
        self._layout: VideoLayout | None = None
        self._flow = _OK
        self._ended = False
        self._task_lock = threading.Lock()
        self._pushing = False
        self._unsent_events: list[Gst.Event] = []
        self._key = self._first_key = 0

    def begin(self) -> None:
        """Lets pictures in."""
        if self.settings is not None:
            self.output.begin(self.settings)
        self._flow, self._ended, self._caps = _OK, False, None
        self._unsent_events.clear()
        self._first_key = self._key + 1
        self.output.expect_another_scene(self._first_key)
        self._held.open()

    def end(self) -> None:
        """Forgets all pictures, and ends all threads."""
        self._stop_pushing()
        self.output.forget()
        if self._segmenter is not None:
            self._segmenter.stop()
            self._segmenter = None

    def on_buffer(self, buffer: Gst.Buffer) -> Gst.FlowReturn:
        """Takes a picture; waits while too many are held."""
        settings = self.settings
        if self._flow != _OK:
            return self._flow
        if self._caps is None or settings is None:
            self._reports.error(
                Gst.CoreError.NEGOTIATION,
                "the pictures have no caps; if they are JPEGs from files, write"
                " multifilesrc location=… caps=image/jpeg, of which each buffer is a whole JPEG",
            )
            self._stop(Gst.FlowReturn.NOT_NEGOTIATED)
            return self._flow
        segmenter = self._segmenter or self._start_segmenter(settings)
        self._key += 1
        deadline = time.monotonic() + settings.latency if self._policy == "latest" else None
        from edgeseg_gstreamer.buffer_job import BufferJob  # noqa: PLC0415  # needs the client

        captured = capture_time(self._sink, buffer.pts) if self._policy == "latest" else None
        job = BufferJob(self._key, buffer, self._layout, captured)
        holder = [buffer]
        del buffer
        if not self._held.hold(holder, job.key, deadline):
            return Gst.FlowReturn.FLUSHING if self._flow == _OK else self._flow
        self.output.counts["in"] += 1
        if not segmenter.submit(job):
            self._held.settle(job.key, NoMask.AWAY)
        return self._flow

    def on_event(self, event: Gst.Event) -> bool:
        """Passes an event on, behind the pictures before it."""
        match event.type:
            case Gst.EventType.FLUSH_START:
                self.output.pass_event(event)
                self._stop_pushing()
                if self._segmenter is not None:
                    self._segmenter.forget()
                return True
            case Gst.EventType.FLUSH_STOP:
                self.output.pass_event(event)
                self.output.keep_events(self._unsent_events)
                self._unsent_events.clear()
                self._first_key = self._key + 1
                self.output.expect_another_scene(self._first_key)
                self.output.forget()
                self._flow, self._ended = _OK, False
                self._held.open()
                return True
            case Gst.EventType.CAPS:
                # GStreamer sends caps that are refused again and again.
                if self._flow != _OK or not self._read_caps(event.parse_caps()):
                    return False
            case Gst.EventType.STREAM_START | Gst.EventType.EOS:
                self._ended = event.type == Gst.EventType.EOS
        if not Gst.EventType.get_flags(event.type) & Gst.EventTypeFlags.SERIALIZED:
            return self.output.pass_event(event)
        if event.type in ANOTHER_SCENE:
            self.output.expect_another_scene(self._key + 1)
        if not self._held.follow(event):
            return False
        self._start_pushing()
        return True

    def on_sink_query(self, query: Gst.Query) -> bool:
        """Answers what comes from before the element."""
        if query.type == Gst.QueryType.CAPS:
            return queries.answer_caps(self._sink, self._source, query)
        if query.type in _DRAINING:
            # What is behind the element answers about the caps that it has seen.
            return self._held.wait_until_empty() and self._source.peer_query(query)
        return bool(self._sink.query_default(self._sink.get_parent_element(), query))

    def on_source_query(self, query: Gst.Query) -> bool:
        """Answers what comes from behind the element."""
        if query.type == Gst.QueryType.CAPS:
            return queries.answer_caps(self._source, self._sink, query)
        if query.type == Gst.QueryType.LATENCY and self.settings is not None:
            return queries.answer_latency(self._sink, query, int(self.settings.latency * 1e9))
        return bool(self._source.query_default(self._source.get_parent_element(), query))

    def pass_next(self) -> None:
        """Waits for the next picture or event that may leave, and passes it on."""
        held = self._held.take()
        if held is None:
            self._source.pause_task()
            return
        try:
            flow = self._pass(held.item, held.outcome)
            # Nothing comes after EOS, so what is before the element would not get to know it.
            if self._ended and flow in _FATAL:
                self._reports.flow_failed(flow)
        except Exception as error:  # noqa: BLE001  # PyGObject would only print it
            self._reports.unexpected(error)
            flow = Gst.FlowReturn.ERROR
        finally:
            self._held.left()
        if flow != _OK:
            self._stop(flow)

    def on_result(self, job: BufferJob, result: Result) -> None:
        """A mask has come."""
        from edgeseg_gstreamer.mask import mask_of  # noqa: PLC0415  # needs the client

        job.release()
        mask = mask_of(result, job.pts, job.orientation)
        if not self._held.settle(job.key, mask):
            self.output.came_late(mask, job.key)

    def on_no_mask(self, key: int, reason: NoMask, message: str) -> None:
        """A picture gets no mask."""
        self._held.settle(key, reason)
        if reason is NoMask.FAILED and key >= self._first_key:
            self._reports.frame_failed(message)

    def on_away(self, message: str) -> None:
        """No daemon answers."""
        if (settings := self.settings) is not None:
            waits = settings.retry_for if self._policy == "every" else 0
            self._reports.away(settings.server, message, waits)

    def on_back(self) -> None:
        """The daemon answers."""
        if self.settings is not None:
            self._reports.back(self.settings.server)

    def on_refused(self, error: Exception) -> None:
        """The daemon refuses what the properties ask for."""
        if self.settings is not None:
            self._reports.refused(self.settings.server, error)
        self._stop(Gst.FlowReturn.ERROR)

    def _start_pushing(self) -> None:
        """Starts the task, unless it runs, or a flush or the end has come meanwhile."""
        with self._task_lock:
            if not self._pushing and self._held.is_open:
                # Not for each event: PyGObject forgets to free what a running task is given.
                self._source.start_task(_pass_on, self)
                self._pushing = True

    def _stop_pushing(self) -> None:
        """Forgets what is held, and waits for the end of the task."""
        with self._task_lock:
            forgotten = self._held.close()
            self._pushing = False
        self._source.stop_task()
        self._unsent_events += [each for each in forgotten if isinstance(each, Gst.Event)]

    def _start_segmenter(self, settings: Settings) -> Segmenter[BufferJob]:
        from edgeseg_gstreamer.segmenter import Segmenter  # noqa: PLC0415  # needs the client

        send_to_gstreamer()
        self._policy = settings.policy or ("latest" if queries.is_live(self._sink) else "every")
        self._held.limit = settings.max_buffers if self._policy == "latest" else _EVERY_BUFFERS
        self._segmenter = Segmenter(settings, self._policy, self)
        return self._segmenter

    def _pass(
        self, item: list[Gst.Buffer] | Gst.Event, outcome: Mask | NoMask | None
    ) -> Gst.FlowReturn:
        if isinstance(item, Gst.Event):
            if not self.output.pass_event(item):
                self._unsent_events.append(item)
            return _OK
        if outcome is None or isinstance(outcome, NoMask):
            self.output.counts[(outcome or NoMask.LATE).value] += 1
            return self.output.pass_buffer(item, None)
        return self.output.pass_buffer(item, outcome)

    def _stop(self, flow: Gst.FlowReturn) -> None:
        """Takes no more pictures and passes no EOS on; what is before the element gets `flow`."""
        if self._flow == _OK:
            self._flow = flow
        self._held.close()

    def _read_caps(self, caps: Gst.Caps) -> bool:
        try:
            is_jpeg = caps.to_string().startswith("image/jpeg")
            self._layout = None if is_jpeg else read_layout(caps)
        except UnsuitableCaps as error:
            self._reports.error(Gst.StreamError.FORMAT, str(error))
            self._stop(Gst.FlowReturn.NOT_NEGOTIATED)
            return False
        self._caps = caps
        return True


def _pass_on(flow: PictureFlow) -> None:
    flow.pass_next()
