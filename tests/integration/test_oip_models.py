"""Several models through the Open Inference Protocol, loaded and unloaded by a client."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import edgesegd
from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.engine.runtimes.runtime import load_runtime
from support.oip_calls import inference, picture, request, status_of
from support.running_daemon import Launch

Code = grpc.StatusCode
BUILTIN = Path(edgesegd.__file__).parent / "builtin" / "scenes"
LABELS = 193 * 193


def put_model(folder: Path, name: str, *, spoil: bytes | None = None) -> None:
    """A copy of the built-in model; each name and version has bytes of its own at its end."""
    path = folder / f"{name}.tflite"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = BUILTIN.with_suffix(".tflite").read_bytes()
    path.write_bytes(spoil if spoil is not None else content + name.encode())
    shutil.copy(BUILTIN.with_suffix(".toml"), path.with_suffix(".toml"))


async def index(service: Any) -> dict[str, str]:  # noqa: ANN401 # a stub
    """The models that there are, with their states."""
    answer = await service.RepositoryIndex(pb.RepositoryIndexRequest())
    return {each.name: each.state for each in answer.models}


async def works(service: Any, jpeg: bytes, model: str = "") -> pb.ModelInferResponse:  # noqa: ANN401 # a stub
    response = await service.ModelInfer(picture(jpeg, model=model))
    assert isinstance(response, pb.ModelInferResponse)
    assert len(response.raw_output_contents[0]) == LABELS
    return response


def load(service: Any, name: str) -> Any:  # noqa: ANN401 # a call
    return service.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name=name))


def unload(service: Any, name: str) -> Any:  # noqa: ANN401 # a call
    return service.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name=name))


async def test_each_request_goes_to_the_model_that_it_names(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    for name in ("rooms", "streets"):
        put_model(tmp_path, name)
    running = launch(f"--models={tmp_path}", "--default-model=streets", "--delegate=cpu")
    async with inference(running.address) as service:
        assert await index(service) == {"rooms": "READY", "streets": "READY"}
        names = [(await works(service, jpeg, name)).model_name for name in ("", "rooms", "streets")]
        assert names == ["streets", "rooms", "streets"]
        asked = [picture(jpeg, model=name) for name in ("rooms", "nobody", "streets", "")]
        answers = [answer async for answer in service.ModelStreamInfer(iter(asked))]
        assert [each.infer_response.model_name for each in answers] == [
            *("rooms", "nobody", "streets", "streets"),
        ]
        assert [bool(each.error_message) for each in answers] == [False, True, False, False]
        statistics = await service.ModelStatistics(pb.ModelStatisticsRequest())
        counted = {each.name: each.inference_count for each in statistics.model_stats}
        assert counted == {"rooms": 2, "streets": 4}


@pytest.mark.slow
async def test_a_stream_that_names_two_models_goes_on_whatever_room_its_results_take(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    for name in ("rooms", "streets"):
        put_model(tmp_path, name)
    running = launch(
        f"--models={tmp_path}",
        "--default-model=streets",
        "--delegate=cpu",
        "--max-frame-bytes=2000000",
        "--max-held-bytes=8000000",
        "--idle-unload=0.5",
    )
    async with asyncio.timeout(30):
        while running.engines():  # the first model of the stream is slow to come
            await asyncio.sleep(0.05)
    size = {"size": "frame"}
    asked = [
        picture(jpeg, model=name, parameters=size, outputs=("labels", "confidence"))
        for name in ("rooms", "streets", "streets", "streets", "rooms", "streets") * 2
    ]
    async with inference(running.address) as service, asyncio.timeout(60):
        answers = [answer async for answer in service.ModelStreamInfer(iter(asked))]
    assert [each.infer_response.model_name for each in answers] == [
        each.model_name for each in asked
    ]
    assert not any(each.error_message for each in answers)


async def test_models_are_loaded_and_unloaded_where_that_is_allowed(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    put_model(tmp_path, "rooms")
    running = launch(f"--models={tmp_path}", "--delegate=cpu", "--oip-repository=allow")
    async with inference(running.address) as service:
        server = await service.ServerMetadata(pb.ServerMetadataRequest())
        assert "model_repository" in server.extensions
        assert (await status_of(load(service, "streets")))[0] is Code.NOT_FOUND
        put_model(tmp_path, "streets")
        await load(service, "streets")
        assert await index(service) == {"rooms": "READY", "streets": "READY"}
        assert (await works(service, jpeg, "streets")).model_name == "streets"
        await unload(service, "streets")
        assert await index(service) == {"rooms": "READY"}
        code, _ = await status_of(service.ModelInfer(picture(jpeg, model="streets")))
        assert code is Code.NOT_FOUND
        assert not (await service.ModelReady(pb.ModelReadyRequest(name="streets"))).ready
        assert (await status_of(unload(service, "streets")))[0] is Code.NOT_FOUND
        await works(service, jpeg)


async def test_a_new_version_takes_the_place_of_the_one_that_serves(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    put_model(tmp_path, "rooms/1/model")
    running = launch(f"--models={tmp_path}", "--delegate=cpu", "--oip-repository=allow")
    async with inference(running.address) as service:
        assert (await works(service, jpeg)).model_version == "1"
        put_model(tmp_path, "rooms/2/model")
        await load(service, "rooms")
        assert (await works(service, jpeg)).model_version == "2"
        asked = pb.ModelReadyRequest(name="rooms", version="1")
        assert not (await service.ModelReady(asked)).ready
        statistics = await service.ModelStatistics(pb.ModelStatisticsRequest(name="rooms"))
        assert [(each.version, each.inference_count) for each in statistics.model_stats] == [
            ("2", 1)
        ]


async def test_a_model_that_cannot_be_loaded_leaves_the_one_that_serves(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    put_model(tmp_path, "rooms")
    running = launch(f"--models={tmp_path}", "--delegate=cpu", "--oip-repository=allow")
    async with inference(running.address) as service:
        before = await works(service, jpeg)
        put_model(tmp_path, "rooms", spoil=b"no model")
        code, why = await status_of(load(service, "rooms"))
        assert (code, "failed to load 'rooms'" in why) == (Code.INVALID_ARGUMENT, True), why
        assert (await works(service, jpeg)).model_version == before.model_version


@pytest.mark.parametrize("name", ["", "..", "../rooms", "/etc/passwd", "rooms\0", "x" * 400])
async def test_a_name_that_is_none_is_refused(
    launch: Launch, tmp_path: Path, jpeg: bytes, name: str
) -> None:
    put_model(tmp_path / "models", "rooms")
    put_model(tmp_path, "rooms")
    running = launch(f"--models={tmp_path / 'models'}", "--oip-repository=allow")
    async with inference(running.address) as service:
        code, why = await status_of(load(service, name))
        assert code in (Code.NOT_FOUND, Code.INVALID_ARGUMENT), why
        await works(service, jpeg)


async def test_configurations_files_and_other_repositories_are_refused(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    put_model(tmp_path, "rooms")
    running = launch(f"--models={tmp_path}", "--oip-repository=allow")
    async with inference(running.address) as service:
        asked = pb.RepositoryModelLoadRequest(model_name="rooms")
        asked.parameters["config"].string_param = "{}"
        code, _ = await status_of(service.RepositoryModelLoad(asked))
        assert code is Code.UNIMPLEMENTED
        other = pb.RepositoryModelLoadRequest(model_name="rooms", repository_name="other")
        code, _ = await status_of(service.RepositoryModelLoad(other))
        assert code is Code.INVALID_ARGUMENT
        code, _ = await status_of(
            service.RepositoryIndex(pb.RepositoryIndexRequest(repository_name="other"))
        )
        assert code is Code.INVALID_ARGUMENT
        gone = pb.RepositoryModelUnloadRequest(model_name="rooms")
        gone.parameters["unload_dependents"].bool_param = True
        await service.RepositoryModelUnload(gone)
        assert await index(service) == {}
        assert not (await service.ServerReady(pb.ServerReadyRequest())).ready
        await load(service, "rooms")
        await works(service, jpeg)


async def test_a_daemon_that_stops_while_a_model_is_loaded_leaves_nothing(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    put_model(tmp_path, "rooms")
    running = launch(f"--models={tmp_path}", "--delegate=cpu", "--oip-repository=allow")
    async with inference(running.address) as service:
        await works(service, jpeg)
        put_model(tmp_path, "streets")
        loading = asyncio.ensure_future(load(service, "streets"))
        while len(running.engines()) < 2:
            await asyncio.sleep(0)
        assert await asyncio.to_thread(running.stop) == 0
        await asyncio.gather(loading, return_exceptions=True)


async def test_a_model_that_gave_its_engine_back_is_ready(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    for name in ("rooms", "streets"):
        put_model(tmp_path, name)
    flags = (f"--models={tmp_path}", "--default-model=rooms", "--idle-unload=3600")
    running = launch(*flags, "--delegate=cpu")
    async with inference(running.address) as service:
        assert len(running.engines()) == 1
        assert (await service.ModelReady(pb.ModelReadyRequest(name="streets"))).ready
        assert (await service.ServerReady(pb.ServerReadyRequest())).ready
        assert (await works(service, jpeg, "streets")).model_name == "streets"


@pytest.mark.realmodel
@pytest.mark.parametrize(
    ("name", "datatype"),
    [("deeplabv3_257_mv_gpu", "FP32"), ("deeplabv3_mnv2_dm05_pascal_quant", "UINT8")],
)
async def test_a_real_models_own_output_is_that_of_an_interpreter(
    launch: Launch, shared_dir: Path, name: str, datatype: str
) -> None:
    runtime = load_runtime("auto")
    path = shared_dir / "models" / f"{name}.tflite"
    interpreter = runtime.interpreter(model_path=str(path), num_threads=2)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    pixels = np.random.default_rng(0).integers(0, 256, taken["shape"])
    tensor = (pixels / 127.5 - 1 if datatype == "FP32" else pixels).astype(taken["dtype"])
    interpreter.set_tensor(taken["index"], tensor)
    interpreter.invoke()
    expected = interpreter.get_tensor(given["index"])
    running = launch(f"--model={path}", "--delegate=cpu")
    async with inference(running.address) as service:
        metadata = await service.ModelMetadata(pb.ModelMetadataRequest())
        own, output = metadata.inputs[1], metadata.outputs[-1]
        assert (own.datatype, list(own.shape)) == (datatype, list(tensor.shape))
        asked = request(
            tensor.tobytes(),
            name=own.name,
            datatype=datatype,
            shape=own.shape,
            outputs=(output.name, "labels"),
        )
        for _ in range(2):
            response = await service.ModelInfer(asked)
            scores, labels = response.raw_output_contents
            assert list(response.outputs[0].shape) == list(expected.shape)
            assert scores == expected.tobytes()
            best = expected[0] if expected.ndim == 3 else expected[0].argmax(-1)
            assert labels == best.astype(np.uint8).tobytes()
