"""A program that starts a daemon takes it along, whenever it is ended."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesegd.bench.launch import LaunchedDaemon


def unwind(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Starts processes, and sends SIGTERM to itself before it can know of each."""
    pids: list[int] = []
    real = subprocess.Popen

    def start(*words: object, **options: object) -> object:
        process = real(*words, **options)  # type: ignore[call-overload]
        pids.append(process.pid)
        signal.raise_signal(signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    before = signal.signal(signal.SIGTERM, unwind)
    yield pids
    signal.signal(signal.SIGTERM, before)


def test_a_signal_while_a_daemon_is_being_started_leaves_none(started: list[int]) -> None:
    with pytest.raises(SystemExit) as end:
        LaunchedDaemon()
    assert end.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is unwind
    assert not Path(f"/proc/{started[0]}").exists()
