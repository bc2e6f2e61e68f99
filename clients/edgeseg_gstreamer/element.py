"""The element `edgeseg`: passes video through and attaches the mask of each picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402  # a version has to be required before

from edgeseg_gstreamer import native  # noqa: E402
from edgeseg_gstreamer.picture_flow import PictureFlow  # noqa: E402
from edgeseg_gstreamer.properties import DEFAULTS, PROPERTIES  # noqa: E402
from edgeseg_gstreamer.reports import Reports  # noqa: E402
from edgeseg_gstreamer.settings import WrongProperty, read_settings  # noqa: E402
from edgeseg_gstreamer.video_layout import CLIENT_FORMATS  # noqa: E402

_CAPS: Final = Gst.Caps.from_string(f"video/x-raw,format={{{','.join(CLIENT_FORMATS)}}};image/jpeg")
_GRAY: Final = Gst.Caps.from_string("video/x-raw,format=GRAY8")


class EdgesegElement(Gst.Element):  # type: ignore[misc]  # gi has no types
    """Holds each buffer until its mask has come; `docs/gstreamer.md` describes it."""

    __gtype_name__ = "Edgeseg"
    __gstmetadata__ = (
        "edgeseg",
        "Filter/Analyzer/Video",
        "Attaches the segmentation mask of each picture, from an edgeseg daemon",
        "edgeseg",
    )
    __gsttemplates__ = (
        Gst.PadTemplate.new("sink", Gst.PadDirection.SINK, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, _CAPS),
        Gst.PadTemplate.new("mask", Gst.PadDirection.SRC, Gst.PadPresence.REQUEST, _GRAY),
    )
    __gproperties__ = dict(PROPERTIES)  # noqa: RUF012  # PyGObject wants a dict

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Any] = dict(DEFAULTS)
        sink = Gst.Pad.new_from_template(self.get_pad_template("sink"), "sink")
        source = Gst.Pad.new_from_template(self.get_pad_template("src"), "src")
        self.reports = Reports(self)
        self.flow = PictureFlow(sink, source, self.reports)
        # Functions, not methods of this object, which would keep it alive for ever.
        sink.set_chain_function_full(_guarded(PictureFlow.on_buffer, Gst.FlowReturn.ERROR))
        sink.set_event_function_full(_guarded(PictureFlow.on_event, failed=False))
        sink.set_query_function_full(_guarded(PictureFlow.on_sink_query, failed=False))
        source.set_query_function_full(_guarded(PictureFlow.on_source_query, failed=False))
        self.add_pad(sink)
        self.add_pad(source)
        native.make_floating(self)

    def do_get_property(self, spec: GObject.ParamSpec) -> Any:  # noqa: ANN401  # of the property's type
        """The value of a property."""
        return self.flow.output.stats() if spec.name == "stats" else self._values[spec.name]

    def do_set_property(self, spec: GObject.ParamSpec, value: Any) -> None:  # noqa: ANN401  # of the property's type
        """Sets a property; it counts from the next change from NULL to READY on."""
        self._values[spec.name] = value

    def do_change_state(self, transition: Gst.StateChange) -> Gst.StateChangeReturn:
        """Checks the properties, begins, or ends."""
        if transition == Gst.StateChange.NULL_TO_READY and not self._check():
            return Gst.StateChangeReturn.FAILURE
        if transition == Gst.StateChange.READY_TO_PAUSED:
            self.flow.begin()
        if transition == Gst.StateChange.PAUSED_TO_READY:
            self.flow.end()
        return Gst.Element.do_change_state(self, transition)

    def do_request_new_pad(
        self, template: Gst.PadTemplate, _name: str | None, _caps: Gst.Caps | None
    ) -> Gst.Pad | None:
        """The pad with the masks; there is one."""
        if self.get_static_pad("mask") is not None:
            return None
        pad = Gst.Pad.new_from_template(template, "mask")
        pad.set_active(True)
        self.add_pad(pad)
        self.flow.output.add_mask_pad(pad)
        return pad

    def do_release_pad(self, pad: Gst.Pad) -> None:
        """Removes the pad with the masks."""
        if hasattr(self, "flow"):  # while GStreamer disposes of the element, Python has already
            self.flow.output.remove_mask_pad()
        pad.set_active(False)
        self.remove_pad(pad)

    def _check(self) -> bool:
        """Reads the properties; posts what is wrong with them."""
        try:
            import edgeseg_client  # noqa: F401, PLC0415  # GStreamer lists elements without it
        except ImportError as error:
            self.reports.error(
                Gst.LibraryError.INIT,
                f"the Python that GStreamer runs, {sys.version.split()[0]} in {sys.prefix}, has"
                f" not all that edgeseg needs: {error}; see docs/gstreamer.md, Installing",
            )
            return False
        try:
            self.flow.settings = read_settings(self._values)
        except WrongProperty as error:
            self.reports.error(Gst.LibraryError.SETTINGS, str(error))
            return False
        return True


def _guarded(method: Callable[..., Any], failed: Any) -> Callable[..., Any]:  # noqa: ANN401  # what a pad function returns
    """A pad function that calls the flow's method; an unexpected error ends the pipeline."""

    def function(_pad: Gst.Pad, element: EdgesegElement, argument: Any) -> Any:  # noqa: ANN401  # of the pad function
        try:
            return method(element.flow, argument)
        except Exception as error:  # noqa: BLE001  # PyGObject would only print it
            element.reports.unexpected(error)
            return failed

    return function
