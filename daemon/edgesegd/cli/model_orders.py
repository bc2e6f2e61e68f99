"""`edgesegd models load` and the like: orders to a running daemon."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.cli.options import add_options
from edgesegd.config import Config
from edgesegd.control.client import give_order
from edgesegd.control.messages import ModelState, Order, control_path
from edgesegd.core.errors import CannotListen, ConfigError
from edgesegd.models.names import given_name

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.table import Table

OPTIONS = {"data_dir", "control"}


def add_parsers(actions: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands that a running daemon carries out."""
    load = actions.add_parser(
        "load",
        help="have a running daemon serve a model, or another version of one",
        description="The version is read, started and tried beside the one that serves, which then "
        "answers the frames that it has. Where that fails, the one that serves goes on.",
    )
    load.add_argument(
        "name",
        metavar="NAME|NAME=FILE",
        help="a model of the daemon's folder, or a file and what to serve it as",
    )
    load.add_argument(
        "--version", default="", metavar="N", help="of a folder of versions (default: the highest)"
    )
    for action, text in (
        ("unload", "have a running daemon serve a model no more"),
        ("rollback", "have the version serve again that served before"),
    ):
        parser = actions.add_parser(action, help=text, description=f"{text.capitalize()}.")
        parser.add_argument("name", metavar="NAME")
    reload = actions.add_parser(
        "reload", help="have a running daemon look for new models and versions, as SIGHUP does"
    )
    reload.add_argument("name", metavar="NAME", nargs="?", default="", help="default: all")
    for action in ("load", "unload", "rollback", "reload"):
        add_options(actions.choices[action], OPTIONS)


def order_from(args: Namespace) -> Order:
    """What the arguments ask for; raises ConfigError."""
    name, equals, path = args.name.partition("=")
    if args.action == "reload":
        return Order("reload", args.name)
    given_name(name if args.action == "load" else args.name)
    if args.action != "load":
        return Order(args.action, args.name)
    if not equals:
        return Order("load", name, args.version)
    if args.version:
        raise ConfigError("a file that is named has no --version")
    return Order("load", name, path=str(Path(path).absolute()))


def carry_out(args: Namespace, config: Config) -> int:
    """Give the order and print what is done; raises the StartupError that it ended with."""
    path = control_path(config.control, config.data_dir)
    give_order(path, order_from(args), report=lambda text: print(text, flush=True))
    return 0


def served_models(config: Config) -> Sequence[ModelState]:
    """What a running daemon serves; none where none runs."""
    try:
        return give_order(control_path(config.control, config.data_dir), Order("list"))
    except CannotListen:
        return ()


def states_as_json(states: Sequence[ModelState]) -> str:
    """For programs."""
    return json.dumps([asdict(state) for state in states], indent=2)


def states_as_table(states: Sequence[ModelState]) -> Table:
    """For people."""
    from rich.markup import escape  # noqa: PLC0415 - only where a person looks
    from rich.table import Column, Table  # noqa: PLC0415 - as above

    table = Table("served", "version", "by", "before", Column("file", overflow="fold"), box=None)
    for state in states:
        by = state.delegate if state.state == "serves" else state.state
        name = f"{state.name} (default)" if state.is_default else state.name
        row = (name, state.version, by, state.previous or "-", state.path)
        table.add_row(*map(escape, row))
    return table
