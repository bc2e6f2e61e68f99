"""Several models in one daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.control.client import give_order
from edgesegd.control.messages import Order
from support.calls import every, frames, segment, stub
from support.crashing_model import crashing_model
from support.model_folder import add_version
from support.pictures import file_of, gradient
from support.running_daemon import Launch

pytestmark = pytest.mark.runtime

PICTURE = file_of(gradient(32, 24), "PNG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size in (("small", 8), ("large", 16)):
        add_version(tmp_path / "models", name, 1, size=size)
    return tmp_path


def flags(folder: Path, *more: str) -> list[str]:
    quick = ("--delegate=cpu", "--threads=1", "--optimize=latency", f"--data-dir={folder}")
    return [f"--models={folder / 'models'}", "--default-model=small", *quick, *more]


async def test_each_stream_is_served_by_the_model_that_it_names(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder))
    for name, expected in (("", "small"), ("small", "small"), ("large", "large")):
        answers = await segment(daemon.address, [every(model=name), *frames([PICTURE] * 5)])
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert {answer.segmentation.model for answer in answers.values()} == {expected}
        assert {answer.segmentation.width for answer in answers.values()} == {
            {"small": 8, "large": 16}[expected]
        }
    for name, count in (("small", 10), ("large", 5)):
        assert daemon.metric("edgeseg_frames_total", model=name, outcome="ok") == count
    assert daemon.stop() == 0


async def test_images_options_and_information_know_all_models(folder: Path, launch: Launch) -> None:
    daemon = launch(*flags(folder))
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
        assert [(model.name, model.version) for model in info.models] == [
            ("small", "1"),
            ("large", "1"),
        ]
        assert all(model.delegate == "cpu" for model in info.models)
        for name in ("large", "small"):
            request = pb.SegmentImageRequest(
                frame=pb.Frame(data=PICTURE), options=pb.SegmentationOptions(model=name)
            )
            answer = await service.SegmentImage(request)
            assert (answer.segmentation.model, answer.segmentation.model_version) == (name, "1")
        request.options.model = "huge"
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await service.SegmentImage(request)
        assert failure.value.code() is grpc.StatusCode.NOT_FOUND
        assert "no model 'huge' is served; there are 'small', 'large'" in str(
            failure.value.details()
        )
        assert daemon.metric("edgeseg_frames_total", model="", outcome="invalid") == 1
        request.options.model = "large"
        assert (await service.SegmentImage(request)).segmentation.model == "large"


async def test_health_has_a_name_for_each_model_and_version(folder: Path, launch: Launch) -> None:
    daemon = launch(*flags(folder))
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("small", "large"):
            for service in (f"model/{name}", f"model/{name}/1", f"model/{name}/delegate"):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await health.Check(health_pb2.HealthCheckRequest(service="model/large/2"))


async def test_a_model_without_frames_gives_its_engine_back_and_comes_again(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder, "--idle-unload=0.5"))
    assert any("model large 1, starts with its first frame" in line for line in daemon.output)
    async with asyncio.timeout(30):
        while daemon.engines():
            await asyncio.sleep(0.05)
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        request = health_pb2.HealthCheckRequest(service="model/large")
        answer = await health_pb2_grpc.HealthStub(channel).Check(request)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    for name in ("large", "", "large"):
        answers = await segment(daemon.address, [every(model=name), *frames([PICTURE] * 5)])
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert len(answers) == 5
    async with asyncio.timeout(30):
        while daemon.engines():
            await asyncio.sleep(0.05)
    assert daemon.metric("edgeseg_engine_restarts_total") == 0
    assert daemon.stop() == 0


async def test_two_names_may_be_given_one_by_one(folder: Path, launch: Launch) -> None:
    models = folder / "models"
    daemon = launch(
        f"--model=one={models / 'small' / '1' / 'model.tflite'}",
        f"--model=two={models / 'large' / '1' / 'model.tflite'}",
        "--delegate=cpu",
        "--default-model=two",
        f"--data-dir={folder}",
    )
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert [model.name for model in info.models] == ["two", "one"]
    assert all(len(model.version) == 12 for model in info.models)


async def test_a_broken_file_of_a_folder_is_logged_and_the_others_serve(
    folder: Path, launch: Launch
) -> None:
    (folder / "models" / "broken.tflite").write_bytes(b"none")
    daemon = launch(*flags(folder))
    assert any("is not served" in line and "broken.tflite" in line for line in daemon.output)
    answers = await segment(daemon.address, [every(model="large"), *frames([PICTURE])])
    assert answers[0].status == pb.FRAME_STATUS_OK


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        ((), 3, "choose the one for clients that name none with --default-model: large, small"),
        (("--default-model=huge",), 3, "default_model is 'huge'; there are large, small"),
        (("--model=small=MODELS/large/1/model.tflite",), 3, "two models are called small"),
        (("--model=MODELS/none.tflite",), 5, "there is no model at"),
    ],
)
def test_a_start_that_is_not_clear_is_refused(
    folder: Path, words: tuple[str, ...], status: int, complaint: str
) -> None:
    models = str(folder / "models")
    more = [word.replace("MODELS", models) for word in words]
    command = [sys.executable, "-m", "edgesegd", "serve", f"--models={models}", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done
    assert complaint in done.stderr


async def test_a_model_sleeps_and_wakes_after_a_swap_too(folder: Path, launch: Launch) -> None:
    daemon = launch(*flags(folder, "--idle-unload=0.5"))
    add_version(folder / "models", "small", 2)

    async def until_no_engine() -> None:
        async with asyncio.timeout(30):
            while daemon.engines():
                await asyncio.sleep(0.05)

    for version in ("2", "1"):
        await until_no_engine()
        order = Order("load", "small", version=version)
        await asyncio.to_thread(give_order, folder / "control.sock", order)
        assert len(daemon.engines()) == 1
        await until_no_engine()
        answers = await segment(daemon.address, [every(), *frames([PICTURE] * 3)])
        assert {answer.segmentation.model_version for answer in answers.values()} == {version}


@pytest.mark.slow
async def test_a_model_that_does_not_come_again_is_not_serving_until_it_does(
    folder: Path, launch: Launch
) -> None:
    daemon = launch(*flags(folder, "--idle-unload=0.5", "--engine-start-seconds=2"))
    async with asyncio.timeout(30):
        while daemon.engines():
            await asyncio.sleep(0.05)
    stopped = asyncio.Event()

    async def stop_engines() -> None:
        while not stopped.is_set():
            for engine in daemon.engines():
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                    command = Path(f"/proc/{engine}/cmdline").read_bytes()
                    if b"edgesegd.engine" in command:  # else the front waits for it to be that
                        os.kill(engine, signal.SIGSTOP)
            await asyncio.sleep(0.01)

    stopping = asyncio.create_task(stop_engines())
    answers = await segment(daemon.address, [every(), *frames([PICTURE] * 2)])
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_UNAVAILABLE}
    assert "cannot be started" in answers[0].message
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="model/small")
        answer = await health.Check(request)
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert daemon.metric("edgeseg_engine_restarts_total", model="small", cause="start") >= 1
        stopped.set()
        await stopping
        async with asyncio.timeout(30):  # it is tried again though no frame comes
            while (await health.Check(request)).status != health_pb2.HealthCheckResponse.SERVING:
                await asyncio.sleep(0.05)
    assert any(line.endswith("model small serves again") for line in daemon.output)
    answers = await segment(daemon.address, [every(), *frames([PICTURE] * 2)])
    assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}


async def test_a_name_that_is_not_utf_8_is_text_for_everybody(folder: Path, launch: Launch) -> None:
    models = folder / "models"
    (models / "small").rename(models / os.fsdecode(b"x\xe4"))
    daemon = launch(*flags(folder), "--default-model=large")
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert [model.name for model in info.models] == ["large", r"x\xe4"]
    assert daemon.metric("edgeseg_model_info", model=r"x\xe4") == 1
    answers = await segment(daemon.address, [every(model=r"x\xe4"), *frames([PICTURE])])
    assert answers[0].status == pb.FRAME_STATUS_OK


async def test_an_older_version_starts_in_the_place_of_one_that_cannot_be_read(
    folder: Path, launch: Launch
) -> None:
    broken = folder / "models" / "small" / "2" / "model.tflite"
    broken.parent.mkdir()
    broken.write_bytes(b"none")
    daemon = launch(*flags(folder))
    answers = await segment(daemon.address, [every(), *frames([PICTURE])])
    assert answers[0].segmentation.model_version == "1"
    assert any("version 1 is served instead" in line for line in daemon.output)


def test_a_model_that_is_named_must_start(folder: Path) -> None:
    crashing = crashing_model(folder / "crashing.tflite")
    sidecar = '[input]\nmean = 0\nstd = 1\n[output]\nkind = "logits"\n'
    crashing.with_suffix(".toml").write_text(sidecar)
    good = folder / "models" / "small" / "1" / "model.tflite"
    command = [sys.executable, "-m", "edgesegd", "serve", f"--model=good={good}"]
    command += [f"--model=bad={crashing}", "--delegate=cpu", "--listen=127.0.0.1:0"]
    command += ["--metrics-listen=", f"--data-dir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 9, done
    assert "SIGSEGV" in done.stderr
