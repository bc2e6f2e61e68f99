from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.running_daemon import Launch, RunningDaemon


@pytest.fixture(scope="session")
def daemon() -> Iterator[RunningDaemon]:
    """One daemon with the built-in model for all tests that leave it as it was."""
    running = RunningDaemon("--max-frame-bytes=4000000", "--max-frame-pixels=4000000")
    yield running
    assert running.stop() == 0


@pytest.fixture
def launch() -> Iterator[Launch]:
    """For tests that stop their daemons themselves: none is left if a test fails before that."""
    with ExitStack() as daemons:
        yield lambda *flags: daemons.enter_context(RunningDaemon(*flags))
