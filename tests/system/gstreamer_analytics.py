"""An application that reads GstAnalyticsSegmentationMtd, which GStreamer 1.26 and later have.

    python3 gstreamer_analytics.py PIPELINE

Prints a line of JSON for each buffer that reaches the appsink called `out`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstAnalytics", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import (  # noqa: E402  # a version has to be required before
    GLib,
    Gst,
    GstAnalytics,
    GstApp,  # noqa: F401  # gives the appsink its methods
    GstVideo,
)


def described(buffer: Gst.Buffer) -> dict[str, Any]:
    """What the metadata of a buffer say."""
    meta = GstAnalytics.buffer_get_analytics_relation_meta(buffer)
    _, segmentation = meta.get_segmentation_mtd(0)
    mask, x, y, width, height = segmentation.get_mask()
    video = GstVideo.buffer_get_video_meta(mask)
    _, names = meta.get_cls_mtd(1)
    relation = meta.get_relation(segmentation.id, names.id)
    regions = range(segmentation.get_region_count())
    return {
        "pts": buffer.pts,
        "gray": mask.extract_dup(0, mask.get_size()).hex(),
        "format": video.format.value_nick,
        "size": [video.width, video.height],
        "place": [x, y, width, height],
        "ids": [segmentation.get_region_id(one) for one in regions],
        "names": [GLib.quark_to_string(names.get_quark(one)) for one in regions],
        "related": bool(relation & GstAnalytics.RelTypes.RELATE_TO),
    }


def main() -> None:
    """Run the pipeline to its end."""
    Gst.init(None)
    pipeline = Gst.parse_launch(sys.argv[1])
    pipeline.set_state(Gst.State.PLAYING)
    out = pipeline.get_by_name("out")
    while (sample := out.emit("pull-sample")) is not None:
        print(json.dumps(described(sample.get_buffer())))
    pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
