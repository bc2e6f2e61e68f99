"""The Open Inference Protocol of a real daemon, called by raw stubs."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from PIL import Image

from edgeseg.inference import open_inference_pb2 as pb
from edgeseg.v1 import segmentation_pb2 as v1
from support.calls import every, frames, segment, stub
from support.oip_calls import inference, of_bytes, picture, request, status_of
from support.running_daemon import Launch, RunningDaemon

Code = grpc.StatusCode
SERVICE = "inference.GRPCInferenceService"
OWN_INPUT, OWN_OUTPUT = "image_tensor", "Identity"
SIDE = 193


def array(response: pb.ModelInferResponse, name: str) -> np.ndarray[Any, Any]:
    """An output of a response."""
    kinds = {"UINT8": np.uint8, "FP32": np.float32}
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        if output.name == name:
            return np.frombuffer(raw, kinds[output.datatype]).reshape(output.shape)
    raise AssertionError(f"there is no {name}")


def raw_call(channel: grpc.aio.Channel, method: str) -> Any:  # noqa: ANN401 # gRPC's
    """A call of bytes."""
    call: Any = channel.unary_unary(method)
    return call


async def works(service: Any, jpeg: bytes) -> None:  # noqa: ANN401 # a stub
    """The next frame does."""
    response = await service.ModelInfer(picture(jpeg))
    assert array(response, "labels").shape == (SIDE, SIDE)


async def test_labels_are_those_of_the_contract_of_our_own(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    (ours,) = (await segment(daemon.address, [every(), *frames([jpeg])])).values()
    async with inference(daemon.address) as service:
        response = await service.ModelInfer(picture(jpeg, model="scenes", request_id="seven"))
    assert response.raw_output_contents[0] == ours.segmentation.labels
    assert (response.model_name, response.id) == ("scenes", "seven")
    assert response.model_version == ours.segmentation.model_version
    assert response.parameters["delegate"].string_param == "cpu"
    assert response.parameters["frame_width"].int64_param == 640
    assert [output.name for output in response.outputs] == ["labels"]


async def test_a_request_without_outputs_gets_all(daemon: RunningDaemon, jpeg: bytes) -> None:
    async with inference(daemon.address) as service:
        response = await service.ModelInfer(picture(jpeg, outputs=()))
    labels, confidence = array(response, "labels"), array(response, "confidence")
    scores = array(response, OWN_OUTPUT)
    assert labels.shape == confidence.shape == (SIDE, SIDE)
    assert scores.shape == (1, SIDE, SIDE, 7)
    np.testing.assert_array_equal(scores[0].argmax(-1), labels)


async def test_pixels_and_the_models_own_tensor_give_what_their_file_gives(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    image = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "PNG")
    pixels = np.asarray(image)
    # The built-in model takes 0 to 1.
    async with inference(daemon.address) as service:
        metadata = await service.ModelMetadata(pb.ModelMetadataRequest(name="scenes"))
        given = {each.name: list(each.shape) for each in metadata.inputs}
        assert given == {"image": [1], OWN_INPUT: [1, SIDE, SIDE, 3]}
        wanted = await service.ModelInfer(picture(file.getvalue(), outputs=()))
        for shape in (pixels.shape, (1, *pixels.shape)):
            response = await service.ModelInfer(
                request(pixels.tobytes(), datatype="UINT8", shape=shape, outputs=())
            )
            assert response.raw_output_contents == wanted.raw_output_contents
        scaled = [pixels / 255, pixels / 127.5 - 1]
        equal = []
        for values in scaled:
            response = await service.ModelInfer(
                request(
                    values.astype(np.float32).tobytes(),
                    name=OWN_INPUT,
                    datatype="FP32",
                    shape=(1, SIDE, SIDE, 3),
                    outputs=(OWN_OUTPUT,),
                )
            )
            scores = array(response, OWN_OUTPUT)
            equal.append(np.allclose(scores, array(wanted, OWN_OUTPUT), atol=1e-3))
    assert equal.count(True) == 1


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ({}, (SIDE, SIDE)),
        ({"size": "model"}, (SIDE, SIDE)),
        ({"size": "frame"}, (480, 640)),
        ({"width": 31, "height": 17}, (17, 31)),
        ({"size": "frame", "resize": "letterbox"}, (480, 640)),
        ({"timeout": 60_000_000, "priority": 3}, (SIDE, SIDE)),
        ({"triton_enable_empty_final_response": True}, (SIDE, SIDE)),
    ],
)
async def test_parameters_say_how_masks_are_made(
    daemon: RunningDaemon, jpeg: bytes, parameters: dict[str, Any], shape: tuple[int, int]
) -> None:
    async with inference(daemon.address) as service:
        response = await service.ModelInfer(
            picture(jpeg, parameters=parameters, outputs=("confidence", "labels"))
        )
    assert [output.name for output in response.outputs] == ["confidence", "labels"]
    assert [tuple(output.shape) for output in response.outputs] == [shape, shape]


async def test_a_file_may_be_in_the_inputs_own_contents(daemon: RunningDaemon, jpeg: bytes) -> None:
    async with inference(daemon.address) as service:
        asked = request(None)
        asked.inputs[0].contents.bytes_contents.append(jpeg)
        response = await service.ModelInfer(asked)
        wanted = await service.ModelInfer(picture(jpeg))
    assert response.raw_output_contents == wanted.raw_output_contents


PIXELS = bytes(4 * 3 * 3)
TENSOR = bytes(SIDE * SIDE * 3 * 4)
NO_NUMBERS = np.full(SIDE * SIDE * 3, np.nan, np.float32).tobytes()


def typed(name: str = "image") -> pb.ModelInferRequest:
    """A request with values of a type of their own: field 6 of InferTensorContents."""
    asked = request(None, name=name, datatype="FP32", shape=(1, SIDE, SIDE, 3))
    asked.inputs[0].contents.MergeFromString(b"\x32\x04\0\0\0\0")
    return asked


BAD = {
    "no such model": (request(b"", model="nobody"), Code.NOT_FOUND, "no model 'nobody'"),
    "no such version": (request(b"", version="9"), Code.NOT_FOUND, "no version '9'"),
    "no input": (pb.ModelInferRequest(), Code.INVALID_ARGUMENT, "has one input"),
    "two inputs": (
        pb.ModelInferRequest(inputs=[pb.ModelInferRequest.InferInputTensor(name="image")] * 2),
        Code.INVALID_ARGUMENT,
        "has one input, 'image' or 'image_tensor', not 2",
    ),
    "another input": (
        request(b"1", name="picture"),
        Code.INVALID_ARGUMENT,
        "unexpected inference input 'picture' for model 'scenes'",
    ),
    "another output": (
        picture(b"1", outputs=("masks",)),
        Code.INVALID_ARGUMENT,
        "unexpected inference output 'masks'",
    ),
    "an output twice": (picture(b"1", outputs=("labels",) * 2), Code.INVALID_ARGUMENT, "twice"),
    "another type": (request(PIXELS, datatype="FP32"), Code.INVALID_ARGUMENT, "not 'FP32'"),
    "another type of the own input": (
        request(TENSOR, name=OWN_INPUT, datatype="UINT8", shape=(1, SIDE, SIDE, 3)),
        Code.INVALID_ARGUMENT,
        "has datatype and shape FP32 [1, 193, 193, 3], not 'UINT8'",
    ),
    "another shape of the own input": (
        request(TENSOR, name=OWN_INPUT, datatype="FP32", shape=(SIDE, SIDE, 3)),
        Code.INVALID_ARGUMENT,
        "not 'FP32' [193, 193, 3]",
    ),
    "too few bytes": (
        request(PIXELS[:-1], datatype="UINT8", shape=(4, 3, 3)),
        Code.INVALID_ARGUMENT,
        "unexpected total byte size 35 for input 'image', expecting 36",
    ),
    "too many bytes": (
        request(TENSOR + b"1", name=OWN_INPUT, datatype="FP32", shape=(1, SIDE, SIDE, 3)),
        Code.INVALID_ARGUMENT,
        "expecting 446,988",
    ),
    "negative sides": (
        request(PIXELS, datatype="UINT8", shape=(-4, -3, 3)),
        Code.INVALID_ARGUMENT,
        "[height, width, 3]",
    ),
    "sides without end": (
        request(PIXELS, datatype="UINT8", shape=(2**62, 2**62, 3)),
        Code.INVALID_ARGUMENT,
        "expecting",
    ),
    "four channels": (
        request(PIXELS, datatype="UINT8", shape=(3, 3, 4)),
        Code.INVALID_ARGUMENT,
        "[height, width, 3]",
    ),
    "two pictures": (
        request(of_bytes(b"1", b"2"), shape=(2,)),
        Code.INVALID_ARGUMENT,
        "a request has one picture, of shape [1], not [2]",
    ),
    "two pictures that say to be one": (
        request(of_bytes(b"1", b"2")),
        Code.INVALID_ARGUMENT,
        "the length of its BYTES element is 1,",
    ),
    "a length that lies": (
        request(b"\xff\xff\xff\xffpicture"),
        Code.INVALID_ARGUMENT,
        "the length of its BYTES element is 4,294,967,295",
    ),
    "less than a length": (request(b"\0"), Code.INVALID_ARGUMENT, "has 1 bytes"),
    "an empty picture": (picture(b""), Code.INVALID_ARGUMENT, "it has 0 bytes"),
    "no picture": (picture(b"no picture"), Code.INVALID_ARGUMENT, "not a JPEG, PNG, WebP or BMP"),
    "half a picture": (picture(b"\xff\xd8\xff\xe0"), Code.INVALID_ARGUMENT, ""),
    "no values": (request(None), Code.INVALID_ARGUMENT, "were sent 0 times"),
    "values twice": (
        pb.ModelInferRequest(
            inputs=[pb.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES")],
            raw_input_contents=[b"1", b"2"],
        ),
        Code.INVALID_ARGUMENT,
        "were sent 2 times",
    ),
    "values of a type": (typed(OWN_INPUT), Code.INVALID_ARGUMENT, "belong in raw_input_contents"),
    "no numbers": (
        request(NO_NUMBERS, name=OWN_INPUT, datatype="FP32", shape=(1, SIDE, SIDE, 3)),
        Code.INVALID_ARGUMENT,
        "infinite or NaN",
    ),
    "an unknown parameter": (
        picture(b"1", parameters={"sequence_id": 5}),
        Code.INVALID_ARGUMENT,
        "no parameter 'sequence_id'",
    ),
    "classification": (
        picture(b"1", places={"labels": {"classification": 3}}),
        Code.INVALID_ARGUMENT,
        "no parameter 'classification'",
    ),
    "a number that is a text": (
        picture(b"1", parameters={"timeout": "soon"}),
        Code.INVALID_ARGUMENT,
        "'timeout' is a whole number",
    ),
    "a negative number": (
        picture(b"1", parameters={"width": -3}),
        Code.INVALID_ARGUMENT,
        "'width' is a whole number",
    ),
    "a size and another": (
        picture(b"1", parameters={"size": "frame", "width": 3, "height": 3}),
        Code.INVALID_ARGUMENT,
        "size 'frame' cannot have a width and a height",
    ),
    "half a size": (picture(b"1", parameters={"width": 3}), Code.INVALID_ARGUMENT, "3x0"),
    "an unknown size": (
        picture(b"1", parameters={"size": "huge"}),
        Code.INVALID_ARGUMENT,
        "'model' or 'frame'",
    ),
    "too large a mask": (
        picture(b"1", parameters={"width": 2000, "height": 2000}, outputs=("labels", "confidence")),
        Code.INVALID_ARGUMENT,
        "8,000,000 bytes",
    ),
    "too large a mask with the scores": (
        picture(b"1", parameters={"width": 1900, "height": 2000}, outputs=()),
        Code.INVALID_ARGUMENT,
        "own output 1,042,972",
    ),
    "an unknown way to resize": (
        picture(b"1", parameters={"resize": "melt"}),
        Code.INVALID_ARGUMENT,
        "stretch, letterbox, crop",
    ),
    "shared memory": (
        request(None, place={"shared_memory_region": "mine", "shared_memory_byte_size": 3}),
        Code.UNIMPLEMENTED,
        "--oip-shared-memory=allow",
    ),
    "time that is over": (
        picture(b"\xff\xd8\xff", parameters={"timeout": 1}),
        Code.UNAVAILABLE,
        "",
    ),
    "a thousand parameters": (
        picture(b"1", parameters={f"p{number}": number for number in range(1000)}),
        Code.INVALID_ARGUMENT,
        "more than 1,024 fields",
    ),
    "a shape without end": (
        request(b"1", shape=[1] * 100_000),
        Code.INVALID_ARGUMENT,
        "has 100,000 bytes; at most 1,024",
    ),
    "a name without end": (
        request(b"1", model="x" * 100_000),
        Code.INVALID_ARGUMENT,
        "has 100,000 bytes; at most 1,024",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_wrong_has_tritons_status_and_the_next_request_works(
    daemon: RunningDaemon, jpeg: bytes, name: str
) -> None:
    asked, status, why = BAD[name]
    async with inference(daemon.address) as service:
        code, details = await status_of(service.ModelInfer(asked))
        assert (code, why in details) == (status, True), details
        await works(service, jpeg)


async def test_a_stream_reports_errors_in_band_in_the_order_of_its_requests(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    """Except for malformed messages, which end the stream."""
    no_messages = {"a thousand parameters", "a shape without end", "a name without end"}
    wrong = {name: bad for name, bad in BAD.items() if name not in no_messages}
    asked = []
    for number, (bad, _, _) in enumerate(wrong.values()):
        one = pb.ModelInferRequest()
        one.CopyFrom(bad)
        one.id = f"bad {number}"
        asked += [one, picture(jpeg, request_id=f"good {number}")]
    async with inference(daemon.address) as service:
        answers = [answer async for answer in service.ModelStreamInfer(iter(asked))]
    assert [answer.infer_response.id for answer in answers] == [each.id for each in asked]
    for answer, (_, _, why) in zip(answers[::2], wrong.values(), strict=True):
        assert why in answer.error_message
        assert answer.error_message
        assert not answer.infer_response.outputs
    for answer in answers[1::2]:
        assert not answer.error_message
        assert array(answer.infer_response, "labels").shape == (SIDE, SIDE)
        assert answer.infer_response.parameters["triton_final_response"].bool_param


async def test_a_stream_ends_with_the_status_where_its_metadata_ask_for_that(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with inference(daemon.address) as service:
        call = service.ModelStreamInfer(metadata=(("triton_grpc_error", "true"),))
        for asked in (picture(jpeg), picture(b"no picture")):
            await call.write(asked)  # gRPC loses the status of a call that ends within a write
        assert not (await call.read()).error_message
        with pytest.raises(grpc.aio.AioRpcError):
            await call.read()
        assert await call.code() is Code.INVALID_ARGUMENT
        assert "not a JPEG" in (await call.details() or "")
        await works(service, jpeg)


async def test_a_malformed_message_is_refused_and_the_next_works(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    method = f"/{SERVICE}/ModelInfer"
    for raw in (b"\x0a", b"\x0a\xff", b"\x07\x07", b"\xff" * 20, b"\x0b", b"\x09\0"):
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            code, details = await status_of(raw_call(channel, method)(raw))
        assert code is Code.INVALID_ARGUMENT, details
    async with inference(daemon.address) as service:
        await works(service, jpeg)


@pytest.mark.parametrize("letter", ["\0", "\u00e4", "\ue000", "\U0001f600", "x"])
async def test_a_name_of_any_letters_comes_back_in_its_status(
    daemon: RunningDaemon, jpeg: bytes, letter: str
) -> None:
    """Metadata have a limit, and a status takes up to three bytes in them for each of its own."""
    name = letter * (1024 // len(letter.encode()))
    async with inference(daemon.address) as service:
        for asked in (
            request(b"1", model=name),
            request(b"1", name=name),
            picture(b"1", outputs=(name,)),
            picture(b"1", parameters={name: 1}),
        ):
            code, why = await status_of(service.ModelInfer(asked))
            assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT), why
        await works(service, jpeg)


async def test_compressed_messages_are_refused_as_those_of_our_own_contract(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with inference(daemon.address) as service:
        call = service.ModelInfer(picture(jpeg + bytes(1 << 20)), compression=grpc.Compression.Gzip)
        code, details = await status_of(call)
        assert (code, "gzip" in details) == (Code.UNIMPLEMENTED, True)
        await works(service, jpeg)


async def test_a_large_message_to_a_method_without_frames_is_refused(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        call = raw_call(channel, f"/{SERVICE}/ModelReady")
        code, _ = await status_of(call(b"\x7a\xf0\xff\x03" + bytes(65520)))
    assert code is Code.INVALID_ARGUMENT
    async with inference(daemon.address) as service:
        await works(service, jpeg)


async def test_liveness_readiness_and_metadata_of_the_server_and_its_model(
    daemon: RunningDaemon,
) -> None:
    async with inference(daemon.address) as service:
        assert (await service.ServerLive(pb.ServerLiveRequest())).live
        assert (await service.ServerReady(pb.ServerReadyRequest())).ready
        assert (await service.ModelReady(pb.ModelReadyRequest(name="scenes"))).ready
        assert not (await service.ModelReady(pb.ModelReadyRequest(name="nobody"))).ready
        for asked in (
            service.ModelMetadata(pb.ModelMetadataRequest(name="nobody")),
            service.ModelConfig(pb.ModelConfigRequest(name="scenes", version="9")),
            service.ModelStatistics(pb.ModelStatisticsRequest(name="nobody")),
        ):
            assert (await status_of(asked))[0] is Code.NOT_FOUND
        server = await service.ServerMetadata(pb.ServerMetadataRequest())
        assert list(server.extensions) == ["model_configuration", "statistics"]
        metadata = await service.ModelMetadata(pb.ModelMetadataRequest(name="scenes"))
        (config,) = [(await service.ModelConfig(pb.ModelConfigRequest(name="scenes"))).config]
        (index,) = (await service.RepositoryIndex(pb.RepositoryIndexRequest())).models
    assert [each.name for each in metadata.outputs] == ["labels", "confidence", OWN_OUTPUT]
    assert [each.name for each in config.input] == [each.name for each in metadata.inputs]
    assert [list(each.dims) for each in config.output] == [
        list(each.shape) for each in metadata.outputs
    ]
    assert "robot" in config.parameters["classes"].string_value.split(",")
    assert (index.name, index.version, index.state) == (
        "scenes",
        metadata.versions[0],
        "READY",
    )


async def test_statistics_count_the_frames_of_both_protocols(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async def counted(service: Any) -> pb.ModelStatistics:  # noqa: ANN401 # a stub
        response = await service.ModelStatistics(pb.ModelStatisticsRequest(name="scenes"))
        (statistics,) = response.model_stats
        assert isinstance(statistics, pb.ModelStatistics)
        return statistics

    async with inference(daemon.address) as service:
        before = await counted(service)
        frames_before = daemon.metric("edgeseg_frames_total")
        await works(service, jpeg)
        await status_of(service.ModelInfer(picture(b"no picture")))
        await segment(daemon.address, [every(), *frames([jpeg, b"no picture"])])
        after = await counted(service)
    assert daemon.metric("edgeseg_frames_total") - frames_before == 4
    assert after.inference_count - before.inference_count == 2
    assert after.execution_count - before.execution_count == 2
    assert after.last_inference >= before.last_inference
    then, now = before.inference_stats, after.inference_stats
    for part in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert getattr(now, part).count - getattr(then, part).count == 2
    parts = ("queue", "compute_input", "compute_infer", "compute_output")
    spent = sum(getattr(now, part).ns - getattr(then, part).ns for part in parts)
    assert 0 < spent <= now.success.ns - then.success.ns
    assert now.fail.count - then.fail.count == 2


async def test_models_are_neither_loaded_nor_unloaded(daemon: RunningDaemon, jpeg: bytes) -> None:
    async with inference(daemon.address) as service:
        for call in (
            service.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="scenes")),
            service.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="scenes")),
            service.SystemSharedMemoryStatus(pb.SystemSharedMemoryStatusRequest()),
        ):
            assert (await status_of(call))[0] is Code.UNIMPLEMENTED
        await works(service, jpeg)


async def test_methods_that_are_not_served_are_unimplemented(daemon: RunningDaemon) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        for method in ("TraceSetting", "LogSettings", "CudaSharedMemoryStatus"):
            code, _ = await status_of(raw_call(channel, f"/{SERVICE}/{method}")(b""))
            assert code is Code.UNIMPLEMENTED


async def test_health_and_reflection_know_the_service(daemon: RunningDaemon) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]))
        found = (await call.read()).file_descriptor_response.file_descriptor_proto
        call.cancel()
    assert len(found) == 1
    assert b"ModelStreamInfer" in found[0]


async def test_a_full_queue_is_unavailable_and_has_room_again(launch: Launch, jpeg: bytes) -> None:
    running = launch("--unary-queue=1", "--delegate=cpu", "--optimize=latency")
    async with inference(running.address) as service:
        calls = [service.ModelInfer(picture(jpeg, outputs=())) for _ in range(40)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        refused = [each for each in outcomes if isinstance(each, grpc.aio.AioRpcError)]
        assert {each.code() for each in refused} == {Code.UNAVAILABLE}
        assert all("frames wait already" in (each.details() or "") for each in refused)
        assert 0 < len(refused) < 40
        await works(service, jpeg)


async def test_a_stream_that_is_open_when_the_daemon_stops_is_answered_and_ends_unavailable(
    launch: Launch, jpeg: bytes
) -> None:
    running = launch()
    sent = asyncio.Event()

    async def requests() -> AsyncIterator[pb.ModelInferRequest]:
        yield picture(jpeg)
        await sent.wait()

    async with inference(running.address) as service:
        call = service.ModelStreamInfer(requests())
        first = await call.read()
        assert array(first.infer_response, "labels").shape == (SIDE, SIDE)
        stopping = asyncio.create_task(asyncio.to_thread(running.stop))
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
        assert ended.value.code() is Code.UNAVAILABLE
        sent.set()
        assert await stopping == 0


async def test_a_client_that_leaves_holds_nothing_and_the_next_works(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with inference(daemon.address) as service:
        for _ in range(5):
            call = service.ModelInfer(picture(jpeg, outputs=()))
            await asyncio.sleep(0)
            call.cancel()
        stream = service.ModelStreamInfer(iter([picture(jpeg)] * 8))
        await stream.read()
        stream.cancel()
        await works(service, jpeg)
    async with stub(daemon.address) as service:
        assert (await service.GetServerInfo(v1.GetServerInfoRequest())).models
    assert daemon.metric("edgeseg_held_bytes") == 0


async def test_a_tensor_larger_than_a_frame_may_be_is_refused_and_pictures_work(
    launch: Launch, jpeg: bytes
) -> None:
    running = launch("--max-frame-bytes=400000", "--delegate=cpu")
    async with inference(running.address) as service:
        asked = request(
            TENSOR,
            name=OWN_INPUT,
            datatype="FP32",
            shape=(1, SIDE, SIDE, 3),
        )
        code, why = await status_of(service.ModelInfer(asked))
        assert (code, "446,988 bytes; at most 400,000 are allowed" in why) == (
            Code.INVALID_ARGUMENT,
            True,
        ), why
        code, why = await status_of(service.ModelInfer(picture(jpeg, outputs=())))
        assert (code, "fewer outputs" in why) == (Code.INVALID_ARGUMENT, True), why
        await works(service, jpeg)


async def test_a_client_that_does_not_read_its_stream_is_given_no_more_than_two_results(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    """Not counting what gRPC buffers; the requests are small, each result has a megabyte."""
    before = daemon.metric("edgeseg_frames_total", outcome="ok")
    async with inference(daemon.address) as service, inference(daemon.address) as other:
        call = service.ModelStreamInfer(iter([picture(jpeg, outputs=(OWN_OUTPUT,))] * 60))
        await call.read()
        for _ in range(20):
            await works(other, jpeg)
        answered = daemon.metric("edgeseg_frames_total", outcome="ok") - before - 20
        assert 1 <= answered < 30, "gRPC's own windows are a few megabytes"
        assert daemon.metric("edgeseg_held_bytes") < 40_000_000
        rest = [await call.read() for _ in range(59)]
        assert await call.code() is Code.OK
        assert not any(answer.error_message for answer in rest)
    assert daemon.metric("edgeseg_held_bytes") == 0


async def test_an_engine_that_is_lost_costs_no_request(launch: Launch, jpeg: bytes) -> None:
    running = launch("--delegate=cpu")
    async with inference(running.address) as service:
        await works(service, jpeg)
        (pid,) = running.engines()
        calls = [service.ModelInfer(picture(jpeg)) for _ in range(4)]
        os.kill(pid, signal.SIGKILL)
        for response in await asyncio.gather(*calls):
            assert array(response, "labels").shape == (SIDE, SIDE)


async def test_a_stream_may_be_opened_long_before_it_is_used(launch: Launch, jpeg: bytes) -> None:
    running = launch("--message-seconds=0.2")
    async with inference(running.address) as service:
        stream = service.ModelStreamInfer()
        await asyncio.sleep(1)
        await stream.write(picture(jpeg))
        assert not (await stream.read()).error_message
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK
