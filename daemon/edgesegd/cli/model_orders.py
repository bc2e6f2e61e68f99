"""`edgesegd models load`, `unload`, `reload` and `rollback`: orders to a running daemon."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.cli.options import add_options
from edgesegd.cli.tables import Table
from edgesegd.config import Config
from edgesegd.control.client import give_order
from edgesegd.control.messages import ModelState, Order, control_path
from edgesegd.core.errors import CannotListen, ConfigError
from edgesegd.models.names import given_name

if TYPE_CHECKING:
    from argparse import _SubParsersAction

OPTIONS = {"data_dir", "control"}


def add_parsers(actions: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands that a running daemon carries out."""
    load = actions.add_parser(
        "load",
        help="make a running daemon serve a model, or another version of it",
        description="The daemon reads, starts and tries the new version while the present one "
        "serves. Then the present one answers the frames that it has, and the new one takes over. "
        "If anything fails, the present one goes on.",
    )
    load.add_argument(
        "name",
        metavar="NAME|NAME=FILE",
        help="a model in the daemon's folder, or a file and the name to serve it under",
    )
    load.add_argument(
        "--version",
        default="",
        metavar="N",
        help="version of a model with several versions (default: the highest)",
    )
    for action, text in (
        ("unload", "make a running daemon stop serving a model"),
        ("rollback", "make a running daemon serve the previous version of a model again"),
    ):
        parser = actions.add_parser(action, help=text, description=f"{text.capitalize()}.")
        parser.add_argument("name", metavar="NAME")
    reload = actions.add_parser(
        "reload", help="make a running daemon load new models and versions, as SIGHUP does"
    )
    reload.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="only this model (default: all)"
    )
    for action in ("load", "unload", "rollback", "reload"):
        add_options(actions.choices[action], OPTIONS)


def order_from(args: Namespace) -> Order:
    """The order for these arguments; raises ConfigError."""
    name, equals, path = args.name.partition("=")
    if args.action == "reload":
        return Order("reload", args.name)
    given_name(name if args.action == "load" else args.name)
    if args.action != "load":
        return Order(args.action, args.name)
    if not equals:
        return Order("load", name, args.version)
    if args.version:
        raise ConfigError("--version cannot be given together with a file")
    return Order("load", name, path=str(Path(path).absolute()))


def carry_out(args: Namespace, config: Config) -> int:
    """Send the order and print the reports; raises the StartupError with which it failed."""
    path = control_path(config.control, config.data_dir)
    give_order(path, order_from(args), report=lambda text: print(text, flush=True))
    return 0


def served_models(config: Config) -> Sequence[ModelState]:
    """The models that a running daemon serves; none if no daemon runs."""
    try:
        return give_order(control_path(config.control, config.data_dir), Order("list"))
    except CannotListen:
        return ()


def states_as_table(states: Sequence[ModelState]) -> Table:
    """The models as a table."""
    rows = [
        (
            f"{state.name} (default)" if state.is_default else state.name,
            state.version,
            state.delegate if state.state == "serves" else state.state,
            state.previous or "-",
            state.path,
        )
        for state in states
    ]
    return Table(("served", "version", "by", "previous", "file"), rows)
