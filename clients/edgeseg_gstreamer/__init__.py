"""GStreamer elements: `edgeseg` attaches a mask to each picture, `edgesegoverlay` draws it.

The elements are in `plugins`, which GST_PLUGIN_PATH must name; `python3 -m edgeseg_gstreamer`
prints it.
"""

from pathlib import Path
from typing import Final

PLUGIN_PATH: Final = Path(__file__).parent / "plugins"
"""What GST_PLUGIN_PATH must name."""
