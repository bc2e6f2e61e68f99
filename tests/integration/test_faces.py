"""The standard services next to our own: health, reflection, metrics, GetServerInfo."""

from __future__ import annotations

import shutil
import subprocess

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.version import __version__
from scenes import CLASSES
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon


@pytest.mark.parametrize("name", ["", "edgeseg.v1.SegmentationService", "model/scenes"])
async def test_health_of_known_services_is_serving_and_of_others_not_found(
    daemon: RunningDaemon, name: str
) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await health.Check(health_pb2.HealthCheckRequest(service="nobody"))
        assert failure.value.code() == grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_the_services(daemon: RunningDaemon) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([request])
        )
        answer = await call.read()
        call.cancel()
    names = {service.name for service in answer.list_services_response.service}
    assert {"edgeseg.v1.SegmentationService", "grpc.health.v1.Health"} <= names


async def test_server_info_describes_the_daemon_and_its_model(daemon: RunningDaemon) -> None:
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert info.version == __version__
    assert (info.max_frame_bytes, info.max_frame_pixels) == (4_000_000, 4_000_000)
    assert {pb.FRAME_FORMAT_JPEG, pb.FRAME_FORMAT_NV12} <= set(info.formats)
    assert set(info.outputs) == set(pb.Output.values()) - {pb.OUTPUT_UNSPECIFIED}
    (model,) = info.models
    assert [known.name for known in model.classes] == list(CLASSES)
    assert model.sha256.startswith(model.version)
    assert (model.input_width, model.output_height) > (0, 0)
    assert (model.delegate, model.has_scores) == ("cpu", True)
    assert "2." in model.runtime


async def test_metrics_count_good_and_bad_frames(daemon: RunningDaemon, jpeg: bytes) -> None:
    def counts() -> tuple[float, ...]:
        return (
            daemon.metric("edgeseg_frames_total", outcome="ok", delegate="cpu", model="scenes"),
            daemon.metric("edgeseg_frames_total", outcome="invalid"),
            daemon.metric("edgeseg_frame_seconds_count"),
            daemon.metric("edgeseg_stage_seconds_count", stage="queued"),
            daemon.metric("edgeseg_stage_seconds_count", stage="encode"),
        )

    before = counts()
    await segment(daemon.address, [every(), *frames([jpeg, b"no picture", jpeg])])
    grown = [after - then for after, then in zip(counts(), before, strict=True)]
    assert grown == [2, 1, 2, 2, 2]
    assert daemon.metric("edgeseg_build_info", version=__version__) == 1
    assert daemon.metric("edgeseg_model_info", model="scenes") == 1
    assert daemon.metric("edgeseg_delegate_info", delegate="cpu") == 1
    assert daemon.metric("edgeseg_engine_ready", model="scenes") == 1
    assert daemon.metric("process_resident_memory_bytes") > 1e7
    assert daemon.metric("edgeseg_engine_process_resident_memory_bytes") > 1e7


@pytest.mark.system
async def test_promtool_accepts_the_metrics_page(daemon: RunningDaemon, jpeg: bytes) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing; on Debian: apt install prometheus")
    await segment(daemon.address, [every(), *frames([jpeg, b""])])
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=daemon.metrics_page(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
