"""The command-line parser of `edgeseg`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from edgeseg_client.cli.arguments.discover import add_discover
from edgeseg_client.cli.arguments.info import add_info
from edgeseg_client.cli.arguments.segment import add_segment
from edgeseg_client.cli.arguments.shared import server_options
from edgeseg_client.cli.arguments.stream import add_replay, add_stream
from edgeseg_client.cli.arguments.view import add_view
from edgeseg_client.cli.integration import Integration


def build_parser(integrations: Sequence[Integration] = ()) -> argparse.ArgumentParser:
    """The parser; the attribute `command` of its result names the subcommand."""
    parser = argparse.ArgumentParser(
        prog="edgeseg", description="Segment pictures with an edgesegd daemon."
    )
    parser.add_argument("--version", action="version", version=f"edgeseg {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    server = server_options()
    add_segment(commands, server)
    add_stream(commands, server)
    add_replay(commands)
    add_view(commands, server)
    add_info(commands, server)
    add_discover(commands)
    for integration in integrations:
        integration.add_parser(commands, server_options(wait=False))
    return parser


def _version() -> str:
    try:
        return version("edgeseg")
    except PackageNotFoundError:
        return "(not installed)"
