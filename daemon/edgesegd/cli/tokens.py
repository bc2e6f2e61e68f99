"""`edgesegd tokens`: the tokens that clients need, and their quotas."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgesegd.access.keyring import find_keyring
from edgesegd.access.quota import NO_LIMITS, Quota, parse_quota
from edgesegd.access.token_file import (
    FileContent,
    changing_content,
    changing_tokens,
    check_certificate_name,
    date,
    read_content,
    tokens_path,
)
from edgesegd.access.tokens import INFER, SCOPES, Token, make_token
from edgesegd.cli.options import add_options, effective_config
from edgesegd.cli.quota_options import (
    add_lift_option,
    add_quota_options,
    describe_quota,
    given_limits,
    lifted_limits,
)
from edgesegd.cli.tables import Table, print_table
from edgesegd.core.errors import ConfigError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DAY_SECONDS = 86_400
NO_LIMITS_TEXT = "no limits"


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command; the parsed arguments then hold `run`."""
    parser = subparsers.add_parser(
        "tokens",
        help="make, limit, list and revoke the tokens that clients need",
        description="From the first token on, every client needs one, except on Unix sockets. A "
        "daemon that runs follows at once. docs/access.md describes tokens.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser(
        "add",
        help="make a token and print it; it is shown only once",
        description="Make a token and print it. Only a hash of it is kept, so it is shown only "
        "once. Give it to the client as EDGESEG_TOKEN, or with token= in Python.",
    )
    adding.add_argument("name", metavar="NAME", help="who will use it, such as robot-1")
    adding.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what it is for: segmenting pictures, loading models, reading the metrics; may be "
        f"repeated (default: {INFER})",
    )
    adding.add_argument(
        "--days", type=float, metavar="N", help="days until it expires (default: never)"
    )
    add_quota_options(adding)
    limiting = actions.add_parser(
        "limit",
        help="change the quota of a token, or of a client's certificate",
        description="Change how much the clients of a token may use, or those with certificates of "
        "a name. Limits that are not named stay as they are. A daemon that runs follows within a "
        "second, and ends nothing that is open.",
    )
    limiting.add_argument("name", metavar="NAME", nargs="?", help="a token")
    limiting.add_argument(
        "--certificate",
        metavar="NAME",
        help="the common name in certificates of clients, instead of a token",
    )
    add_quota_options(limiting)
    add_lift_option(limiting)
    listing = actions.add_parser("list", help="list the tokens")
    listing.add_argument("--json", action="store_true", help="print JSON")
    revoking = actions.add_parser(
        "revoke",
        help="make a token invalid, and end what its client does",
        description="Make a token invalid. A daemon that runs ends its open calls within a second.",
    )
    revoking.add_argument("name", metavar="NAME")
    for action in (adding, limiting, listing, revoking):
        add_options(action, {"data_dir", "tokens"})


def run(args: Namespace) -> int:
    """Run the action; raises `StartupError` if it fails."""
    config = effective_config(args).config
    path = tokens_path(config.tokens, config.data_dir)
    if path is None:
        raise ConfigError("tokens is none, so this daemon asks for no token; name a file instead")
    match args.action:
        case "add":
            quota = parse_quota(given_limits(args))
            _add(path, args.name, args.scope or [INFER], args.days, quota)
        case "limit":
            _limit(path, args)
        case "revoke":
            _revoke(path, args.name)
        case _:
            try:
                content = read_content(path)
            except FileNotFoundError:
                find_keyring(config.tokens, config.data_dir)  # says why a daemon would not start
                content = FileContent()
            _list(path, content, as_json=args.json)
    return 0


def _add(path: Path, name: str, scopes: list[str], days: float | None, quota: Quota) -> None:
    if days is not None and not 0 < days < 100 * 365:
        raise ConfigError(f"--days is more than 0 and less than 100 years, not {days:g}")
    now = time.time()
    expires = None if days is None else now + days * DAY_SECONDS
    token, text = make_token(name, scopes, now=now, expires=expires, quota=quota)
    with changing_tokens(path) as tokens:
        if any(each.name == name for each in tokens):
            raise ConfigError(
                f"there is a token {name!r} already; revoke it first, or choose another name"
            )
        tokens.append(token)
        until = "" if expires is None else f", until {date(expires)}"
        limits = f", limited to {described}" if (described := describe_quota(quota)) else ""
        print(
            f"edgesegd: the token {name!r} is for {', '.join(token.scopes)}{until}{limits}; "
            "it is shown only now:",
            file=sys.stderr,
            flush=True,
        )
        print(text, flush=True)  # what cannot be shown is not kept


def _limit(path: Path, args: Namespace) -> None:
    """Change the quota of a token or a certificate."""
    given, lifted = given_limits(args), lifted_limits(args)
    if bool(args.name) == bool(args.certificate):
        raise ConfigError("name one token, or one certificate with --certificate")
    if not given and not lifted:
        raise ConfigError("name a limit to set, such as --max-streams 2, or one to --lift")

    def changed(quota: Quota) -> Quota:
        kept = {key: value for key, value in quota.given().items() if key not in lifted}
        return parse_quota(kept | given)

    with changing_content(path) as content:
        if args.certificate:
            name = check_certificate_name(args.certificate)
            if not given and name not in content.certificates:
                raise ConfigError(f"the certificate {name!r} has no quota in {path}")
            quota = changed(content.certificates.pop(name, NO_LIMITS))
            if quota != NO_LIMITS:
                content.certificates[name] = quota
        else:
            name, tokens = args.name, content.tokens or []
            place = _place_of(name, tokens, path)
            quota = changed(tokens[place].quota)
            tokens[place] = replace(tokens[place], quota=quota)
    print(f"{name}: {describe_quota(quota) or NO_LIMITS_TEXT}")


def _place_of(name: str, tokens: Sequence[Token], path: Path) -> int:
    """Where a token is in the list; raises ConfigError."""
    names = [token.name for token in tokens]
    if name not in names:
        listed = ", ".join(names) or "there are none"
        raise ConfigError(f"there is no token {name!r} in {path} ({listed})")
    return names.index(name)


def _revoke(path: Path, name: str) -> None:
    with changing_tokens(path) as tokens:
        del tokens[_place_of(name, tokens, path)]
    print(f"{name} is revoked; clients still need a token")


def _list(path: Path, content: FileContent, *, as_json: bool) -> None:
    tokens, certificates = content.tokens, content.certificates
    if as_json:
        facts: list[dict[str, object]] = [_facts(token) for token in tokens or ()]
        facts += [
            {"certificate": name, "quota": quota.given()} for name, quota in certificates.items()
        ]
        print(json.dumps(facts, indent=2))
        return
    if tokens is None:
        print(f"there are no tokens in {path}; clients need none")
    else:
        _print_tokens(tokens)
    if certificates:
        print()
        quotas = [(name, describe_quota(quota)) for name, quota in certificates.items()]
        print_table(Table(("certificate", "quota"), quotas, frozenset({"quota"})))


def _print_tokens(tokens: Sequence[Token]) -> None:
    now = time.time()
    rows = [
        (
            token.name,
            ", ".join(token.scopes),
            date(token.created),
            "never" if token.expires is None else date(token.expires),
            "expired" if token.is_expired(now) else "valid",
            describe_quota(token.quota) or NO_LIMITS_TEXT,
        )
        for token in tokens
    ]
    headings = ("token", "for", "made", "expires", "state", "quota")
    print_table(Table(headings, rows, frozenset({"quota"})))


def _facts(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "scopes": list(token.scopes),
        "created": date(token.created),
        "expires": None if token.expires is None else date(token.expires),
        "quota": token.quota.given(),
    }
