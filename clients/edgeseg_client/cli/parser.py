"""The command-line parser of `edgeseg`."""

from __future__ import annotations

import argparse
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgeseg_client.aio import DEFAULT_ADDRESS
from edgeseg_client.names import POLICIES, PRIORITIES, RESIZES
from edgeseg_client.options import Size

_SEGMENT_EXAMPLES = """\
examples:
  edgeseg segment street.jpg --out masks
  edgeseg segment photos/ 'more/*.png' --out masks --server board.lan:8460
  edgeseg segment street.jpg --out masks --classes person,car --size model

For each picture this writes NAME.labels.png (pixel values are class ids, 255 is no class) and
NAME.overlay.png (the classes drawn over the picture).
"""

_STREAM_EXAMPLES = """\
examples:
  edgeseg stream photos/                        every picture, as fast as the daemon answers
  edgeseg stream photos/ --fps 30 --loop 0      like a camera, until Ctrl-C
  edgeseg stream photos/ --json | jq .latency_p99
"""

_INFO_EXAMPLES = """\
examples:
  edgeseg info
  edgeseg info --server unix:///run/edgesegd/edgesegd.sock --json
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser; the attribute `command` of its result names the subcommand."""
    parser = argparse.ArgumentParser(
        prog="edgeseg", description="Segment pictures with an edgesegd daemon."
    )
    parser.add_argument("--version", action="version", version=f"edgeseg {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    server = _server_options()

    segment = commands.add_parser(
        "segment",
        parents=[server, _segmentation_options(size="frame")],
        help="write masks and overlays of pictures",
        description="Write masks and overlays of pictures.",
        epilog=_SEGMENT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="a picture, folder or pattern")
    segment.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the files"
    )

    stream = commands.add_parser(
        "stream",
        parents=[server, _segmentation_options(size="model")],
        help="send pictures as a stream and measure",
        description="Send the pictures of a folder as a stream, in the order of their names.",
        epilog=_STREAM_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    stream.add_argument("source", metavar="FOLDER", help="a folder of pictures")
    stream.add_argument(
        "--policy",
        choices=list(POLICIES),
        help="what happens if frames come faster than they are segmented: with `latest` a newer"
        " frame supersedes a waiting one, `every` slows the source down"
        " (default: latest with --fps, else every)",
    )
    stream.add_argument(
        "--priority",
        choices=list(PRIORITIES),
        default="normal",
        help="share of the turns while other streams have frames waiting: `high` gets four for each"
        " of `normal`, which gets four for each of `low` (default: normal)",
    )
    stream.add_argument("--fps", type=_positive, help="frames per second (default: no limit)")
    stream.add_argument(
        "--loop",
        type=_count,
        default=1,
        metavar="N",
        help="how often to send the pictures; 0: until Ctrl-C (default: 1)",
    )
    stream.add_argument(
        "--out", type=Path, metavar="DIR", help="write masks and overlays to this folder"
    )
    stream.add_argument("--json", action="store_true", help="print the summary as JSON")

    info = commands.add_parser(
        "info",
        parents=[server],
        help="show what a daemon serves and accepts",
        description="Show a daemon's version, models, formats, outputs and limits.",
        epilog=_INFO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    info.add_argument("--json", action="store_true", help="print all as JSON")
    return parser


def _server_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("the daemon")
    address = os.environ.get("EDGESEG_SERVER") or DEFAULT_ADDRESS
    group.add_argument(
        "--server",
        default=address,
        metavar="ADDR",
        help="its address, HOST:PORT or unix:///PATH (EDGESEG_SERVER; default: %(default)s)",
    )
    group.add_argument(
        "--token",
        type=str.strip,  # files end with a line break
        default=os.environ.get("EDGESEG_TOKEN"),
        help="its token (EDGESEG_TOKEN)",
    )
    group.add_argument(
        "--ca",
        type=Path,
        default=os.environ.get("EDGESEG_CA"),
        metavar="FILE",
        help="use TLS, and trust the certificates in this PEM file (EDGESEG_CA)",
    )
    group.add_argument(
        "--wait",
        type=_seconds,
        default=5.0,
        metavar="S",
        help="how long to try again while the daemon is unavailable, in seconds"
        " (default: %(default)g)",
    )
    return options


def _segmentation_options(size: Size) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("segmentation")
    group.add_argument(
        "--size",
        type=_size,
        default=size,
        help="size of the masks: model, frame or WxH (default: %(default)s)",
    )
    group.add_argument(
        "--resize",
        choices=list(RESIZES),
        default="stretch",
        help="how a picture of another aspect ratio is fitted into the model's input"
        " (default: %(default)s)",
    )
    group.add_argument(
        "--classes",
        type=_classes,
        default=[],
        metavar="A,B",
        help="ids or names of the classes wanted (default: all)",
    )
    group.add_argument(
        "--model", default="", help="name of the model (default: the daemon's default model)"
    )
    group.add_argument(
        "--max-age",
        type=_positive,
        metavar="S",
        help="largest age of a frame, in seconds; older ones are not segmented (default: none)",
    )
    return options


def _version() -> str:
    try:
        return version("edgeseg")
    except PackageNotFoundError:
        return "(not installed)"


def _size(text: str) -> Size:
    match text:
        case "model" | "frame":
            return text
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write model, frame or 640x480")
    return int(width), int(height)


def _classes(text: str) -> list[int | str]:
    names = (name.strip() for name in text.split(","))
    return [int(name) if name.isdecimal() else name for name in names if name]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def _positive(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("the value must be more than 0")
    return value


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
