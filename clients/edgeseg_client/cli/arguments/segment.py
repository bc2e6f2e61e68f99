"""The arguments of `edgeseg segment`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeseg_client.cli.argument_types import count, positive_count, seconds
from edgeseg_client.cli.arguments.shared import segmentation_options

_EXAMPLES = """\
examples:
  edgeseg segment street.jpg                    what is in it, as text
  edgeseg segment street.jpg --out masks
  edgeseg segment photos/ 'more/*.png' --out masks --server board.lan:8460
  edgeseg segment street.jpg --out masks --classes person,car --size model
  edgeseg segment photos/ --out masks --polygons coco

With --out this writes NAME.labels.png (pixel values are class ids, 255 is no class) and
NAME.overlay.png (the classes drawn over the picture) for each picture, where NAME is that of its
file. With --polygons geojson it also writes NAME.polygons.json (the outlines of each class, in
pixels); with --polygons coco one coco.json.
"""


def add_segment(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add the command."""
    segment = commands.add_parser(
        "segment",
        parents=[server, segmentation_options("frame")],
        help="say what is in pictures, and write masks and overlays of pictures",
        description="Say what is in pictures, and write their masks and overlays.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    segment.set_defaults(size="frame")
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="a picture, folder or pattern")
    segment.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the files (default: none are written)"
    )
    segment.add_argument(
        "--json", action="store_true", help="print a line of JSON for each picture"
    )
    segment.add_argument(
        "--resume",
        action="store_true",
        help="go on after a break: leave out pictures whose files are in the folder of --out and"
        " are newer; give the same options",
    )
    segment.add_argument(
        "--streams",
        type=positive_count,
        metavar="N",
        help="how many streams share the pictures (default: one for each address of --server)",
    )

    polygons = segment.add_argument_group("polygons")
    polygons.add_argument(
        "--polygons",
        choices=["geojson", "coco"],
        help="write outlines too: `geojson` writes NAME.polygons.json for each picture, `coco` one"
        " file coco.json with the annotations of all (default: none)",
    )
    polygons.add_argument(
        "--polygon-tolerance",
        type=seconds,
        metavar="PX",
        help="how far outlines may be from the edges of the mask's pixels, in pixels; 0: they are"
        " these edges (default: 0.7)",
    )
    polygons.add_argument(
        "--polygon-min-area",
        type=count,
        default=0,
        metavar="PX",
        help="leave out parts and holes with fewer pixels (default: 0)",
    )
