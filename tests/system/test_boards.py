"""The wheel on emulated boards: a client outside uses the real daemon, and faults are survived.

`make test-boards` runs it. Times of emulated programs say nothing about real boards, and qemu-user
has neither Landlock nor seccomp.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

import edgesegd
from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client
from scenes import draw_scene
from support.boards import Board, make_boards
from support.calls import every, frames, segment_in_step
from support.processes import WatchedProcess
from support.running_daemon import RunningDaemon

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]

LITERT, TFLITE = "ai-edge-litert 2.", "tflite-runtime 2.14."


@dataclass(frozen=True)
class Expected:
    """The files and the extra of a board, and what must be found on it."""

    files: str
    extra: str
    machine: str
    runtime: str
    page_bytes: int = 4096


BOARDS = {
    "debian12-arm64, LiteRT": Expected("debian12-arm64", "daemon", "aarch64", LITERT),
    "debian12-arm64, tflite-runtime": Expected(
        "debian12-arm64", "daemon-tflite", "aarch64", TFLITE
    ),
    "debian12-armhf, tflite-runtime": Expected("debian12-armhf", "daemon-tflite", "armv7l", TFLITE),
    "debian13-arm64, LiteRT, 16 KiB pages": Expected(
        "debian13-arm64", "daemon", "aarch64", LITERT, page_bytes=16384
    ),
}
FLOAT_AGREEMENT, QUANTIZED_AGREEMENT = 0.999, 0.97
"""Share of the labels that are those of x86-64, at least: kernels of machines round differently."""
DEEPLAB = "deeplabv3_257_mv_gpu.tflite"
QUANTIZED = Path(__file__).parents[1] / "data" / "cases" / "models" / "int8_imagenet.tflite"
SIDECAR = "[input]\nmean = 127.5\nstd = 127.5\n"
SCENES = [Image.fromarray(draw_scene(number).image) for number in range(3)]
ONE_ENGINE = ("--delegate=cpu", "--threads=1", "--optimize=latency")
"""As little emulated work as possible."""

Labels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return make_boards({each.files for each in BOARDS.values()}, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=list(BOARDS.values()), ids=list(BOARDS))
def expected(request: pytest.FixtureRequest) -> Expected:
    found: Expected = request.param
    return found


@pytest.fixture(scope="module")
def board(
    expected: Expected, roots: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Board:
    variables = {} if expected.page_bytes == 4096 else {"QEMU_PAGESIZE": str(expected.page_bytes)}
    folder = tmp_path_factory.mktemp("board")
    return Board(roots[expected.files], expected.extra, folder, variables)


@pytest.fixture(scope="module")
def models(board: Board) -> Path:
    """The built-in model, and a quantized one."""
    folder = board.folder / "models"
    builtin = Path(edgesegd.__file__).parent / "builtin" / "scenes.tflite"
    for model, sidecar in (
        (builtin, builtin.with_suffix(".toml").read_text()),
        (QUANTIZED, SIDECAR),
    ):
        place = folder / model.stem / "1" / "model.tflite"
        place.parent.mkdir(parents=True)
        shutil.copy(model, place)
        place.with_suffix(".toml").write_text(sidecar)
    return folder


@pytest.fixture(scope="module")
def daemon(board: Board, models: Path) -> Iterator[RunningDaemon]:
    with board.launch(
        f"--listen=unix://{board.folder}/grpc.sock",
        f"--models={models}",
        "--default-model=scenes",
        *ONE_ENGINE,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def here(models: Path) -> Iterator[RunningDaemon]:
    """The same on this machine."""
    with RunningDaemon(f"--models={models}", "--default-model=scenes", *ONE_ENGINE) as running:
        yield running


def labels(address: str, pictures: Sequence[Image.Image | Path], model: str = "") -> Labels:
    """The labels of all pictures, at the size of the first."""
    with Client(address, timeout=240) as client:
        return np.array(
            [client.segment(each, model=model, size="frame").labels for each in pictures]
        )


def agreement(one: Labels, other: Labels) -> float:
    assert one.shape == other.shape
    assert len(np.unique(one)) > 1
    return float(np.mean(one == other))


def test_the_board_is_of_another_machine_and_has_the_wanted_runtime(
    board: Board, expected: Expected, daemon: RunningDaemon
) -> None:
    asked = "import mmap, platform; print(platform.machine(), mmap.PAGESIZE)"
    done = board.run("python", "-c", asked)
    assert done.stdout == f"{expected.machine} {expected.page_bytes}\n", done.stderr
    with Client(daemon.address) as client:
        for model in client.info().models:
            assert model.delegate == "cpu"
            assert model.runtime.startswith(expected.runtime)
    assert not [line for line in daemon.output if "XNNPACK" in line], "the CPU runs without it"


def test_the_labels_of_a_float_model_are_those_of_x86(
    daemon: RunningDaemon, here: RunningDaemon
) -> None:
    found = labels(daemon.address, SCENES, "scenes")
    agreed = agreement(found, labels(here.address, SCENES, "scenes"))
    sys.stdout.write(f"{agreed:.2%} of the labels agree\n")
    assert agreed >= FLOAT_AGREEMENT


def test_the_labels_of_a_quantized_model_are_those_of_x86(
    daemon: RunningDaemon, here: RunningDaemon
) -> None:
    found = labels(daemon.address, SCENES, QUANTIZED.stem)
    agreed = agreement(found, labels(here.address, SCENES, QUANTIZED.stem))
    sys.stdout.write(f"{agreed:.2%} of the labels agree\n")
    assert agreed >= QUANTIZED_AGREEMENT


@pytest.mark.realmodel
def test_the_labels_of_deeplab_are_those_of_x86(board: Board, shared_dir: Path) -> None:
    model = shutil.copy(shared_dir / "models" / DEEPLAB, board.folder)
    picture = shared_dir / "images" / "pets.jpg"
    flags = (f"--model={model}", *ONE_ENGINE)
    with board.launch(*flags) as there, RunningDaemon(*flags) as here:
        agreed = agreement(labels(there.address, [picture]), labels(here.address, [picture]))
        sys.stdout.write(f"{agreed:.2%} of the labels agree\n")
        assert agreed >= FLOAT_AGREEMENT


def test_frames_in_shared_memory_have_the_labels_of_frames_in_messages(
    board: Board, daemon: RunningDaemon
) -> None:
    address = f"unix://{board.folder}/grpc.sock"
    with Client(address, shared_memory=True) as client:
        found = np.array([client.segment(each, size="frame").labels for each in SCENES])
        assert daemon.metric("edgeseg_shared_memory_bytes") > 0
    assert np.array_equal(found, labels(address, SCENES))


async def test_an_engine_killed_in_mid_stream_costs_no_frame(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    before = daemon.metric("edgeseg_frames_total", outcome="ok")

    def answered(response: pb.SegmentResponse) -> None:
        if response.frame_id == 3:
            for engine in daemon.engines():
                os.kill(engine, signal.SIGKILL)

    answers = await segment_in_step(daemon.address, [every(), *frames([jpeg] * 10)], answered)
    assert [answers[number].status for number in range(10)] == [pb.FRAME_STATUS_OK] * 10
    assert len({answer.segmentation.labels for answer in answers.values()}) == 1
    assert daemon.metric("edgeseg_engine_restarts_total", model="scenes", cause="crash") == 1
    assert daemon.metric("edgeseg_frames_total", outcome="ok") == before + 10


async def test_health_and_metrics_are_served(daemon: RunningDaemon) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        for service in ("", "model/scenes", f"model/{QUANTIZED.stem}"):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=30)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert daemon.metric("edgeseg_engine_ready") == 2
    # Of a process itself qemu-user says that it has none.
    assert daemon.metric("edgeseg_engine_process_resident_memory_bytes") > 1 << 20


async def test_a_stream_goes_on_with_the_daemon_that_is_started_for_a_killed_one(
    board: Board, jpeg: bytes
) -> None:
    address = f"unix://{board.folder}/killed.sock"
    flags = (f"--listen={address}", *ONE_ENGINE)
    with board.launch(*flags) as first, Client(address, retry_for=120) as client:
        assert first.engine_pid is not None
        with WatchedProcess(first.engine_pid) as engine:
            answers = client.stream([jpeg] * 6, policy="every")
            statuses = [next(answers).status]
            first.stop(signal.SIGKILL)
            await engine.ended()
        with board.launch(*flags) as second:  # takes the socket over
            statuses += [answer.status for answer in answers]
            assert second.stop(signal.SIGTERM) == 0
    assert statuses == ["ok"] * 6


def test_sigterm_lets_the_daemon_answer_its_frames_and_end_with_status_0(
    board: Board, jpeg: bytes
) -> None:
    """And the log says which parts of the sandbox qemu-user lacks."""
    with board.launch(*ONE_ENGINE) as running, Client(running.address, retry_for=0) as client:
        answers = client.stream([jpeg] * 3, policy="every", in_flight=3)
        first = next(answers)
        running.process.send_signal(signal.SIGTERM)
        assert [first.status, *(answer.status for answer in answers)] == ["ok"] * 3
        assert running.wait() == 0
        for part in ("Landlock", "seccomp"):
            missing = f"a part of the sandbox of engines is missing: {part}: "
            assert sum(missing in line for line in running.output) == 1, running.output
