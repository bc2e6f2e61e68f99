"""What an element says on the bus of its pipeline."""

from __future__ import annotations

import traceback
from typing import Any

from gi.repository import GLib, Gst

Domain = Any
"""One of GStreamer's enumerations of errors, such as `Gst.ResourceError`."""


class Reports:
    """Posts messages for an element; a warning only if it says something else than the last."""

    def __init__(self, element: Gst.Element) -> None:
        self._element = element.weak_ref()
        self._last = ""
        self._away = False

    def error(self, code: Domain, text: str, debug: str = "") -> None:
        """Ends the pipeline, and says what to do."""
        self._post(Gst.Message.new_error, code, text, debug)

    def unexpected(self, error: Exception) -> None:
        """Ends the pipeline for a fault of this package."""
        trace = "".join(traceback.format_exception(error))
        self.error(Gst.LibraryError.FAILED, f"edgeseg has a fault: {error!r}", trace)

    def flow_failed(self, flow: Gst.FlowReturn) -> None:
        """Ends the pipeline because elements behind this one do not take its buffers."""
        self.error(Gst.StreamError.FAILED, f"streaming stopped, reason {flow.value_nick}")

    def refused(self, server: str, error: Exception) -> None:
        """Ends the pipeline because of what the properties ask for."""
        from edgeseg_client import (  # noqa: PLC0415  # GStreamer lists elements without the client
            AccessDenied,
            EdgesegClientError,
            WrongAddress,
        )

        if isinstance(error, AccessDenied):
            text = f"the daemon at {server} wants another token: {error}; set token"
            self.error(Gst.ResourceError.NOT_AUTHORIZED, text)
        elif isinstance(error, OSError):
            self.error(Gst.ResourceError.NOT_FOUND, f"ca cannot be read: {error}")
        elif isinstance(error, WrongAddress):
            self.error(Gst.ResourceError.NOT_FOUND, f"server={server} is wrong: {error}")
        elif isinstance(error, EdgesegClientError):
            self.error(Gst.LibraryError.SETTINGS, f"the properties are refused: {error}")
        else:
            self.unexpected(error)

    def frame_failed(self, message: str) -> None:
        """Says why a picture passes without a mask."""
        text = f"a picture passes without a mask: {message}"
        self.warning(Gst.StreamError.FAILED, text)

    def away(self, server: str, message: str, waits_seconds: float) -> None:
        """Says that no daemon answers; pictures wait for it for `waits_seconds`."""
        what = (
            f"pictures wait {waits_seconds:g} s for it, then they" if waits_seconds else "pictures"
        )
        text = f"the daemon at {server} does not answer; {what} pass without masks until it does"
        self.warning(Gst.ResourceError.OPEN_READ_WRITE, text, message)
        if not self._away:
            self._away = True
            self._post_state(server, connected=False, message=message)

    def back(self, server: str) -> None:
        """Says that the daemon answers: in an INFO message, if it was away."""
        if self._away:
            text = f"the daemon at {server} answers again"
            self._post(Gst.Message.new_info, Gst.ResourceError.OPEN_READ_WRITE, text, "")
        self._away, self._last = False, ""
        self._post_state(server, connected=True, message="")

    def warning(self, code: Domain, text: str, debug: str = "") -> None:
        """Says what is wrong, while the pipeline goes on."""
        if text != self._last:
            self._last = text
            self._post(Gst.Message.new_warning, code, text, debug)

    def _post_state(self, server: str, *, connected: bool, message: str) -> None:
        """Posts an element message that says whether a daemon answers."""
        structure = Gst.Structure.new_empty("edgeseg-daemon")
        structure.set_value("connected", connected)
        structure.set_value("server", server)
        structure.set_value("message", message)
        if (element := self._element()) is not None:
            element.post_message(Gst.Message.new_element(element, structure))

    def _post(self, new_message: Any, code: Domain, text: str, debug: str) -> None:  # noqa: ANN401  # a constructor
        if (element := self._element()) is not None:
            error = GLib.Error.new_literal(type(code).quark(), text, code)
            element.post_message(new_message(element, error, debug))
