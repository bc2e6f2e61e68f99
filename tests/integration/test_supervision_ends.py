"""The parts of the daemon that must not end, ending: what waits is answered all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.config import Config
from edgesegd.daemon import EXIT_FAILED, Daemon
from edgesegd.supervision.engine_child import EarlyEngine
from edgesegd.supervision.engine_pool import EnginePool
from support.calls import every, frames, stub


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        listen=("127.0.0.1:0",),
        metrics_listen="",
        delegate="cpu",
        data_dir=str(tmp_path),
        drain_seconds=3600,
    )


@pytest.fixture
def failure(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Engines get no frames; when the event is set, the supervision ends with an error."""
    failing = asyncio.Event()

    async def run(_fleet: EnginePool) -> None:
        await failing.wait()
        raise MemoryError

    monkeypatch.setattr(EnginePool, "run", run)
    return failing


@pytest.mark.parametrize("draining", [False, True])
async def test_frames_that_wait_are_answered_when_the_supervision_ends(
    config: Config, failure: asyncio.Event, jpeg: bytes, draining: bool
) -> None:
    printed: asyncio.Queue[str] = asyncio.Queue()
    daemon = Daemon(config, announce=printed.put_nowait, early=EarlyEngine())
    running = asyncio.create_task(daemon.run())
    address = (await printed.get()).split()[-1]
    async with stub(address) as service:
        call = service.Segment()
        for request in (every(), *frames([jpeg] * 3)):
            await call.write(request)
        while daemon._parts.models.find().scheduler.depth < 3:
            await asyncio.sleep(0.01)
        if draining:
            daemon._signals.stop.set()
            await asyncio.sleep(0.1)
        failure.set()
        answers = [await call.read() for _ in range(3)]
        assert {answer.status for answer in answers if isinstance(answer, pb.SegmentResponse)} == {
            pb.FRAME_STATUS_INTERNAL
        }
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert await running == EXIT_FAILED
