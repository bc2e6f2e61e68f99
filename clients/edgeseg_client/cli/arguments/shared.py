"""Arguments that several commands have."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from edgeseg_client.aio import DEFAULT_ADDRESS
from edgeseg_client.cli.argument_types import classes, count, pixels, positive, seconds, size
from edgeseg_client.names import PRIORITIES, RESIZES


def server_options(*, wait: bool = True) -> argparse.ArgumentParser:
    """Where the daemon is; `wait` is whether `--wait` is one of them."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("the daemon")
    address = os.environ.get("EDGESEG_SERVER") or DEFAULT_ADDRESS
    group.add_argument(
        "--server",
        default=address,
        metavar="ADDR",
        help="the daemon's address, HOST:PORT or unix:///PATH, or discover:NAME for what `edgeseg"
        " discover` finds; several that serve the same models: HOST:PORT,HOST:PORT or"
        " dns:///NAME:PORT (EDGESEG_SERVER; default: %(default)s)",
    )
    group.add_argument(
        "--token",
        type=str.strip,  # files end with a line break
        default=os.environ.get("EDGESEG_TOKEN"),
        help="the daemon's token (EDGESEG_TOKEN, which other users cannot see, is better)",
    )
    group.add_argument(
        "--ca",
        type=Path,
        default=os.environ.get("EDGESEG_CA"),
        metavar="FILE",
        help="use TLS, and trust the certificates in this PEM file (EDGESEG_CA)",
    )
    group.add_argument(
        "--cert",
        type=Path,
        default=os.environ.get("EDGESEG_CERT"),
        metavar="FILE",
        help="certificate of this client, for a daemon that asks for one (EDGESEG_CERT)",
    )
    group.add_argument(
        "--key",
        type=Path,
        default=os.environ.get("EDGESEG_KEY"),
        metavar="FILE",
        help="the certificate's key, if it is not in its file (EDGESEG_KEY)",
    )
    group.add_argument(
        "--insecure",
        action="store_true",
        help="send the token even if the connection is not encrypted and others can read it",
    )
    if wait:
        group.add_argument(
            "--wait",
            type=seconds,
            default=5.0,
            metavar="S",
            help="how long to try again while the daemon is unavailable, in seconds"
            " (default: %(default)g)",
        )
    return options


def segmentation_options(default_size: str) -> argparse.ArgumentParser:
    """How frames are segmented; `default_size` is what `--help` says of it."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("segmentation")
    group.add_argument(
        "--size",
        type=size,
        help=f"size of the masks: model, frame or WxH (default: {default_size})",
    )
    add_model_options(group, classes_by_default="all")
    group.add_argument(
        "--max-age",
        type=positive,
        metavar="S",
        help="largest age of a frame, in seconds; older ones are not segmented (default: none)",
    )
    return options


def add_model_options(group: argparse._ArgumentGroup, *, classes_by_default: str) -> None:
    """What the model is given and which of its classes are wanted."""
    group.add_argument(
        "--resize",
        choices=list(RESIZES),
        default="stretch",
        help="how a picture of another aspect ratio is fitted into the model's input"
        " (default: %(default)s)",
    )
    group.add_argument(
        "--classes",
        type=classes,
        default=[],
        metavar="A,B",
        help=f"ids or names of the classes wanted (default: {classes_by_default})",
    )
    group.add_argument(
        "--model", default="", help="name of the model (default: the daemon's default model)"
    )


def add_priority(parser: argparse.ArgumentParser) -> None:
    """The share of the daemon's time."""
    parser.add_argument(
        "--priority",
        choices=list(PRIORITIES),
        default="normal",
        help="share of the turns while other streams have frames waiting: `high` gets four for each"
        " of `normal`, which gets four for each of `low` (default: %(default)s)",
    )


def add_source_options(
    parser: argparse._ActionsContainer, *, fps: str, loop: int, default_fps: float | None = None
) -> None:
    """How sources are opened and played; `fps` is the help of `--fps`, `loop` the default."""
    parser.add_argument("--fps", type=positive, default=default_fps, help=fps)
    parser.add_argument(
        "--camera-size",
        type=pixels,
        metavar="WxH",
        help="size of the pictures of a V4L2 camera or picamera2 (default: the camera's)",
    )
    parser.add_argument(
        "--loop",
        type=count,
        default=loop,
        metavar="N",
        help="how often to play files; 0: until Ctrl-C (default: %(default)d)",
    )
