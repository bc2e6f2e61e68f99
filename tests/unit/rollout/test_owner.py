"""As whom a folder of models is changed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from edgesegd.core.errors import ConfigError
from edgesegd.rollout.owner import become_owner

OTHER = 65534


def owner_of_what_is_made(folder: Path) -> tuple[int, int, int]:
    """The owner, the group and the user's other groups, of a process that has become the owner."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become_owner(folder)
            (folder / "made").touch()
            os.write(writer, str(len(set(os.getgroups()) - {os.getgid()})).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    groups = int(os.read(reader, 16) or b"-1")
    os.close(reader)
    status = (folder / "made").stat()
    return status.st_uid, status.st_gid, groups


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_goes_on_as_the_owner_of_the_folder() -> None:
    with tempfile.TemporaryDirectory() as made:  # others cannot enter that of pytest
        os.chown(made, OTHER, OTHER)
        assert owner_of_what_is_made(Path(made)) == (OTHER, OTHER, 0)


def test_whoever_owns_the_folder_stays_who_it_is(tmp_path: Path) -> None:
    become_owner(tmp_path)
    assert os.geteuid() == tmp_path.stat().st_uid


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used: No such file"):
        become_owner(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not a folder"):
        become_owner(tmp_path / "file")
