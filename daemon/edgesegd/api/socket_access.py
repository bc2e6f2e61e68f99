"""Who may connect to the daemon's Unix sockets: their mode and their group."""

from __future__ import annotations

import contextlib
import grp
import os
from collections.abc import Iterator
from pathlib import Path

from edgesegd.core.errors import CannotListen, ConfigError
from edgesegd.files.owner_only import owner_only

MODES = range(0o1000)
MAX_DIGITS = 9
"""Of a group's number."""


class SocketAccess:
    """The permissions of Unix sockets; empty texts leave them to the process's mask and group.

    `mode` is octal, such as 660; `group` is a name or a number. Raises ConfigError for others.
    """

    def __init__(self, mode: str, group: str) -> None:
        self._mode = _number_of_mode(mode)
        self._group = _number_of_group(group)

    @contextlib.contextmanager
    def applied(self) -> Iterator[list[str]]:
        """Sockets that are made within the block, whose paths it appends to the list.

        They get the permissions at the end; before, only this user can connect. Raises
        CannotListen.
        """
        paths: list[str] = []
        if self._mode is None and self._group is None:
            yield paths
            return
        with owner_only():
            yield paths
        for path in paths:
            try:
                if self._group is not None:
                    os.chown(path, -1, self._group)
                Path(path).chmod(0o660 if self._mode is None else self._mode)
            except OSError as error:
                raise CannotListen(
                    f"the socket {path} cannot be given to its group: {error.strerror}; this user "
                    "must be a member of it"
                ) from None


def _number_of_mode(text: str) -> int | None:
    if not text:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if mode not in MODES:
        raise ConfigError(f"socket_mode is an octal number such as 660, not {text!r}")
    return mode


def _number_of_group(text: str) -> int | None:
    if not text:
        return None
    if text.isdecimal() and len(text) <= MAX_DIGITS:
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise ConfigError(f"socket_group is {text!r}, which is no group of this machine") from None
