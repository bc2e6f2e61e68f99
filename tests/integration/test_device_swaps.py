"""Versions of a model that runs on an accelerator, which one engine at a time can have."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from itertools import chain, repeat
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.control.client import give_order
from edgesegd.control.messages import Order
from edgesegd.core.errors import StartupError
from support.calls import endless_frames, every, frames, segment_in_step
from support.crashing_model import crashing_model
from support.model_folder import add_version
from support.pictures import file_of, gradient
from support.running_daemon import Launch, RunningDaemon
from support.sums_model import sums_model

pytestmark = pytest.mark.runtime

PICTURE = file_of(gradient(32, 24), "PNG")
FRAMES = 120
"""That come, at least."""


def compiled(path: Path) -> Path:
    """A model that only the test delegate runs, with a content of its own."""
    sums_model(path, "CUSTOM", ["NONE"])
    path.write_bytes(path.read_bytes() + bytes(int(path.parent.name)))
    return path


@pytest.fixture
def folder(fake_delegate: Path, tmp_path: Path) -> Path:
    shutil.copy(fake_delegate, tmp_path / "libnpu.so")
    add_version(tmp_path / "models", "sums", 1, make=compiled)
    return tmp_path


@pytest.fixture
def daemon(folder: Path, launch: Launch) -> RunningDaemon:
    return launch(
        f"--models={folder / 'models'}",
        f"--delegate={folder}/libnpu.so:claim=edgetpu",
        f"--data-dir={folder}",
        "--threads=1",
    )


async def stream_while_loading(daemon: RunningDaemon, folder: Path) -> Counter[str]:
    """Have version 2 loaded while frames come; how many each version answered."""
    begun, loaded = asyncio.Event(), asyncio.Event()

    async def load() -> None:
        await begun.wait()
        order = Order("load", "sums", version="2")
        await asyncio.to_thread(give_order, folder / "control.sock", order)

    loading = asyncio.create_task(load())
    loading.add_done_callback(lambda _: loaded.set())

    def answered(answer: pb.SegmentResponse) -> bool:
        if answer.frame_id == 20:
            begun.set()
        return answer.frame_id >= FRAMES and loaded.is_set()

    requests = chain([every()], endless_frames(repeat(PICTURE)))
    answers = await segment_in_step(daemon.address, requests, answered)
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    assert answers.keys() == set(range(len(answers)))
    await loading
    return Counter(answer.segmentation.model_version for answer in answers.values())


async def test_where_only_one_can_have_the_device_the_old_version_ends_first(
    folder: Path, daemon: RunningDaemon
) -> None:
    add_version(folder / "models", "sums", 2, make=compiled)
    seen = await stream_while_loading(daemon, folder)
    assert sum(seen.values()) >= FRAMES
    assert set(seen) == {"1", "2"}
    assert len(daemon.engines()) == 1
    assert any("version 1 ends first" in line for line in daemon.output)


async def test_a_version_that_does_not_start_there_leaves_the_old_one_serving(
    folder: Path, daemon: RunningDaemon
) -> None:
    add_version(folder / "models", "sums", 2, make=crashing_model)
    with pytest.raises(StartupError):
        await stream_while_loading(daemon, folder)
    answers = await segment_in_step(
        daemon.address, [every(), *frames([PICTURE] * 3)], lambda _: None
    )
    assert {answer.segmentation.model_version for answer in answers.values()} == {"1"}
    assert daemon.metric("edgeseg_engine_ready", model="sums") == 1
    assert daemon.metric("edgeseg_model_swaps_total", result="failed") == 1
