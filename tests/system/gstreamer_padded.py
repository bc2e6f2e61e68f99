"""An application whose buffers have planes where hardware puts them.

    python3 gstreamer_padded.py FILE FORMAT WIDTH HEIGHT OFFSET:STRIDE…

Sends the bytes of a file as one buffer with a GstVideoMeta through `edgeseg` and `edgesegoverlay`,
and writes FILE.mask (class ids, without padding) and FILE.drawn (all bytes of the buffer).
"""

from __future__ import annotations

import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402, F401  # a version has to be required


def main() -> None:
    """Run the pipeline for one buffer."""
    path, name, width, height = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    planes = [tuple(map(int, one.split(":"))) for one in sys.argv[5:]]
    offsets, strides = ([*one, 0, 0, 0, 0][:4] for one in zip(*planes, strict=True))
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "appsrc name=in format=time ! edgeseg ! edgesegoverlay ! appsink name=out"
    )
    source, out = pipeline.get_by_name("in"), pipeline.get_by_name("out")
    caps = f"video/x-raw,format={name},width={width},height={height},framerate=10/1"
    source.set_property("caps", Gst.Caps.from_string(caps))
    buffer = Gst.Buffer.new_wrapped(path.read_bytes())
    buffer.pts = 0
    GstVideo.buffer_add_video_meta_full(
        buffer,
        GstVideo.VideoFrameFlags.NONE,
        GstVideo.VideoFormat.from_string(name),
        width,
        height,
        len(planes),
        offsets,
        strides,
    )
    pipeline.set_state(Gst.State.PLAYING)
    source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    drawn = out.emit("pull-sample").get_buffer()
    path.with_suffix(".drawn").write_bytes(drawn.extract_dup(0, drawn.get_size()))
    mask = drawn.get_custom_meta("EdgesegMask").get_structure()
    gray, stride = mask.get_value("mask"), mask.get_value("stride")
    rows = gray.extract_dup(0, gray.get_size())
    packed = (rows[at : at + width] for at in range(0, len(rows), stride))
    path.with_suffix(".mask").write_bytes(b"".join(packed))
    pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
