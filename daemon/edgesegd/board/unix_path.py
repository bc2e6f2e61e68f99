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
"""Bytes of a path; `sun_path` of unix(7) has one more, for the zero at its end."""
ANSWER_SECONDS = 1.0

REASONS = {
    errno.ENOENT: "there is no such folder",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.EACCES: "this user may not create a socket there",
    errno.EPERM: "this user may not create a socket there",
    errno.EROFS: "its file system is read-only",
    errno.EADDRINUSE: "the path exists and is not a socket",
}


def check_unix_path(address: str, path: str, *, option: str = "--listen") -> None:
    """Raise CannotListen if no socket can be created at `path`; the error says why.

    This is checked because gRPC would replace a socket on which another process listens. A socket
    that a dead process left is removed. Raises ConfigError if the path is not UTF-8, because then
    it cannot be sent to clients. `option` is the command-line option that sets the path.
    """
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise ConfigError(f"{address!r} is not UTF-8; choose another path with {option}") from None
    if "\0" in path:
        raise ConfigError(f"{address!r} contains a NUL character, which a path cannot have")
    if size > MAX_PATH:
        why = f"its path has {size} bytes; the path of a socket has at most {MAX_PATH}"
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
    """The path as gRPC takes it: gRPC decodes percent signs."""
    return f"unix:{quote(path)}"


def _why_taken(path: str) -> str:
    """Why the path cannot be used; empty if it does not exist, or was an abandoned socket."""
    try:
        mode = Path(path).lstat().st_mode
    except FileNotFoundError:
        return ""
    if not stat.S_ISSOCK(mode):
        return REASONS[errno.EADDRINUSE]
    return _who_answers(path)


def _who_answers(path: str) -> str:
    """Why a socket cannot be used; if nothing listens on it, it is removed and this is empty."""
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
        except (TimeoutError, BlockingIOError):  # a process listens, but is busy
            pass
        except PermissionError:
            return "there is a socket that this user may not use"
        except OSError as error:
            return f"there is a socket of another kind ({error.strerror})"
    return "another process listens there"


def _make_and_take_away(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.bind(path)
        os.unlink(path)  # noqa: PTH108 # the path as it is
