"""The wall clock is set while frames come, as by a network time service on a board without one.

The machine's own clock stays: the daemon has a library that shifts what it reads of it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import AccessDenied, Client
from edgesegd.bench.launch import LaunchedDaemon
from support.access import add_token
from support.calls import every, frames, segment_in_step
from support.running_daemon import RunningDaemon

SOURCE = Path(__file__).parents[1] / "support" / "shifted_clock.c"
YEAR = 365 * 86_400
COUNT, AT = 30, 10
MAX_AGE_MS = 20_000


class ShiftedClock:
    """What a process needs in its environment, and by how many seconds its clock is wrong."""

    def __init__(self, folder: Path) -> None:
        library, self._shift = folder / "shifted_clock.so", folder / "shift"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True
        )
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self._shift)}

    def set(self, seconds: int) -> None:
        self._shift.write_text(str(seconds))


@pytest.fixture
def clock(tmp_path: Path) -> ShiftedClock:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the library with; on Debian: apt install gcc")
    return ShiftedClock(tmp_path)


@pytest.mark.parametrize("seconds", [-YEAR, YEAR])
async def test_a_stream_goes_on_when_the_wall_clock_is_set(
    clock: ShiftedClock, jpeg: bytes, seconds: int
) -> None:
    with RunningDaemon("--engine-answer-seconds=2", env=clock.environment) as running:
        sent_at: dict[int, int] = {}

        def answered(response: pb.SegmentResponse) -> None:
            sent_at[response.frame_id] = response.timing.sent_unix_ns
            if response.frame_id == AT:
                clock.set(seconds)

        requests = [every(max_age_ms=MAX_AGE_MS), *frames([jpeg] * COUNT)]
        answers = await segment_in_step(running.address, requests, answered)
        assert answers.keys() == set(range(COUNT))
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert running.metric("edgeseg_engine_restarts_total") == 0
    moved = (sent_at[COUNT - 1] - sent_at[0]) / 1e9
    assert abs(moved - seconds) < 60, "the daemon reads the shifted clock"


def test_tokens_expire_by_the_wall_clock_and_are_valid_again_when_it_is_set_back(
    clock: ShiftedClock, tmp_path: Path, jpeg: bytes
) -> None:
    file = tmp_path / "tokens.json"
    token = add_token(file, "camera", "--days=1")
    with (
        LaunchedDaemon(f"--tokens={file}", env=clock.environment) as running,
        Client(running.address, token=token, timeout=30) as client,
    ):
        assert client.segment(jpeg).shape
        clock.set(YEAR)
        with pytest.raises(AccessDenied, match="has expired"):
            client.segment(jpeg)
        clock.set(-YEAR)
        assert client.segment(jpeg).shape
