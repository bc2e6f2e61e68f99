from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.running_daemon import RunningDaemon


@pytest.fixture(scope="session")
def daemon() -> Iterator[RunningDaemon]:
    """One daemon with the built-in model for all tests that leave it as it was."""
    running = RunningDaemon("--max-frame-bytes=4000000", "--max-frame-pixels=4000000")
    yield running
    assert running.stop() == 0
