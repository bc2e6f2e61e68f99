"""What only the client in C++ does: frames in shared memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseg_client import Client
from support.other_clients import OtherClient, read_masks, wait_until
from support.running_daemon import Launch, RunningDaemon

SHORTER = Path("/sys/devices/system/cpu/online")

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


def test_frames_in_shared_memory_have_the_labels_of_the_python_client(  # noqa: PLR0917 # fixtures
    daemon: RunningDaemon,
    socket_path: Path,
    cpp: OtherClient,
    pictures: list[Path],
    broken: Path,
    tmp_path: Path,
) -> None:
    """Of several sizes, many more than there are slots, and a bad one among them."""
    files = [pictures[0], broken, *pictures[1:]]
    run = cpp.run(
        f"unix://{socket_path}",
        *("--shared-memory", "--loop", "5", "--out", tmp_path / "masks", *files),
    )
    assert run.statuses == (["OK", "INVALID", "OK", "OK", "OK"] * 5)
    assert [answer.frame_id for answer in run.answers] == list(range(25))
    good = [number for number in range(25) if number % 5 != 1]
    masks = read_masks(tmp_path / "masks", good)
    with Client(daemon.address) as python:
        for number, mask in zip(good, masks, strict=True):
            expected = python.segment(files[number % 5], size="model").labels
            np.testing.assert_array_equal(mask, expected)
    wait_until(lambda: daemon.metric("edgeseg_shared_memory_bytes") == 0)


def test_a_file_that_is_shorter_than_it_was_is_not_filled_up_with_an_earlier_frame(
    socket_path: Path, cpp: OtherClient, pictures: list[Path]
) -> None:
    """Linux says that its file has 4096 bytes, and gives fewer: as if it shrank meanwhile."""
    if not SHORTER.exists() or SHORTER.stat().st_size <= len(SHORTER.read_bytes()):
        pytest.skip(f"{SHORTER} is not larger than what can be read of it: this is no usual Linux")
    run = cpp.run(f"unix://{socket_path}", "--shared-memory", pictures[0], SHORTER, pictures[1])
    assert (run.returncode, run.statuses) == (2, ["OK"])
    assert f"{SHORTER} has become shorter while it was read" in run.errors


def test_a_daemon_without_shared_memory_is_named_as_the_reason(
    launch: Launch, cpp: OtherClient, pictures: list[Path]
) -> None:
    run = cpp.run(launch().address, "--shared-memory", pictures[0])
    assert (run.returncode, run.answers) == (2, [])
    assert "shares no memory" in run.errors
