"""The arguments of `edgeseg discover`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeseg_client.cli.argument_types import seconds

DEFAULT_HTTP_SD = "127.0.0.1:9465"
"""Where targets are served by default."""

_EXAMPLES = """\
examples:
  edgeseg discover                              a table of the daemons in this network
  edgeseg discover --json | jq -r '.[].address'
  edgeseg discover --watch --json               a line of JSON for each change
  edgeseg discover --http-sd                    targets for Prometheus, at http://127.0.0.1:9465/
  edgeseg discover --file-sd /etc/prometheus/edgeseg.json
  edgeseg segment street.jpg --server discover:kitchen

It finds daemons that were started with `edgesegd serve --announce`. With --watch --json each line
is {"event": "appeared", "changed" or "gone", "name": …, "address": …, …}.
"""


def add_discover(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command, which needs no daemon."""
    discover = commands.add_parser(
        "discover",
        help="find the daemons in this network",
        description="Find the daemons that announce themselves in this network, by mDNS.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    discover.add_argument(
        "--wait",
        type=seconds,
        default=3.0,
        metavar="S",
        help="how long to look, in seconds (default: %(default)g)",
    )
    discover.add_argument("--json", action="store_true", help="print all as JSON")
    discover.add_argument(
        "--watch",
        action="store_true",
        help="print a line for each daemon that appears, changes or is gone, until Ctrl-C",
    )
    group = discover.add_argument_group("for Prometheus, until Ctrl-C")
    group.add_argument(
        "--http-sd",
        nargs="?",
        const=DEFAULT_HTTP_SD,
        metavar="HOST:PORT",
        help=f"serve the addresses of the daemons' metrics for http_sd (default: {DEFAULT_HTTP_SD};"
        " port 0 picks a free one)",
    )
    group.add_argument(
        "--file-sd",
        type=Path,
        metavar="FILE",
        help="write the addresses of the daemons' metrics to a file for file_sd, when they change;"
        " its name ends with .json, .yml or .yaml",
    )
    discover.set_defaults(server="")
