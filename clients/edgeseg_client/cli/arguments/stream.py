"""The arguments of `edgeseg stream` and `edgeseg replay`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeseg_client.cli.argument_types import positive
from edgeseg_client.cli.arguments.shared import (
    add_priority,
    add_source_options,
    segmentation_options,
)
from edgeseg_client.names import POLICIES, REUSES

_STREAM_EXAMPLES = """\
examples:
  edgeseg stream /dev/video0                    the first camera of this machine
  edgeseg stream front=rtsp://10.0.0.7/live back=http://10.0.0.8/video.mjpg
  edgeseg stream clip.mp4 --video seen.mp4      the overlay as a video
  rpicam-vid -t 0 --codec mjpeg -o - | edgeseg stream - --json
  edgeseg stream photos/ --fps 30 --loop 0      like a camera, until Ctrl-C
  edgeseg stream 0 --record walk.edgeseg        to see it again: edgeseg replay walk.edgeseg

SOURCE is a folder or a picture, a video file, a camera (/dev/video0, or 0), picamera2, an address
(rtsp://, or http:// of MJPEG or of a picture), a recording, or - for MJPEG on standard input.
NAME=SOURCE gives it a name. Cameras and addresses that are lost are opened again.

With --json each answered frame is a line: {"type": "frame", "source": …, "frame_id": …,
"status": …, "classes": [{"name": …, "area": …, "share": …, "box": [x, y, width, height]}, …], …}.
The last lines have the type "summary", one for each source.
"""

_REPLAY_EXAMPLES = """\
examples:
  edgeseg replay walk.edgeseg                   what was found, at the pace at which it was
  edgeseg replay walk.edgeseg --speed 4 --video seen.mp4
  edgeseg stream walk.edgeseg                   sends the recorded frames to a daemon again
"""


def add_stream(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add `stream`."""
    stream = commands.add_parser(
        "stream",
        parents=[server, segmentation_options("that of the model, with --out that of the frame")],
        help="segment cameras, videos and folders",
        description="Segment cameras, videos and folders, and show what is found and how fast.",
        epilog=_STREAM_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stream.add_argument(
        "source", nargs="+", metavar="SOURCE", help="a camera, video, folder or address; see below"
    )
    stream.add_argument(
        "--policy",
        choices=list(POLICIES),
        help="what happens if frames come faster than they are segmented: with `latest` a newer"
        " frame supersedes a waiting one, `every` slows the source down"
        " (default: latest for cameras and with --fps, else every)",
    )
    add_priority(stream)
    stream.add_argument(
        "--reuse",
        choices=list(REUSES),
        default="off",
        help="whether a frame may get the result of an earlier one: `identical` if both are the"
        " same bytes, `unchanged` also if no part of the picture has changed (default: off)",
    )
    stream.add_argument(
        "--reuse-threshold",
        type=positive,
        metavar="D",
        help="with --reuse unchanged: how much a part may differ, in pixel values (default: 4)",
    )
    stream.add_argument(
        "--reuse-max-age",
        type=positive,
        metavar="S",
        help="with --reuse unchanged: how long a result may be reused, in seconds (default: 1)",
    )
    stream.add_argument(
        "--send-names",
        action="store_true",
        help="tell the daemon the name of each source, for its log and metrics",
    )
    add_source_options(
        stream,
        fps="frames per second of a V4L2 camera or a picture at an address, or at which files are"
        " played (default: the camera's, and as fast as the daemon answers)",
        loop=1,
    )
    stream.add_argument(
        "--realtime", action="store_true", help="play videos at the pace at which they were filmed"
    )
    _add_writers(stream)
    stream.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="keep frames and results, for `edgeseg replay` (usually NAME.edgeseg)",
    )


def add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `replay`, which needs no daemon."""
    replay = commands.add_parser(
        "replay",
        help="show a recording of `stream --record`",
        description="Show a recording again, at the pace at which it was made; needs no daemon.",
        epilog=_REPLAY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("recording", type=Path, metavar="FILE", help="the recording")
    replay.add_argument(
        "--speed", type=positive, default=1.0, help="how many times as fast (default: 1)"
    )
    _add_writers(replay)
    replay.set_defaults(record=None, server="")


def _add_writers(parser: argparse.ArgumentParser) -> None:
    """The options for where results go."""
    group = parser.add_argument_group("results")
    group.add_argument(
        "--json", action="store_true", help="print a line of JSON for each frame, then the summary"
    )
    group.add_argument(
        "--polygons", action="store_true", help="with --json: the outlines of each class too"
    )
    group.add_argument(
        "--out", type=Path, metavar="DIR", help="write masks and overlays to this folder"
    )
    group.add_argument(
        "--video", type=Path, metavar="FILE", help="write the overlays as a video (.mp4, .mkv)"
    )
