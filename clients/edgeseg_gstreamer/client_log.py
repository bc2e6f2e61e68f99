"""The client's log in GStreamer's: what users need to know is on the bus."""

from __future__ import annotations

import logging
from typing import Final

from gi.repository import Gst

_CLIENT: Final = logging.getLogger("edgeseg_client")


class _GStreamerHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Writes to GStreamer's log; GST_DEBUG=2 shows it."""
        Gst.warning(self.format(record))


def send_to_gstreamer() -> None:
    """Sends warnings of the client to GStreamer's log; may be called more than once.

    Python would print them on standard error in a program that has not set up its logging.
    """
    if not any(isinstance(one, _GStreamerHandler) for one in _CLIENT.handlers):
        _CLIENT.addHandler(_GStreamerHandler(logging.WARNING))
