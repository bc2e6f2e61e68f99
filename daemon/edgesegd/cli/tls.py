"""`edgesegd tls`: a small certificate authority for a few boards and their clients."""

from __future__ import annotations

import socket
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.access.openssl import Authority
from edgesegd.access.tokens import NAME
from edgesegd.board.interface_addresses import interface_addresses
from edgesegd.cli.options import add_options, effective_config
from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import say_why

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FOLDER = "tls"
"""In the data folder."""
DAYS = 825
"""Longest time that Apple's systems accept for a server's certificate."""
MAX_DAYS = 3650
HERE = ("localhost", "127.0.0.1", "::1")


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command; the parsed arguments then hold `run`."""
    parser = subparsers.add_parser(
        "tls",
        help="make certificates for this board and its clients",
        description="Make certificates with a small authority of your own. They are files in PEM "
        "format; a daemon that runs takes new ones without a restart.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    making = actions.add_parser(
        "init",
        help="make an authority and a certificate of this board",
        description="Make an authority (ca.pem) and a certificate of this board (server.pem) with "
        "its names and addresses. If there is an authority already, it signs a new certificate.",
    )
    making.add_argument(
        "--name",
        action="append",
        metavar="NAME|ADDRESS",
        help="a name or an address by which clients reach this board; may be repeated (default: "
        "the names and addresses that this machine has now)",
    )
    client = actions.add_parser(
        "client",
        help="make a certificate of a client",
        description="Make NAME.pem and NAME-key.pem, signed by the authority, for a daemon with "
        "--tls-client-ca.",
    )
    client.add_argument("name", metavar="NAME", help="the client, such as robot-1")
    for action in (making, client):
        action.add_argument(
            "--folder",
            type=Path,
            help=f"where the files are (default: {FOLDER} in the data folder)",
        )
        action.add_argument(
            "--days",
            type=int,
            default=DAYS,
            metavar="N",
            help="days until the certificate expires (default: %(default)s)",
        )
        add_options(action, {"data_dir"})


def run(args: Namespace) -> int:
    """Run the action; raises `StartupError` if it fails."""
    config = effective_config(args).config
    folder: Path = args.folder or Path(config.data_dir) / FOLDER
    if not 0 < args.days <= MAX_DAYS:
        raise ConfigError(f"--days is from 1 to {MAX_DAYS}, not {args.days}")
    try:
        if args.action == "init":
            folder.mkdir(parents=True, exist_ok=True)
            _init(Authority(folder), args.name or _names_of_this_machine(), args.days)
        else:
            _client(Authority(folder), args.name, args.days)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {say_why(error)}") from None
    return 0


def _init(authority: Authority, names: list[str], days: int) -> None:
    if not authority.exists:
        authority.make(f"edgeseg authority of {socket.gethostname() or 'a board'}")
        print(f"made the authority {authority.certificate}: give this file to clients")
    certificate, key = authority.issue("server", names[0], "serverAuth", days, names)
    print(f"made {certificate} for {', '.join(names)}")
    server = next((name for name in names if name not in HERE), names[0])
    print(
        f"serve with: edgesegd serve --listen 0.0.0.0:8460 --tls-cert {certificate} --tls-key {key}"
    )
    print(f"clients:    edgeseg info --server {server}:8460 --ca {authority.certificate.name}")


def _names_of_this_machine() -> list[str]:
    """Its names and addresses, each once."""
    host = socket.gethostname()
    names = ["localhost", host, *([f"{host}.local"] if "." not in host else [])]
    every = [*names, "127.0.0.1", "::1", *interface_addresses()]
    return list(dict.fromkeys(name for name in every if name))


def _client(authority: Authority, name: str, days: int) -> None:
    if not NAME.fullmatch(name) or name in ("ca", "server") or name.endswith("-key"):
        raise ConfigError(
            f"{name!r} cannot be a client's name: it has 1 to 64 letters, digits, dots, dashes and "
            "underscores, is neither ca nor server, and does not end in -key"
        )
    if not authority.exists:
        raise ConfigError(
            f"there is no authority in {authority.folder}; make it with `edgesegd tls init`"
        )
    certificate, key = authority.issue(name, name, "clientAuth", days)
    print(f"made {certificate} and {key}: give both, and {authority.certificate}, to {name}")
    print(f"serve with: edgesegd serve … --tls-client-ca {authority.certificate}")
    print(f"client:     edgeseg … --ca ca.pem --cert {certificate.name} --key {key.name}")
