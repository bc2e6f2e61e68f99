"""`--delegate auto`: the CPU serves until the fastest that is right is known, and remembered."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
from pathlib import Path

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.delegates.table import KNOWN
from support.calls import every, frames, segment, stub
from support.pictures import noise
from support.processes import WatchedProcess
from support.running_daemon import RunningDaemon
from support.sums_model import sums_model

Status = health_pb2.HealthCheckResponse
SIZE, DETOURS = 192, 100
"""Such that the CPU takes many times as long as the test delegate, which has only the sum."""
META = 'input = { mean = 0, std = 255 }\noutput = { kind = "logits" }\n'


@pytest.fixture
def board(fake_delegate: Path, tmp_path: Path) -> Path:
    """A folder with a pair of models that agree, and a delegate for one of them."""
    sums_model(tmp_path / "sum.tflite", "ADD", ["NONE"], size=SIZE, detours=DETOURS)
    sums_model(tmp_path / "sum_edgetpu.tflite", "CUSTOM", ["NONE"], size=SIZE)
    (tmp_path / "sum.toml").write_text(META)
    (tmp_path / "sum_edgetpu.toml").write_text(META)
    shutil.copy(fake_delegate, tmp_path / "libnpu.so")
    return tmp_path


@pytest.fixture
def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(SIZE, SIZE)).save(file, "PNG")
    return file.getvalue()


def serve(board: Path, *options: str) -> RunningDaemon:
    candidates = [f"--candidates={board}/libnpu.so:claim=edgetpu{each}" for each in options]
    model = f"--model={board}/sum_edgetpu.tflite"
    return RunningDaemon(model, f"--data-dir={board}", "--threads=1", *candidates)


async def wait_for(running: RunningDaemon, words: str) -> None:
    """Until the log says so."""
    async with asyncio.timeout(30):
        while not any(words in line for line in running.output):
            await asyncio.sleep(0.05)


async def served_by(running: RunningDaemon, picture: bytes) -> tuple[str, bytes]:
    """The delegate of a frame, and its mask."""
    answer = (await segment(running.address, [every(), *frames([picture])]))[0]
    assert answer.status == pb.FRAME_STATUS_OK
    return answer.segmentation.delegate, answer.segmentation.labels


async def test_the_cpu_serves_until_a_faster_delegate_takes_over_which_a_restart_remembers(
    board: Path, picture: bytes
) -> None:
    with serve(board, "") as running:
        delegate, right = await served_by(running, picture)
        assert delegate == "cpu"
        answers = {}
        while not any("takes over" in line for line in running.output):
            answers = await segment(running.address, [every(), *frames([picture] * 20)])
            assert {each.status for each in answers.values()} == {pb.FRAME_STATUS_OK}
            assert {each.segmentation.labels for each in answers.values()} == {right}
        assert answers
        assert await served_by(running, picture) == ("npu", right)
        assert running.metric("edgeseg_degraded") == 0
    with serve(board, "") as again:
        assert await served_by(again, picture) == ("npu", right)
        assert not any("probing" in line for line in again.output)


async def test_metrics_show_what_a_probe_found_of_each_candidate_after_a_restart_too(
    board: Path,
) -> None:
    def probed(running: RunningDaemon) -> dict[str, list[tuple[dict[str, str], float]]]:
        return {
            name: [(each.labels, each.value) for each in running.samples(f"edgeseg_probe_{name}")]
            for name in ("passed", "invoke_seconds")
        }

    with serve(board, ",mode=garbage", ",mode=slow,ms=0") as running:
        await wait_for(running, "npu takes over")
        found = probed(running)
    passed = [(labels, value) for labels, value in found["passed"] if labels["delegate"] == "npu"]
    assert [(labels["verdict"], value) for labels, value in passed] == [("wrong", 0), ("chosen", 1)]
    assert {labels["model"] for labels, _ in found["passed"]} == {"sum_edgetpu"}
    seconds = {labels["candidate"]: value for labels, value in found["invoke_seconds"]}
    cpu = next(labels for labels, _ in found["passed"] if labels["delegate"] == "cpu")
    assert (cpu["threads"], cpu["verdict"]) == ("1", "slower")
    assert 0 < seconds[passed[1][0]["candidate"]] < seconds[cpu["candidate"]]
    absent = {labels["candidate"] for labels, _ in found["passed"] if labels["verdict"] == "absent"}
    assert absent
    assert not absent & seconds.keys()
    with serve(board, ",mode=garbage", ",mode=slow,ms=0") as again:
        assert probed(again) == found
        assert not any("probing" in line for line in again.output)


@pytest.mark.slow
async def test_a_change_of_the_library_is_probed_while_the_cpu_serves(
    board: Path, picture: bytes
) -> None:
    with serve(board, "") as running:
        await wait_for(running, "takes over")
    with (board / "libnpu.so").open("ab") as library:
        library.write(b"\0")
    with serve(board, "") as again:
        assert (await served_by(again, picture))[0] == "cpu"
        await wait_for(again, "changed since the last probe: libraries")
        await wait_for(again, "npu takes over")


@pytest.mark.slow
async def test_a_delegate_with_wrong_masks_is_never_chosen_however_fast_it_is(
    board: Path, picture: bytes
) -> None:
    """The next best is."""
    with serve(board, ",mode=garbage", ",mode=slow,ms=0") as running:
        _, right = await served_by(running, picture)
        await wait_for(running, "npu takes over")
        assert any("npu: wrong: agrees on" in line for line in running.output)
        assert (await served_by(running, picture))[1] == right
    with serve(board, ",mode=garbage") as alone:
        await wait_for(alone, "npu: wrong: agrees on")
        assert await served_by(alone, picture) == ("cpu", right)
    with serve(board, ",mode=garbage") as again:
        assert not any("probing" in line for line in again.output)
        assert await served_by(again, picture) == ("cpu", right)


@pytest.mark.parametrize("option", [None, pytest.param(",mode=garbage", marks=pytest.mark.slow)])
async def test_a_model_for_an_edge_tpu_that_nothing_runs_is_reported_at_each_start(
    board: Path, picture: bytes, option: str | None
) -> None:
    """Without a device, and with a library whose masks are wrong; the first start probes."""
    options = [] if option is None else [option]
    why = "edgetpu: no device: /dev/apex_*" if option is None else "npu: agrees on"
    name = "model/sum_edgetpu/delegate"
    for start in ("first", "remembered"):
        with serve(board, *options) as running:
            await wait_for(running, "tflite-gpu: absent: library not found")
            await wait_for(running, why)
            async with asyncio.timeout(30):
                while running.metric("edgeseg_degraded") != 1:
                    await asyncio.sleep(0.02)
            assert await degraded(running)
            assert await health(running, name) == Status.NOT_SERVING
            assert await health(running, "model/sum_edgetpu") == Status.SERVING
            assert (await served_by(running, picture))[0] == "cpu"
        log = [line for line in running.output if " is compiled for an Edge TPU, and " in line]
        assert len(log) == 1, start
        assert " WARNING " in log[0]
        assert why in log[0]
        assert f"its twin {board}/sum.tflite is served instead" in log[0]
        for each in KNOWN:
            lines = [line for line in running.output if f".delegate_log: {each}: " in line]
            assert len(lines) == 1, (start, each)
        assert any("probing" in line for line in running.output) is (start == "first")


async def test_a_model_for_an_edge_tpu_that_its_delegate_runs_is_not_degraded(
    board: Path, picture: bytes
) -> None:
    with serve(board, "") as running:
        await wait_for(running, "npu takes over")
        assert running.metric("edgeseg_degraded") == 0
        assert not await degraded(running)
        assert await health(running, "model/sum_edgetpu/delegate") == Status.SERVING
    with serve(board, "") as again:
        assert (await served_by(again, picture))[0] == "npu"
        assert again.metric("edgeseg_degraded") == 0
    assert not any(" WARNING " in line for line in (*running.output, *again.output))


async def test_a_forced_cpu_runs_the_twin_as_asked(board: Path, picture: bytes) -> None:
    model = f"--model={board}/sum_edgetpu.tflite"
    with RunningDaemon(model, f"--data-dir={board}", "--delegate=cpu") as running:
        assert (await served_by(running, picture))[0] == "cpu"
        assert running.metric("edgeseg_degraded") == 0
    assert any(f"cpu runs its twin {board}/sum.tflite" in line for line in running.output)
    assert not any(" WARNING " in line for line in running.output)


async def degraded(running: RunningDaemon) -> bool:
    """What GetServerInfo says of the only model."""
    async with stub(running.address) as service:
        (model,) = (await service.GetServerInfo(pb.GetServerInfoRequest(), timeout=10)).models
    return model.degraded


async def health(running: RunningDaemon, service: str) -> int:
    """What the standard health service says."""
    async with grpc.aio.insecure_channel(running.address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=10)
        status: int = answer.status
        return status


async def read_line(pipe: Path) -> str:
    """What is written first to a named pipe."""
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), encoding="ascii") as reader:  # noqa: PTH123
        written, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(reader, written.set)
        try:
            async with asyncio.timeout(60):
                await written.wait()
        finally:
            loop.remove_reader(reader)
        return reader.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_trial_outlives_the_daemon(
    fake_delegate: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Not even one that hangs in a driver, which tells its process id before.

    In a sandbox it could not write it.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    hangs = f"{fake_delegate}:mode=hang,at=create,pipe={pipe}"
    with (
        RunningDaemon(
            f"--data-dir={tmp_path}", f"--candidates={hangs}", "--sandbox=off"
        ) as running,
        WatchedProcess(int(await read_line(pipe))) as trial,
    ):
        running.stop(number)
        await trial.ended()
