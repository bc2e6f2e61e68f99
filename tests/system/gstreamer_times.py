"""An application that gives its pictures times of its own.

    python3 gstreamer_times.py FILE@TIME… [/ FILE@TIME…]

Sends JPEGs through `edgeseg hold=1000`, one stream after another; TIME is in milliseconds, or `-`
for a picture without a time. Prints a line for each picture that comes out: its time and that of
its mask, null if it has no mask, as JSON.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401  # a version has to be required before

_MS = 1_000_000


def shown(pts: int) -> int | str:
    """The time in milliseconds."""
    return "-" if pts == Gst.CLOCK_TIME_NONE else pts // _MS


def main() -> None:
    """Run the pipeline for these pictures."""
    streams = [list(group) for end, group in groupby(sys.argv[1:], "/".__eq__) if not end]
    Gst.init(None)
    sources = "".join(
        f" appsrc name=in{n} format=time caps=image/jpeg,framerate=10/1 ! c."
        for n in range(len(streams))
    )
    pipeline = Gst.parse_launch(
        f"concat name=c ! edgeseg policy=every hold=1000 ! appsink name=out sync=false {sources}"
    )
    pipeline.set_state(Gst.State.PLAYING)
    for number, pictures in enumerate(streams):
        source = pipeline.get_by_name(f"in{number}")
        for each in pictures:
            file, _, time = each.partition("@")
            buffer = Gst.Buffer.new_wrapped(Path(file).read_bytes())
            buffer.pts = Gst.CLOCK_TIME_NONE if time == "-" else int(time) * _MS
            source.emit("push-buffer", buffer)
        source.emit("end-of-stream")
    out = pipeline.get_by_name("out")
    while (sample := out.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        meta = buffer.get_custom_meta("EdgesegMask")
        mask = None if meta is None else shown(meta.get_structure().get_value("pts"))
        print(json.dumps([shown(buffer.pts), mask]), flush=True)
    pipeline.set_state(Gst.State.NULL)


if __name__ == "__main__":
    main()
