"""Paths of Unix sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from urllib.parse import quote

from edgesegd.core.errors import CannotListen, ConfigError

MAX_PATH = 107
"""Bytes; `sun_path` of unix(7) has one more, for the zero at its end."""
ANSWER_SECONDS = 1.0

REASONS = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.EACCES: "this user may not make a socket there",
    errno.EPERM: "this user may not make a socket there",
    errno.EROFS: "nothing can be written there",
    errno.EADDRINUSE: "something else lies there, which is no socket",
}


def check_unix_path(address: str, path: str, *, option: str = "--listen") -> None:
    """Raise CannotListen where no socket can be made at `path`, which `option` names; it says why.

    gRPC would take the place of a socket where somebody answers. One that a dead process left is
    taken away. Raises ConfigError for a path that clients cannot be told, for it is not UTF-8.
    """
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise ConfigError(f"{address!r} is not UTF-8; choose another path with {option}") from None
    if "\0" in path:
        raise ConfigError(f"{address!r} holds a NUL character, which no path has")
    if size > MAX_PATH:
        why = f"its path has {size} bytes, and a socket's has at most {MAX_PATH}"
    else:
        try:
            why = _why_taken(path)
            if not why:
                _make_and_take_away(path)
        except OSError as error:
            why = REASONS.get(error.errno or 0) or error.strerror or str(error)
    if why:
        raise CannotListen(f"cannot listen on {address}: {why}; choose another path with {option}")


def encode_unix_path(path: str) -> str:
    """As gRPC takes it, which decodes percent signs."""
    return f"unix:{quote(path)}"


def _why_taken(path: str) -> str:
    """Why what lies there must stay; empty where nothing does any more."""
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return ""
    if not stat.S_ISSOCK(mode):
        return REASONS[errno.EADDRINUSE]
    return _who_answers(path)


def _who_answers(path: str) -> str:
    """Who is at a socket; empty for nobody, and then the socket is gone."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(path)
        except ConnectionRefusedError:  # a dead process left it
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 # the path as it is
            return ""
        except FileNotFoundError:
            return ""
        except (TimeoutError, BlockingIOError):  # somebody, who is busy
            pass
        except PermissionError:
            return "a socket lies there that this user may not use"
        except OSError as error:
            return f"a socket of another kind lies there ({error.strerror})"
    return "another process does"


def _make_and_take_away(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.bind(path)
        os.unlink(path)  # noqa: PTH108 # the path as it is
