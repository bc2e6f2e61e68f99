"""The arguments of `edgeseg info`."""

from __future__ import annotations

import argparse

_EXAMPLES = """\
examples:
  edgeseg info
  edgeseg info --server unix:///run/edgesegd/edgesegd.sock --json
"""


def add_info(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], server: argparse.ArgumentParser
) -> None:
    """Add the command."""
    info = commands.add_parser(
        "info",
        parents=[server],
        help="show what a daemon serves and accepts",
        description="Show a daemon's version, models, formats, outputs and limits.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    info.add_argument("--json", action="store_true", help="print all as JSON")
