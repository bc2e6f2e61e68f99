"""What an engine prints: which lines are logged, and which may explain its end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from edgesegd.supervision.engine_child import EngineChild

ROUTINE = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "VERBOSE: Replacing 3 node(s)",
    "I0000 00:00:1732660000.123456   12345 gpu.cc:12] Created a device",
    "I1126 08:00:00.000000   12345 gpu.cc:12] Created a device",
)
OF_LIBRARIES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "W0000 00:00:1732660000.123456   12345 adapter.cc:1] no driver",
)
OF_DRIVERS = ("npu: the firmware is too old", "ERROR: Node 3 failed to invoke.", "E0000 00:00 x")


@pytest.fixture
def child() -> Iterator[EngineChild]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = EngineChild(ours, theirs)
        child.process = SimpleNamespace(pid=7)  # type: ignore[assignment]
        yield child


@pytest.mark.parametrize("ready", [False, True])
def test_only_what_a_driver_prints_while_it_serves_is_logged_at_the_default_level(
    child: EngineChild, caplog: pytest.LogCaptureFixture, ready: bool
) -> None:
    caplog.set_level("INFO")
    child.is_ready = ready
    for line in (*ROUTINE, *OF_LIBRARIES, *OF_DRIVERS):
        child._on_output(line)
    assert caplog.messages == ([f"engine 7: {line}" for line in OF_DRIVERS] if ready else [])


def test_every_line_is_in_the_debug_log(
    child: EngineChild, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    lines = (*ROUTINE, *OF_LIBRARIES, *OF_DRIVERS)
    for line in lines:
        child._on_output(line)
    assert caplog.messages == [f"engine 7: {line}" for line in lines]


def test_a_warning_may_explain_the_end_and_a_routine_line_does_not(child: EngineChild) -> None:
    child._on_output(ROUTINE[0])
    assert child.last_line == ""
    for line in (*OF_LIBRARIES, ROUTINE[0]):
        child._on_output(line)
    assert child.last_line == OF_LIBRARIES[-1]
