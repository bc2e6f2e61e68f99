"""What the real daemon shows of calls, messages and bytes, for every service."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client
from support.access import add_token
from support.calls import every, frames, stub
from support.oip_calls import inference, picture
from support.running_daemon import Launch, RunningDaemon

V1 = "edgeseg.v1.SegmentationService"
OIP = "inference.GRPCInferenceService"
SECONDS = 30.0


def of(service: str, method: str, kind: str) -> dict[str, str]:
    return {"grpc_service": service, "grpc_method": method, "grpc_type": kind}


async def until(daemon: RunningDaemon, count: float, name: str, labels: dict[str, str]) -> None:
    """Wait for what the daemon counts when its client has the status already."""
    end = time.monotonic() + SECONDS
    while (found := await asyncio.to_thread(lambda: daemon.metric(name, **labels))) != count:
        assert time.monotonic() < end, f"{name} {labels} is {found}, not {count}"
        await asyncio.sleep(0.02)


async def test_calls_messages_and_bytes_of_both_protocols_are_counted_by_method(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch()
    requests = [every(), *frames([jpeg, b"no picture", jpeg])]
    async with stub(daemon.address) as service:
        answers = [answer async for answer in service.Segment(iter(requests))]
        image = await service.SegmentImage(pb.SegmentImageRequest(frame=pb.Frame(data=jpeg)))
        with pytest.raises(grpc.aio.AioRpcError):
            await service.SegmentImage(pb.SegmentImageRequest(frame=pb.Frame(data=b"none")))
    infer = picture(jpeg)
    async with inference(daemon.address) as protocol:
        inferred = await protocol.ModelInfer(infer)
        with pytest.raises(grpc.aio.AioRpcError):
            await protocol.ModelInfer(picture(jpeg, model="garden"))
        streamed = [each async for each in protocol.ModelStreamInfer(iter([infer] * 2))]

    segment = of(V1, "Segment", "bidi_stream")
    await until(daemon, 1, "grpc_server_handled_total", {**segment, "grpc_code": "OK"})
    assert daemon.metric("grpc_server_started_total", **segment) == 1
    assert daemon.metric("grpc_server_msg_received_total", **segment) == 4
    assert daemon.metric("grpc_server_msg_sent_total", **segment) == 3
    received = sum(len(each.SerializeToString()) for each in requests)
    assert daemon.metric("edgeseg_received_bytes_total", **segment) == received
    sent = sum(len(each.SerializeToString()) for each in answers)
    assert daemon.metric("edgeseg_sent_bytes_total", **segment) == sent
    assert daemon.metric("grpc_server_handling_seconds_count", **segment) == 0

    single = of(V1, "SegmentImage", "unary")
    await until(daemon, 1, "grpc_server_handled_total", {**single, "grpc_code": "INVALID_ARGUMENT"})
    assert daemon.metric("grpc_server_handled_total", **single, grpc_code="OK") == 1
    assert daemon.metric("grpc_server_handling_seconds_count", **single) == 2
    assert daemon.metric("grpc_server_handling_seconds_sum", **single) > 0
    assert daemon.metric("grpc_server_msg_sent_total", **single) == 1
    sent = len(image.SerializeToString())
    assert daemon.metric("edgeseg_sent_bytes_total", **single) == sent

    of_oip = of(OIP, "ModelInfer", "unary")
    await until(daemon, 1, "grpc_server_handled_total", {**of_oip, "grpc_code": "NOT_FOUND"})
    assert daemon.metric("grpc_server_handled_total", **of_oip, grpc_code="OK") == 1
    assert daemon.metric("edgeseg_sent_bytes_total", **of_oip) == len(inferred.SerializeToString())
    many = of(OIP, "ModelStreamInfer", "bidi_stream")
    await until(daemon, 1, "grpc_server_handled_total", {**many, "grpc_code": "OK"})
    assert daemon.metric("grpc_server_msg_received_total", **many) == 2
    assert daemon.metric("grpc_server_msg_sent_total", **many) == len(streamed) == 2
    size = 2 * len(infer.SerializeToString())
    assert daemon.metric("edgeseg_received_bytes_total", **many) == size


async def test_calls_that_health_reflection_or_the_client_end_have_their_status(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch()
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        await health.Check(health_pb2.HealthCheckRequest())
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await health.Check(health_pb2.HealthCheckRequest(service="no such"))
        assert failure.value.code() == grpc.StatusCode.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        timed = health.Watch(health_pb2.HealthCheckRequest(), timeout=0.5)
        assert await timed.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        assert [each async for each in reflection.ServerReflectionInfo(iter([asked]))]
        segment = channel.stream_stream(
            f"/{V1}/Segment", pb.SegmentRequest.SerializeToString, pb.SegmentResponse.FromString
        )
        late = segment(timeout=0.5)
        await late.write(every())
        assert await late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        again = segment(iter([every(), *frames([jpeg])]))
        assert [each.status async for each in again] == [pb.FRAME_STATUS_OK]
    check = of("grpc.health.v1.Health", "Check", "unary")
    await until(daemon, 1, "grpc_server_handled_total", {**check, "grpc_code": "OK"})
    await until(daemon, 1, "grpc_server_handled_total", {**check, "grpc_code": "NOT_FOUND"})
    watched = of("grpc.health.v1.Health", "Watch", "server_stream")
    await until(daemon, 1, "grpc_server_handled_total", {**watched, "grpc_code": "CANCELLED"})
    deadline = {**watched, "grpc_code": "DEADLINE_EXCEEDED"}
    await until(daemon, 1, "grpc_server_handled_total", deadline)
    assert daemon.metric("grpc_server_msg_sent_total", **watched) == 2
    info = of("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", "bidi_stream")
    await until(daemon, 1, "grpc_server_handled_total", {**info, "grpc_code": "OK"})
    streams = of(V1, "Segment", "bidi_stream")
    for code in ("OK", "DEADLINE_EXCEEDED"):
        await until(daemon, 1, "grpc_server_handled_total", {**streams, "grpc_code": code})
    assert daemon.metric("grpc_server_handled_total", **streams) == 2


async def test_methods_that_a_stranger_invents_are_one_series(launch: Launch, jpeg: bytes) -> None:
    daemon = launch()
    invented = ("/a/b", f"/{V1}/Segments", f"/{OIP}/CudaSharedMemoryStatus", "/grpc_method/x")
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        for path in invented:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await channel.unary_unary(path, bytes, bytes)(b"")
            assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
    unknown = of("unknown", "unknown", "unknown")
    handled = {**unknown, "grpc_code": "UNIMPLEMENTED"}
    await until(daemon, len(invented), "grpc_server_handled_total", handled)
    assert daemon.metric("grpc_server_started_total", **unknown) == len(invented)
    assert daemon.metric("grpc_server_started_total") == len(invented)
    page = daemon.metrics_page()
    assert not any(word in page for word in ("Segments", "CudaShared", "grpc_method/x"))
    with Client(daemon.address) as client:
        assert client.segment(jpeg)


async def test_a_call_without_a_token_is_counted_with_its_status(
    launch: Launch, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "camera", "--scope", "infer")
    daemon = launch(f"--tokens={file}", "--public=metrics")
    async with stub(daemon.address) as service:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await service.GetServerInfo(pb.GetServerInfoRequest())
        assert failure.value.code() == grpc.StatusCode.UNAUTHENTICATED
    info = of(V1, "GetServerInfo", "unary")
    await until(daemon, 1, "grpc_server_handled_total", {**info, "grpc_code": "UNAUTHENTICATED"})
    assert daemon.metric("grpc_server_handled_total", **info) == 1


async def test_frames_in_shared_memory_are_not_among_the_received_bytes(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    daemon = launch(f"--listen=unix://{tmp_path}/grpc.sock", f"--shared-memory-bytes={64 << 20}")
    single = of(V1, "SegmentImage", "unary")
    with Client(daemon.address, shared_memory=True) as client:
        assert client.segment(jpeg)
    assert 0 < daemon.metric("edgeseg_received_bytes_total", **single) < len(jpeg) // 2
