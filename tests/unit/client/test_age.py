"""The age of frames when the wall clock is set."""

import time
from collections.abc import Iterator

import grpc
import pytest

from edgeseg_client import Client, Frame
from edgeseg_client.age import FrameAge

from .scripted_daemon import GOOD, Script, refuse

HOUR_NS = 3600 * 10**9
HOUR_US = 3600 * 10**6


class WallClock:
    """The machine's wall clock plus an offset."""

    def __init__(self) -> None:
        self._real = time.time_ns
        self.offset = 0

    def __call__(self) -> int:
        return self._real() + self.offset


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(time, "time_ns", clock)
    return clock


@pytest.mark.parametrize("step", [HOUR_NS, -HOUR_NS])
@pytest.mark.parametrize("given", [False, True])
def test_the_age_of_a_frame_that_waits_goes_on_evenly_when_the_clock_is_set(
    wall_clock: WallClock, step: int, given: bool
) -> None:
    age = FrameAge(wall_clock() - 5 * 10**9 if given else None)
    before = age.microseconds()
    wall_clock.offset = step
    after = age.microseconds()

    assert (before >= 5_000_000) == given
    assert before <= after < before + HOUR_US // 2


def test_a_capture_in_the_future_counts_from_when_the_client_has_the_frame(
    wall_clock: WallClock,
) -> None:
    assert 0 <= FrameAge(wall_clock() + HOUR_NS).microseconds() < HOUR_US


@pytest.mark.parametrize("step", [HOUR_NS, -HOUR_NS])
@pytest.mark.parametrize("given", [False, True])
def test_a_call_that_is_tried_again_sends_an_age_that_no_set_clock_changes(
    client: Client, script: Script, wall_clock: WallClock, step: int, given: bool
) -> None:
    def refusal(context: grpc.ServicerContext) -> None:
        wall_clock.offset = step
        refuse(grpc.StatusCode.UNAVAILABLE)(context)

    script.refusals = [refusal]
    client.segment(Frame(GOOD, captured_unix_ns=wall_clock() if given else None))

    first, second = (frame.age_us for frame in script.frames)
    assert first <= second < HOUR_US // 2


@pytest.mark.parametrize("step", [HOUR_NS, -HOUR_NS])
@pytest.mark.parametrize("given", [False, True])
def test_a_frame_of_a_stream_that_waits_sends_an_age_that_no_set_clock_changes(
    client: Client, script: Script, wall_clock: WallClock, step: int, given: bool
) -> None:
    """While the daemon reads nothing, frames that gRPC does not accept wait in the client."""
    script.gate.clear()
    big = bytes(1 << 19)

    def source() -> Iterator[Frame]:
        for number in range(20):
            yield Frame(big, id=number, captured_unix_ns=wall_clock() if given else None)
        wall_clock.offset = step
        script.gate.set()

    answers = list(client.stream(source(), policy="every", in_flight=21))
    assert len(answers) == 20
    assert max(frame.age_us for frame in script.frames) < HOUR_US // 2
    assert script.frames[-1].age_us > 0
