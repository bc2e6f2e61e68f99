"""What a daemon is called in its network."""

from __future__ import annotations

import socket

from edgesegd.core.errors import ConfigError

MAX_BYTES = 60
"""A label of DNS has 63; a name that is taken gets a number at its end."""
SEPARATORS = ".,"
"""Of the labels of DNS, and of several addresses as clients give them."""
UNNAMED = "edgeseg"
"""The name on a machine that has none."""


def check_instance_name(name: str) -> str:
    """Return the name; raises ConfigError if it cannot be one."""
    size = len(name.encode(errors="replace"))
    if not 0 < size <= MAX_BYTES:
        raise ConfigError(f"the announced name has 1 to {MAX_BYTES} bytes, not {size}")
    is_bare = name.isprintable() and name == name.strip() and not name.startswith("_")
    if not is_bare or any(each in name for each in SEPARATORS):
        raise ConfigError(
            f"the announced name {name!r} has a dot, a comma or a control character, begins with "
            "an underscore, or has a space at an end"
        )
    return name


def name_of_this_machine() -> str:
    """The first part of the machine's name, as far as it can be announced."""
    name = socket.gethostname().partition(".")[0][:MAX_BYTES]
    try:
        return check_instance_name(UNNAMED if name == "localhost" else name)
    except ConfigError:
        return UNNAMED
