"""The command `edgeseg mqtt` and its options. Nothing here imports the MQTT client."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgeseg_client.cli.argument_types import count, positive, seconds
from edgeseg_client.cli.arguments.shared import add_model_options, add_source_options
from edgeseg_client.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from edgeseg_client.cli.integration import Commands

_EXAMPLES: Final = """\
examples:
  edgeseg mqtt --broker mqtt://edgeseg@homeassistant.local 'Front door=rtsp://camera.lan/live'
  edgeseg mqtt --broker mqtts://me@broker.example --password-file secret --classes person,car \\
      yard=/dev/video0 'Front door=http://door.lan/video.mjpg'

SOURCE is what `edgeseg stream` takes: a camera, an address, a video, a folder of pictures. NAME is
how Home Assistant calls it.

The password is that of the address, of --password-file or of EDGESEG_MQTT_PASSWORD, in this order.
"""


class MqttCommand:
    """Publishes what cameras show."""

    name = "mqtt"

    def add_parser(self, commands: Commands, daemon: argparse.ArgumentParser) -> None:
        """Adds the command's parser."""
        parser = commands.add_parser(
            self.name,
            parents=[daemon],
            help="publish what cameras show to an MQTT broker and Home Assistant",
            description="Publish which classes cameras show to an MQTT broker. Home Assistant finds"
            " them by itself.",
            epilog=_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "sources",
            nargs="+",
            metavar="[NAME=]SOURCE",
            help="a camera, address, video or folder, and its name",
        )
        _add_broker_options(parser)
        _add_watching_options(parser)
        _add_picture_options(parser)

    def run(self, arguments: argparse.Namespace) -> ExitCode:
        """Runs until the sources end, or until SIGTERM or Ctrl-C."""
        from edgeseg_mqtt.command import run  # noqa: PLC0415  # imports the MQTT client

        return run(arguments)


def _add_broker_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the broker")
    broker = os.environ.get("EDGESEG_BROKER")
    group.add_argument(
        "--broker",
        required=not broker,
        default=broker,
        metavar="URL",
        help="the broker's address, mqtt://[USER[:PASSWORD]@]HOST[:PORT], or mqtts:// for TLS"
        " (EDGESEG_BROKER)",
    )
    group.add_argument(
        "--password-file", type=Path, metavar="FILE", help="a file with the password"
    )
    group.add_argument(
        "--broker-ca",
        type=Path,
        metavar="FILE",
        help="with mqtts://: trust the certificates in this PEM file (default: the system's)",
    )
    group.add_argument(
        "--id",
        metavar="ID",
        help="part of topics and of ids in Home Assistant; another one for each bridge, and always"
        " the same for one (default: this machine's name)",
    )
    group.add_argument(
        "--client-id", metavar="ID", help="the client id at the broker (default: edgeseg_ID)"
    )
    group.add_argument(
        "--base-topic",
        default="edgeseg",
        metavar="TOPIC",
        help="what topics begin with (default: %(default)s)",
    )
    group.add_argument(
        "--discovery-prefix",
        default="homeassistant",
        metavar="TOPIC",
        help="where Home Assistant looks for devices (default: %(default)s)",
    )


def _add_watching_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is published")
    add_model_options(group, classes_by_default="all but the background")
    add_source_options(
        group,
        fps="frames of each camera a second, at most (default: %(default)g)",
        loop=1,
        default_fps=5.0,
    )
    group.add_argument(
        "--every",
        type=seconds,
        default=1.0,
        metavar="S",
        help="how often shares are published, in seconds (default: %(default)g)",
    )
    group.add_argument(
        "--stale-after",
        type=positive,
        default=10.0,
        metavar="S",
        help="after how many seconds without a fresh frame a camera is unavailable"
        " (default: %(default)g)",
    )
    for option, default, what in (
        ("--on-share", 1.0, "share of the picture from which on a class is present, in percent"),
        (
            "--off-share",
            0.5,
            "share of the picture below which a class is absent, in percent, more than 0",
        ),
        ("--on-after", 0.5, "for how many seconds it must have that share to be present"),
        ("--off-after", 5.0, "for how many seconds it must have less to be absent"),
    ):
        group.add_argument(
            option,
            type=seconds,
            default=default,
            metavar="P" if option.endswith("share") else "S",
            help=f"{what} (default: %(default)g)",
        )


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--image-every",
        type=seconds,
        default=1.0,
        metavar="S",
        help="how often a picture with the classes over it is published, in seconds, at least 1;"
        " 0: never (default: %(default)g)",
    )
    group.add_argument(
        "--image-width",
        type=count,
        default=960,
        metavar="PX",
        help="largest width of these pictures, in pixels (default: %(default)d)",
    )
