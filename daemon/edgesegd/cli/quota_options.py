"""The flags of a quota, and how a quota is shown."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from edgesegd.access.quota import LIMITS, Quota
from edgesegd.core.errors import ConfigError
from edgesegd.core.priority import Priority
from edgesegd.models.names import given_name

UNITS: dict[str, int] = {
    "": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMG", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMG", 1)},
}
SIZE = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(UNITS)})")
ALL = "all"
DEST = "quota_"
"""Before a limit's name in the parsed arguments: options of the daemon have some of these names."""


def add_quota_options(parser: ArgumentParser) -> None:
    """Add a flag for each limit of a quota."""
    quota = parser.add_argument_group(
        "quota", "how much its clients may use, over all their connections (default: no limit)"
    )
    quota.add_argument(
        "--max-streams",
        dest=DEST + "max_streams",
        type=_number,
        metavar="N",
        help="streams at a time",
    )
    quota.add_argument(
        "--max-frames-per-second",
        dest=DEST + "max_frames_per_second",
        type=float,
        metavar="X",
        help="frames of streams and single images; as many as in a second may come at once",
    )
    quota.add_argument(
        "--max-bytes-per-second",
        dest=DEST + "max_bytes_per_second",
        type=_size,
        metavar="SIZE",
        help="bytes of these, such as 500kB, 4MB or 2MiB; without a unit, bytes",
    )
    quota.add_argument(
        "--max-priority",
        dest=DEST + "max_priority",
        choices=[each.name.lower() for each in Priority],
        help="the highest priority of a stream",
    )
    quota.add_argument(
        "--model",
        dest=DEST + "models",
        action="append",
        metavar="NAME",
        help="a model that may be used, and no other; may be repeated",
    )


def add_lift_option(parser: ArgumentParser) -> None:
    """Add the flag that removes limits."""
    parser.add_argument(
        "--lift",
        action="append",
        default=[],
        choices=(*LIMITS, ALL),
        help="a limit to remove; may be repeated",
    )


def given_limits(args: Namespace) -> dict[str, Any]:
    """The limits that the flags set, by the names of the fields of a quota.

    Raises ConfigError for the name of a model that none can have.
    """
    given = {name: getattr(args, DEST + name) for name in LIMITS.values()}
    if given["models"]:
        given["models"] = [given_name(name) for name in given["models"]]
    return {name: value for name, value in given.items() if value is not None}


def lifted_limits(args: Namespace) -> set[str]:
    """The limits that are to be removed, by the names of the fields of a quota.

    Raises ConfigError for one that is to be set too.
    """
    lifted = set(LIMITS) if ALL in args.lift else set(args.lift)
    both = [short for short in lifted if LIMITS[short] in given_limits(args)]
    if both and ALL not in args.lift:
        raise ConfigError(f"the limit of {min(both)} cannot be set and lifted at once")
    return {LIMITS[short] for short in lifted}


def describe_quota(quota: Quota) -> str:
    """A quota in words; empty for one without limits."""
    parts = []
    if quota.max_streams is not None:
        plural = "" if quota.max_streams == 1 else "s"
        parts.append(f"{quota.max_streams:,} stream{plural}")
    if quota.max_frames_per_second is not None:
        parts.append(f"{quota.max_frames_per_second:,g} frames/s")
    if quota.max_bytes_per_second is not None:
        parts.append(f"{quota.max_bytes_per_second:,} bytes/s")
    if quota.max_priority is not None:
        parts.append(f"priority {quota.max_priority.name.lower()}")
    if quota.models is not None:
        parts.append(f"models {', '.join(quota.models)}")
    return "; ".join(parts)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None


def _size(text: str) -> int:
    found = SIZE.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no size, such as 2000000, 500kB, 4MB or 2MiB")
    return round(float(found[1]) * UNITS[found[2]])
