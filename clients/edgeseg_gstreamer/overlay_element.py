"""The element `edgesegoverlay`: draws the mask that `edgeseg` attached over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstBase", "1.0")
from gi.repository import GObject, Gst, GstBase  # noqa: E402  # a version has to be required before

from edgeseg_gstreamer import native  # noqa: E402
from edgeseg_gstreamer.announcement import is_announcement  # noqa: E402
from edgeseg_gstreamer.reports import Reports  # noqa: E402
from edgeseg_gstreamer.video_layout import (  # noqa: E402
    CLIENT_FORMATS,
    UnsuitableCaps,
    VideoLayout,
    read_layout,
)

if TYPE_CHECKING:
    from edgeseg_gstreamer.painter import Painter

_FORMATS: Final = [name for name in CLIENT_FORMATS if name != "GRAY16_LE"]
_CAPS: Final = Gst.Caps.from_string(f"video/x-raw,format={{{','.join(_FORMATS)}}}")


class EdgesegOverlay(GstBase.BaseTransform):  # type: ignore[misc]  # gi has no types
    """Tints each class in its colour, in place; `docs/gstreamer.md` describes it."""

    __gtype_name__ = "EdgesegOverlay"
    __gstmetadata__ = (
        "edgeseg overlay",
        "Filter/Effect/Video",
        "Draws the masks that edgeseg attached over the pictures",
        "edgeseg",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, _CAPS),
    )
    __gproperties__ = {  # noqa: RUF012  # PyGObject wants a dict
        "opacity": (
            float,
            "Opacity",
            "The opacity of the colours of classes",
            *(0.0, 1.0, 0.5),
            GObject.ParamFlags.READWRITE | Gst.PARAM_CONTROLLABLE | Gst.PARAM_MUTABLE_PLAYING,
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self._opacity = 0.5
        self._reports = Reports(self)
        self._layout: VideoLayout | None = None
        self._painter: Painter | None = None
        self._announced = False
        self.set_in_place(True)  # as GStreamer has it
        native.make_floating(self)

    def do_get_property(self, _spec: GObject.ParamSpec) -> float:
        """The opacity."""
        return self._opacity

    def do_set_property(self, _spec: GObject.ParamSpec, value: float) -> None:
        """Sets the opacity; it counts from the next picture on."""
        self._opacity = value

    def do_set_caps(self, caps: Gst.Caps, _same: Gst.Caps) -> bool:
        """Reads where the pixels are."""
        try:
            self._layout = read_layout(caps)
        except UnsuitableCaps as error:
            self._reports.error(Gst.StreamError.FORMAT, str(error))
            return False
        self._painter = None
        return True

    def do_sink_event(self, event: Gst.Event) -> bool:
        """Takes note of the announcement of masks; passes all events on."""
        if event.type == Gst.EventType.CUSTOM_DOWNSTREAM and is_announcement(event):
            self._announced = True
        return bool(GstBase.BaseTransform.do_sink_event(self, event))

    def do_transform_ip(self, buffer: Gst.Buffer) -> Gst.FlowReturn:
        """Draws, if the buffer has a mask."""
        try:
            return self._draw(buffer)
        except Exception as error:  # noqa: BLE001  # PyGObject would only print it
            self._reports.unexpected(error)
            return Gst.FlowReturn.ERROR

    def _draw(self, buffer: Gst.Buffer) -> Gst.FlowReturn:
        from edgeseg_gstreamer.mask_meta import attached_mask  # noqa: PLC0415  # needs numpy
        from edgeseg_gstreamer.painter import Painter  # noqa: PLC0415  # so does this

        mask = attached_mask(buffer)
        announced, self._announced = self._announced, False
        if mask is None and announced:
            self._reports.warning(
                Gst.StreamError.FORMAT,
                "the masks do not come this far: elements that convert, scale, crop or turn"
                " pictures remove them; put edgesegoverlay before these",
            )
        if mask is None or self._layout is None:
            return Gst.FlowReturn.OK
        if mask.frame_size != (self._layout.width, self._layout.height):
            width, height = mask.frame_size
            self._reports.warning(
                Gst.StreamError.FORMAT,
                f"a mask of a picture of {width}x{height} is not drawn on one of"
                f" {self._layout.width}x{self._layout.height}: put edgesegoverlay before what"
                " changes the size",
            )
            return Gst.FlowReturn.OK
        self._painter = self._painter or Painter(self._layout)
        mapped, info = buffer.map(Gst.MapFlags.READ | Gst.MapFlags.WRITE)
        if not mapped:
            self._reports.error(Gst.ResourceError.WRITE, "the picture cannot be written to")
            return Gst.FlowReturn.ERROR
        try:
            self._painter.paint(info.data, buffer, mask, self._opacity)
        finally:
            buffer.unmap(info)
        return Gst.FlowReturn.OK
