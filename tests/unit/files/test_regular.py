"""Reading ends, whatever kind of file a path is."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edgesegd.files.regular import UnusableFile, read_regular_file, say_why


def test_all_bytes_are_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_regular_file(file, 5) == b"12345"
    with pytest.raises(UnusableFile, match="larger than"):
        read_regular_file(file, 4)


def test_a_path_that_is_no_regular_file_is_an_error_that_leaks_no_descriptor(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path, reason in (
        (tmp_path, "folder"),
        (tmp_path / "fifo", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
    ):
        with pytest.raises(UnusableFile) as failure:
            read_regular_file(path, 100)
        assert reason in say_why(failure.value)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="socket"):
            read_regular_file(tmp_path / "socket", 100)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
