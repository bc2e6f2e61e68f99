"""The memory limit of a board is reached by an engine or the front: its streams go on."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from attacks.catalogue import ATTACKS
from attacks.memory_limit import MemoryLimit
from attacks.trial import try_attack
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment
from support.pictures import file_of
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.slow

LIMIT = 160 << 20
"""Bytes for front and engine: enough for usual frames, and too little for a large one."""
SIDE = 8000
LIMIT_OF_FRONT = 130 << 20
"""Too little for the results that sixteen clients do not read."""
ATTACK_SECONDS = 5.0


def make_limit(size: int) -> MemoryLimit:
    """A limit; skips where none can be made."""
    try:
        return MemoryLimit(size)
    except OSError as error:
        pytest.skip(f"no control group for memory can be made: {error}")


@pytest.fixture
def limit() -> Iterator[MemoryLimit]:
    made = make_limit(LIMIT)
    yield made
    made.close()


async def test_a_frame_that_takes_its_engine_past_the_memory_limit_costs_only_itself(
    limit: MemoryLimit, jpeg: bytes
) -> None:
    large = file_of(Image.new("RGB", (SIDE, SIDE)), "WEBP", lossless=True)
    with limit.for_children():
        running = RunningDaemon("--max-frame-pixels=100000000")
    with running:
        answers = await segment(
            running.address, [every(), *frames([jpeg] * 3 + [large] + [jpeg] * 3)]
        )
        assert limit.kills >= 1
        assert running.process.poll() is None
        sys.stdout.write(f"{limit.kills} engines killed; answered: {answers[3].message}\n")
        assert answers.pop(3).status != pb.FRAME_STATUS_OK
        assert sorted(answers) == [0, 1, 2, 4, 5, 6]
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}


@pytest.mark.usefixtures("no_resource_tracker_is_left")
def test_a_front_that_takes_all_memory_loses_engines_and_no_frame_of_others(jpeg: bytes) -> None:
    """The kernel ends an engine, which is started again, rather than the front."""
    make_limit(LIMIT_OF_FRONT).close()
    outcome = try_attack(
        next(attack for attack in ATTACKS if attack.name == "unread"),
        flags=["--delegate=cpu"],
        jpeg=jpeg,
        seconds=ATTACK_SECONDS,
        memory=LIMIT_OF_FRONT,
        progress=lambda _: None,
    )
    sys.stdout.write(
        f"{outcome.engines_lost} engines lost, rate {outcome.rate:.2f}, wait {outcome.wait:.2f} s\n"
    )
    assert outcome.front == "the same", outcome.log[-20:]
    assert outcome.engines_lost, "the limit was reached"
    assert any("failed (crash): killed by SIGKILL" in line for line in outcome.log)
    assert not outcome.good_client, "each of its frames was segmented"
    assert outcome.rate > 0
