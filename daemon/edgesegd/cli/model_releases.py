"""`edgesegd models sync` and `models manifest`: releases of models for many boards."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.cli.options import add_options
from edgesegd.config import Config
from edgesegd.rollout.manifest import MANIFEST, SIGNATURE

if TYPE_CHECKING:
    from argparse import _SubParsersAction

SECONDS = 3600.0


def add_parsers(actions: _SubParsersAction[ArgumentParser]) -> None:
    """Add both commands."""
    _add_sync(actions)
    _add_manifest(actions)


def carry_out(args: Namespace, config: Config) -> int:
    """Run the action; the exit status. Raises `StartupError` if it fails."""
    # What they import would make every other command slower.
    if args.action == "manifest":
        from edgesegd.cli.model_manifest import make  # noqa: PLC0415

        return make(args)
    from edgesegd.cli.model_sync import sync  # noqa: PLC0415

    return sync(args, config)


def _add_sync(actions: _SubParsersAction[ArgumentParser]) -> None:
    sync = actions.add_parser(
        "sync",
        help="install a signed release of models, if the running daemon can serve it",
        description="Fetch a release, check its signature and its files, and let the running "
        "daemon try it while it serves the present versions. If any of its models cannot be "
        "served, these go on. Exit status 0: the release is installed; 10: it cannot be fetched or "
        "stored; 15: it is refused; 16: it is for other boards yet; 17: it does not serve; 18: "
        "another sync is at work.",
    )
    sync.add_argument(
        "source",
        metavar="URL|DIR",
        nargs="?",
        help=f"where the release is: a folder, or the address of one, with {MANIFEST} and "
        f"{SIGNATURE}",
    )
    sync.add_argument(
        "--key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="public key of Ed25519 in PEM format that must have signed the release; of several "
        "one is enough",
    )
    sync.add_argument("--unsigned", action="store_true", help="take a release without a signature")
    sync.add_argument(
        "--allow-older", action="store_true", help="also take one that is older than the installed"
    )
    sync.add_argument(
        "--retry", action="store_true", help="also take one that has failed on this board before"
    )
    sync.add_argument(
        "--any-stage", action="store_true", help="also take one that is for other boards yet"
    )
    sync.add_argument(
        "--board",
        default="",
        metavar="ID",
        help="the name by which this board is told from others (default: that in /etc/machine-id)",
    )
    sync.add_argument(
        "--ca", type=Path, metavar="FILE", help="certificates to trust besides the system's, PEM"
    )
    sync.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help="longest time for the download (default: %(default)s)",
    )
    sync.add_argument(
        "--without-daemon",
        action="store_true",
        help="try the models on the CPU in a separate process, because no daemon runs",
    )
    sync.add_argument(
        "--back",
        action="store_true",
        help="take the installed release back: serve again what served before it",
    )
    sync.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    sync.add_argument("--json", action="store_true", help="print JSON")
    add_options(sync, {"data_dir", "control", "models"})


def _add_manifest(actions: _SubParsersAction[ArgumentParser]) -> None:
    making = actions.add_parser(
        "manifest",
        help="make the manifest of a folder of models, to be signed as a release",
        description=f"Write FOLDER/{MANIFEST} with the highest version of each model in "
        "FOLDER/NAME/VERSION/, and print how to sign it.",
    )
    making.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of models")
    making.add_argument(
        "--percent",
        type=float,
        default=100.0,
        metavar="N",
        help="the share of boards that the release is for (default: 100)",
    )
    making.add_argument(
        "--release",
        default="",
        metavar="NAME",
        help="the name of the release, which also chooses the boards of a stage (default: one of "
        "its content)",
    )
    making.add_argument(
        "--serial",
        type=int,
        default=None,
        metavar="N",
        help=f"a number that grows with each {MANIFEST} (default: one more than in the one there)",
    )
    add_options(making, set())
