"""The arguments of `edgeseg view`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from edgeseg_client.cli.arguments.shared import (
    add_priority,
    add_source_options,
    segmentation_options,
)

_EXAMPLES = """\
examples:
  edgeseg view                                  a page for pictures and the browser's own camera
  edgeseg view /dev/video0
  edgeseg view front=rtsp://10.0.0.7/live back=http://10.0.0.8/video.mjpg
  edgeseg view 0 --listen 0.0.0.0:8462          from other machines, with the token that is printed

SOURCE is as for `edgeseg stream`; pictures and videos are played endlessly, a recording once. The
overlay of each source is also a camera, for go2rtc, Home Assistant, Frigate or VLC: /stream.mjpg
and /snapshot.jpg, with ?source=NAME, ?legend=1 and ?token=TOKEN.
"""

DEFAULT_VIEW = "127.0.0.1:8462"
"""Where the page is served by default."""


def add_view(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add the command."""
    view = commands.add_parser(
        "view",
        parents=[server, segmentation_options("twice that of the model, up to 640 pixels")],
        help="show cameras, videos and pictures with their masks in a browser",
        description="Serve a page that shows cameras, videos and pictures with their masks.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    view.add_argument(
        "source", nargs="*", metavar="SOURCE", help="a camera, video, folder or address; see below"
    )
    add_priority(view)
    add_source_options(
        view,
        fps="frames per second of a camera, or at which files are played (default: the camera's,"
        " as videos were filmed, and a picture each second)",
        loop=0,
    )
    page = view.add_argument_group("the page")
    page.add_argument(
        "--listen",
        default=os.environ.get("EDGESEG_VIEW_LISTEN") or DEFAULT_VIEW,
        metavar="HOST:PORT",
        help="where to serve the page; port 0 picks a free one (EDGESEG_VIEW_LISTEN; default:"
        " %(default)s). With an address that other machines reach, the page needs a token",
    )
    page.add_argument(
        "--token-file",
        type=Path,
        default=os.environ.get("EDGESEG_VIEW_TOKEN_FILE"),
        metavar="FILE",
        help="file with the page's token (EDGESEG_VIEW_TOKEN_FILE; default: a new random one, and"
        " none on loopback)",
    )
    page.add_argument(
        "--page-cert",
        type=Path,
        metavar="FILE",
        help="serve the page over HTTPS with this certificate (PEM); browsers of other machines"
        " give their camera only then",
    )
    page.add_argument(
        "--page-key",
        type=Path,
        metavar="FILE",
        help="the certificate's key, if it is not in its file",
    )
    # For the daemon's --view: ends with standard input, and so with the daemon.
    view.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
