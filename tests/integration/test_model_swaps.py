"""Versions of a model take each other's place while frames come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.memory import resident
from edgesegd.control.client import give_order
from edgesegd.control.messages import ModelState, Order
from edgesegd.core.errors import (
    ConfigError,
    EngineStartFailed,
    ModelInvalid,
    ModelMissing,
    StartupError,
)
from support.calls import endless_frames, every, frames, segment_in_step, stub
from support.crashing_model import crashing_model
from support.model_folder import add_version
from support.pictures import file_of, gradient
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.runtime

PICTURE = file_of(gradient(32, 24), "PNG")
STREAMS, FRAMES = 4, 200
"""Streams, and the frames of each, at least."""
OPEN_AT_A_TIME = 8


class Board:
    """A daemon that serves the folder's models, and orders to it."""

    def __init__(self, folder: Path, launch: Launch, *flags: str) -> None:
        self.folder = folder / "models"
        self.control = folder / "control.sock"
        add_version(self.folder, "sums", 1)
        self.daemon: RunningDaemon = launch(
            f"--models={self.folder}",
            f"--control={self.control}",
            f"--data-dir={folder}",
            "--delegate=cpu",
            "--threads=1",
            "--optimize=latency",
            *flags,
        )

    async def order(self, order: str, name: str = "sums", **more: str) -> list[ModelState]:
        return await asyncio.to_thread(give_order, self.control, Order(order, name, **more))

    async def load(self, version: int) -> None:
        await self.order("load", version=str(version))

    async def serves(self) -> str:
        return (await self.order("list"))[0].version


@pytest.fixture
def board(tmp_path: Path, launch: Launch) -> Iterator[Board]:
    board = Board(tmp_path, launch)
    yield board
    assert board.daemon.stop() == 0


async def stream(
    board: Board, count: int | None, answered: Callable[[pb.SegmentResponse], bool | None]
) -> Counter[str]:
    """Segment that many frames; returns how many each version answered, with its own classes.

    Without a `count`, frames are sent until `answered` gives True, however slow an engine starts.
    """
    pictures = repeat(PICTURE) if count is None else repeat(PICTURE, count)
    requests = chain([every(pb.OUTPUT_STATISTICS)], endless_frames(pictures))
    answers = await segment_in_step(
        board.daemon.address, requests, answered, in_flight=OPEN_AT_A_TIME
    )
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
    version = ""
    for answer in answers.values():
        made = answer.segmentation
        assert bool(made.classes) == (made.model_version != version), "with each new version"
        version = made.model_version
        for each in made.classes:
            assert each.name.startswith(f"{made.model} {version} ")
        assert made.segments
        for segment in made.segments:
            assert segment.class_name.startswith(f"{made.model} {made.model_version} ")
    return Counter(answer.segmentation.model_version for answer in answers.values())


async def test_a_swap_under_load_loses_no_frame_and_mixes_no_names(board: Board) -> None:
    add_version(board.folder, "sums", 2)
    begun = asyncio.Event()
    swapped = asyncio.create_task(_load_once(board, begun, 2))
    streams_begun = 0

    def answered(answer: pb.SegmentResponse) -> bool:
        nonlocal streams_begun
        streams_begun += answer.frame_id == 20
        if streams_begun == STREAMS:
            begun.set()
        return answer.frame_id >= FRAMES and answer.segmentation.model_version == "2"

    seen = await asyncio.gather(*(stream(board, None, answered) for _ in range(STREAMS)))
    await swapped
    assert all(sum(each.values()) >= FRAMES for each in seen)
    assert all(set(each) == {"1", "2"} for each in seen), "the swap was while frames came"
    assert await stream(board, 3, lambda _: None) == {"2": 3}


async def _load_once(board: Board, begun: asyncio.Event, version: int) -> None:
    await begun.wait()
    await board.load(version)


async def test_ten_swaps_leave_memory_descriptors_and_processes_where_they_were(
    board: Board,
) -> None:
    add_version(board.folder, "sums", 2)
    for version in (2, 1):  # what the first ones leave for good
        await board.load(version)
    await stream(board, 3, lambda _: None)
    before = await settled(board)
    for version in (2, 1) * 5:
        await board.load(version)
        assert await stream(board, 3, lambda _: None) == {str(version): 3}
    descriptors, engines, memory = await settled(board)
    assert (descriptors, engines) == before[:2]
    assert memory < before[2] + (8 << 20)


async def settled(board: Board) -> tuple[int, int, int]:
    """Descriptors, engines and bytes of the front, once the engine of the last swap has ended.

    Of an engine and of a client that have just ended, the front closes descriptors a little later.
    """
    process = Path(f"/proc/{board.daemon.process.pid}")
    descriptors: deque[int] = deque(maxlen=10)
    async with asyncio.timeout(20):
        while len(board.daemon.engines()) > 1 or len(descriptors) < 10 or len(set(descriptors)) > 1:
            await asyncio.sleep(0.05)
            descriptors.append(len(list((process / "fd").iterdir())))
    memory = resident(board.daemon.process.pid)
    return descriptors[-1], len(board.daemon.engines()), memory


def truncated(path: Path) -> Path:
    path.write_bytes((path.parents[1] / "1" / "model.tflite").read_bytes()[:300])
    return path


def of_another_size(path: Path) -> Path:
    return add_version(path.parents[2] / "other", "sums", 1, size=9).rename(path)


@pytest.mark.parametrize(
    ("make", "error", "complaint"),
    [
        (truncated, ModelInvalid, "damaged or cut off"),
        (of_another_size, ModelInvalid, "its masks are 9x9, those of 1 are 8x8"),
        (crashing_model, EngineStartFailed, "SIGSEGV"),
    ],
)
async def test_a_version_that_cannot_serve_is_nothing_but_an_error(
    board: Board, make: Callable[[Path], Path], error: type[StartupError], complaint: str
) -> None:
    add_version(board.folder, "sums", 2, make=make)
    begun = asyncio.Event()
    swapping = asyncio.create_task(_load_once(board, begun, 2))
    seen = await stream(
        board, FRAMES, lambda answer: begun.set() if answer.frame_id == 20 else None
    )
    with pytest.raises(error, match=complaint):
        await swapping
    assert seen == {"1": FRAMES}
    assert await board.serves() == "1"
    assert board.daemon.metric("edgeseg_model_swaps_total", result="failed") == 1
    assert board.daemon.metric("edgeseg_engine_ready", model="sums") == 1
    assert await stream(board, 3, lambda _: None) == {"1": 3}
    assert len(board.daemon.engines()) == 1


async def test_rollback_goes_back_though_the_file_is_another_by_now(board: Board) -> None:
    with pytest.raises(ModelMissing, match="the model 'sums' has no previous version"):
        await board.order("rollback")
    add_version(board.folder, "sums", 2)
    await board.load(2)
    (board.folder / "sums" / "1" / "model.tflite").write_bytes(b"gone")
    await board.order("rollback")
    assert await stream(board, 3, lambda _: None) == {"1": 3}
    assert [state.previous for state in await board.order("list")] == ["2"]


async def test_an_engine_comes_back_though_the_models_file_was_overwritten(board: Board) -> None:
    (board.folder / "sums" / "1" / "model.tflite").write_bytes(b"in the midst of a copy")
    [engine] = board.daemon.engines()
    os.kill(engine, signal.SIGKILL)
    assert await stream(board, 3, lambda _: None) == {"1": 3}
    assert board.daemon.engines() != [engine]


async def test_reload_takes_the_newest_version_and_new_models(board: Board) -> None:
    add_version(board.folder, "sums", 10)
    add_version(board.folder, "sums", 9)
    add_version(board.folder, "more", 4)
    states = await board.order("reload", "")
    assert [(state.name, state.version) for state in states] == [("sums", "10"), ("more", "4")]
    assert await stream(board, 3, lambda _: None) == {"10": 3}


async def test_sighup_reloads_without_a_terminal(board: Board) -> None:
    add_version(board.folder, "sums", 2)
    board.daemon.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(20):
        while await board.serves() != "2":
            await asyncio.sleep(0.05)
    assert await stream(board, 3, lambda _: None) == {"2": 3}


async def test_a_watched_folder_is_reloaded_when_it_stays_as_it_is(
    tmp_path: Path, launch: Launch
) -> None:
    board = Board(tmp_path, launch, "--watch-models=0.2")
    add_version(board.folder, "sums", 2)
    async with asyncio.timeout(20):
        while await board.serves() != "2":
            await asyncio.sleep(0.05)
    assert await stream(board, 3, lambda _: None) == {"2": 3}


async def test_an_unloaded_model_is_unknown_and_can_be_loaded_again(board: Board) -> None:
    add_version(board.folder, "more", 1)
    await board.order("load", "more")
    assert len(board.daemon.engines()) == 2
    [left] = await board.order("unload", "more")
    assert left.name == "sums"
    await settled(board)
    assert board.daemon.metric("edgeseg_model_info", model="more") == 0
    with pytest.raises(ModelMissing, match="no model 'more' is served"):
        await board.order("unload", "more")
    assert [each.name for each in await board.order("load", "more")] == ["sums", "more"]


def edgesegd(board: Board, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgesegd", "models", *words, f"--control={board.control}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_commands_say_what_was_done_and_exit_by_how_it_ended(board: Board) -> None:
    add_version(board.folder, "sums", 2)
    add_version(board.folder, "broken", 1, make=truncated_copy)
    for words, status, expected in (
        (("load", "sums", "--version=2"), 0, "sums 2 is served\n"),
        (("load", "sums", "--version=2"), 0, "sums 2 is already served\n"),
        (("rollback", "sums"), 0, "sums 1 is served\n"),
        (
            ("load", "sums", "--version=7"),
            5,
            "there is no version 7 of the model sums; there are 1, 2",
        ),
        (("load", "nothing"), 5, "there is no model nothing"),
        (("unload", "nothing"), 5, "no model 'nothing' is served"),
        (("reload",), 6, "1 of 2 models could not be loaded"),
        (("list",), 0, "sums (default)"),
    ):
        done = edgesegd(board, *words)
        assert done.returncode == status, (words, done)
        assert expected in done.stdout + done.stderr
    board.daemon.stop()
    done = edgesegd(board, "load", "sums")
    assert (done.returncode, done.stdout) == (4, "")
    assert "no daemon takes orders" in done.stderr


def truncated_copy(path: Path) -> Path:
    path.write_bytes((path.parents[2] / "sums" / "1" / "model.tflite").read_bytes()[:300])
    return path


def test_only_the_owner_may_open_the_control_socket(board: Board) -> None:
    assert board.control.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_cannot_be_read_ends_no_daemon(board: Board) -> None:
    aside = board.folder.with_name("aside")
    board.folder.rename(aside)
    board.daemon.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(20):
        while not any("the models cannot be reloaded" in line for line in board.daemon.output):
            await asyncio.sleep(0.05)
    with pytest.raises(ConfigError, match="cannot be read"):
        await board.order("reload", "")
    aside.rename(board.folder)
    (board.folder / "odd").symlink_to("a" * 300)
    add_version(board.folder, "sums", 2)
    await board.order("reload", "")
    assert await stream(board, 3, lambda _: None) == {"2": 3}


async def test_a_rollback_and_an_unload_outlive_a_reload_of_something_else(board: Board) -> None:
    add_version(board.folder, "sums", 2)
    add_version(board.folder, "more", 1)
    await board.order("reload", "")
    await board.order("rollback")
    await board.order("unload", "more")
    add_version(board.folder, "third", 1)
    states = await board.order("reload", "")
    assert [(state.name, state.version) for state in states] == [("sums", "1"), ("third", "1")]
    add_version(board.folder, "sums", 3)
    add_version(board.folder, "more", 2)
    states = await board.order("reload", "")
    assert [(state.name, state.version) for state in states] == [
        ("sums", "3"),
        ("more", "2"),
        ("third", "1"),
    ]


async def test_frames_of_an_engine_that_dies_while_its_model_is_unloaded_are_answered(
    board: Board,
) -> None:
    first = set(board.daemon.engines())
    add_version(board.folder, "more", 1)
    await board.order("load", "more")
    [engine] = set(board.daemon.engines()) - first
    async with stub(board.daemon.address) as service:
        call = service.Segment()
        await call.write(every(model="more"))
        for request in frames([PICTURE]):
            await call.write(request)
        begun = await call.read()
        assert isinstance(begun, pb.SegmentResponse)
        assert begun.status == pb.FRAME_STATUS_OK
        os.kill(engine, signal.SIGSTOP)
        for request in frames([PICTURE] * 2, 1):
            await call.write(request)
        while board.daemon.metric("edgeseg_held_bytes") < 2 * len(PICTURE):
            await asyncio.sleep(0.02)
        unloading = asyncio.create_task(board.order("unload", "more"))
        await asyncio.sleep(0.2)
        os.kill(engine, signal.SIGKILL)
        await unloading
        answers = [await call.read() for _ in range(2)]
        assert [answer.message for answer in answers if isinstance(answer, pb.SegmentResponse)] == [
            "the model 'more' was unloaded"
        ] * 2
        await call.write(frames([PICTURE], 3)[0])
        last = await call.read()
        assert isinstance(last, pb.SegmentResponse)
        assert last.message == "the model 'more' was unloaded"
        assert await call.code() is grpc.StatusCode.NOT_FOUND
    assert board.daemon.metric("edgeseg_held_bytes") == 0
    assert 'model="more"' not in board.daemon.metrics_page()
    assert await stream(board, 3, lambda _: None) == {"1": 3}


async def test_classes_that_were_asked_for_by_their_ids_are_not_those_of_another_version(
    board: Board,
) -> None:
    add_version(board.folder, "sums", 2)
    async with stub(board.daemon.address) as service:
        call = service.Segment()
        await call.write(every(pb.OUTPUT_STATISTICS, classes=[1]))
        seen = []
        for number, version in enumerate((1, 2, 1)):
            if number:
                await board.load(version)
            await call.write(frames([PICTURE], number)[0])
            answer = await call.read()
            assert isinstance(answer, pb.SegmentResponse)
            seen.append((answer.status, answer.message))
        await call.done_writing()
    [(first, _), (second, message), (third, _)] = seen
    assert [first, third] == [pb.FRAME_STATUS_OK] * 2
    assert second == pb.FRAME_STATUS_INVALID
    assert "sums 1 b, are sums 2 b there" in message


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "a" * 257])
async def test_what_is_no_name_is_an_error_of_the_order(board: Board, name: str) -> None:
    for order in ("load", "unload", "rollback"):
        with pytest.raises(ConfigError, match="the name of a model has"):
            await board.order(order, name)
    assert await board.serves() == "1"


async def test_what_is_no_order_is_an_error_and_the_next_one_is_done(board: Board) -> None:
    for line in (b"{}", b"no order", b"[1]", b'{"order": "stop"}', b"x" * 100_000, b"\0"):
        reader, writer = await asyncio.open_unix_connection(str(board.control))
        with contextlib.suppress(ConnectionError):
            writer.write(line + b"\n")
            await writer.drain()
            assert json.loads(await reader.readline())["error"] == "ConfigError"
        writer.close()
    assert await board.serves() == "1"
