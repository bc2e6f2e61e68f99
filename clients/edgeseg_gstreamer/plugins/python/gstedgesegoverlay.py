"""Registers the element `edgesegoverlay`; GStreamer's loader of Python plugins imports this."""

import sys
from pathlib import Path

# The elements run in the system's Python. What this package needs is where it is installed itself:
# in site-packages, or, in a checkout, in the folders of the client and of the stubs.
_ROOTS = Path(__file__).parents[3], Path(__file__).parents[4] / "proto"
sys.path += [str(root) for root in _ROOTS if str(root) not in sys.path]

from gi.repository import Gst  # noqa: E402

from edgeseg_gstreamer.overlay_element import EdgesegOverlay  # noqa: E402

__gstelementfactory__ = ("edgesegoverlay", Gst.Rank.NONE, EdgesegOverlay)
