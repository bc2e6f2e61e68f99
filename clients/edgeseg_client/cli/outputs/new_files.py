"""Says whether a file can be written, before anything is opened or sent."""

from __future__ import annotations

import os
from pathlib import Path

from edgeseg_client.cli.exit_codes import UsageError


def require_new_file(path: Path) -> None:
    """Raises `UsageError` if there is such a file already, or its folder cannot be written.

    Devices and pipes may be written: that destroys nothing.
    """
    if os.path.lexists(path):
        if path.is_file() or path.is_dir() or not path.exists():
            raise UsageError(f"{path} is there already; name another file")
        return
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {folder} may not be written to")


def require_folder(path: Path) -> None:
    """Raises `UsageError` if there is something else than a folder, or one that is read-only."""
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder; name another")
    if not os.access(path, os.W_OK | os.X_OK):
        raise UsageError(f"{path} may not be written to; name another folder")


def naming(path: Path, error: OSError) -> OSError:
    """The error of a write with the name of the file, which it lacks."""
    return OSError(error.errno, error.strerror or str(error), str(path))
