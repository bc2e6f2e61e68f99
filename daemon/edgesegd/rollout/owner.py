"""Gives up root's rights before a folder of another user is changed."""

from __future__ import annotations

import os
from pathlib import Path

from edgesegd.core.errors import ConfigError
from edgesegd.files.regular import say_why


def become_owner(folder: Path) -> None:
    """If this is root, and the folder is another user's, go on as that user.

    So all that is made there is that user's, and links in it lead to nothing that the user may not
    change. Raises ConfigError if the folder is not there.
    """
    try:
        status = folder.stat()
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder")
        if os.geteuid() == 0 and status.st_uid != 0:
            os.setgroups([status.st_gid])
            os.setgid(status.st_gid)
            os.setuid(status.st_uid)
    except OSError as error:
        raise ConfigError(
            f"the folder of models {folder} cannot be used: {say_why(error)}"
        ) from None
