"""The memory limit of a board is reached by an engine: the front and its streams go on."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from attacks.memory_limit import MemoryLimit
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment
from support.pictures import file_of
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.slow

LIMIT = 160 << 20
"""Bytes for front and engine: enough for usual frames, and too little for a large one."""
SIDE = 8000


@pytest.fixture
def limit() -> Iterator[MemoryLimit]:
    try:
        made = MemoryLimit(LIMIT)
    except OSError as error:
        pytest.skip(f"no control group for memory can be made: {error}")
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
