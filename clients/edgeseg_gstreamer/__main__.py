"""Prints the folder that GST_PLUGIN_PATH must name: `python3 -m edgeseg_gstreamer`."""

from edgeseg_gstreamer import PLUGIN_PATH

print(PLUGIN_PATH)
