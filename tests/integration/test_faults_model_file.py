"""What happens to the file of a model while it is served is no matter to its engines."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from support.calls import every, frames, segment_in_step
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime

COUNT, AT = 20, 5


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def overwrite(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


@pytest.mark.parametrize("harm", [truncate, overwrite, Path.unlink])
async def test_an_engine_comes_back_though_its_model_was_harmed(
    tmp_path: Path, jpeg: bytes, harm: Callable[[Path], None]
) -> None:
    """In the middle of a stream, and the engine is killed then."""
    for file in resolve_model(BUILTIN, tmp_path).parent.glob("scenes.t*"):
        shutil.copy(file, tmp_path / file.name)
    model = tmp_path / "scenes.tflite"
    with RunningDaemon(f"--model={model}") as running:

        def answered(response: pb.SegmentResponse) -> None:
            if response.frame_id == AT:
                harm(model)
                assert running.engine_pid is not None
                os.kill(running.engine_pid, signal.SIGKILL)

        answers = await segment_in_step(
            running.address, [every(), *frames([jpeg] * COUNT)], answered
        )
        assert answers.keys() == set(range(COUNT))
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert len({answer.segmentation.labels for answer in answers.values()}) == 1
        assert running.metric("edgeseg_engine_restarts_total", cause="crash") == 1
