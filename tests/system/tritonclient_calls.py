"""The calls of an unmodified tritonclient: `python tritonclient_calls.py ADDRESS PICTURE MODEL`.

It runs in an environment that knows nothing of this project. For each call it prints a line of
JSON: what was called, and what came back, or the status.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import queue
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as sync
from tritonclient.grpc import aio
from tritonclient.utils import InferenceServerException, shared_memory

ADDRESS, PICTURE, MODEL = sys.argv[1], Path(sys.argv[2]).read_bytes(), sys.argv[3]
REGION = "tritonclient-test"


def main() -> None:
    """Make all calls."""
    client = sync.InferenceServerClient(ADDRESS)
    about_the_server(client)
    results(client)
    mistakes(client)
    streams(client)
    memory(client)
    asyncio.run(in_asyncio())
    client.close()


def about_the_server(client: Any) -> None:  # noqa: ANN401 # untyped package, as in all of this
    """What needs no frame."""
    show("is_server_live()", client.is_server_live)
    show("is_server_ready()", client.is_server_ready)
    show("is_model_ready(MODEL)", lambda: client.is_model_ready(MODEL))
    show("is_model_ready('nobody')", lambda: client.is_model_ready("nobody"))
    show("get_server_metadata()", lambda: list(client.get_server_metadata().extensions))
    show("get_model_metadata(MODEL)", lambda: names_of(client.get_model_metadata(MODEL)))
    show(
        "get_model_config(MODEL)",
        lambda: [each.name for each in client.get_model_config(MODEL).config.output],
    )
    show(
        "get_model_repository_index()",
        lambda: [each.state for each in client.get_model_repository_index().models],
    )
    show("load_model(MODEL)", lambda: client.load_model(MODEL))
    show("get_trace_settings()", client.get_trace_settings)
    show("get_log_settings()", client.get_log_settings)
    show("get_cuda_shared_memory_status()", client.get_cuda_shared_memory_status)


def results(client: Any) -> None:  # noqa: ANN401
    """Frames of each kind."""
    metadata = client.get_model_metadata(MODEL)
    own, scores = metadata.inputs[1], metadata.outputs[-1]
    side = list(map(int, own.shape))
    pixels = np.random.default_rng(0).integers(0, 256, (*side[1:3], 3), np.uint8)
    show("infer(BYTES [1])", lambda: shown(client.infer(MODEL, [picture()], outputs=labels())))
    show("infer(BYTES [1], all outputs)", lambda: shown(client.infer(MODEL, [picture()])))
    show(
        "infer(BYTES [1], size=frame)",
        lambda: shown(
            client.infer(MODEL, [picture()], outputs=labels(), parameters={"size": "frame"})
        ),
    )
    show(
        "infer(BYTES [1], width, height, request_id)",
        lambda: shown(
            client.infer(
                MODEL,
                [picture()],
                outputs=labels(),
                request_id="seven",
                timeout=60_000_000,
                parameters={"width": 31, "height": 17},
            )
        ),
    )
    show(
        "infer(UINT8 [H, W, 3])",
        lambda: shown(client.infer(MODEL, [tensor("image", pixels)], outputs=labels())),
    )
    given = np.zeros(side, np.float32)
    show(
        "infer(own tensor, own output)",
        lambda: shown(
            client.infer(
                MODEL,
                [tensor(own.name, given)],
                outputs=[sync.InferRequestedOutput(scores.name)],
            )
        ),
    )
    done: queue.Queue[Any] = queue.Queue()
    client.async_infer(MODEL, [picture()], lambda result, error: done.put(error or result))
    show("async_infer(BYTES [1])", lambda: shown(done.get(timeout=60)))
    show(
        "get_inference_statistics(MODEL)",
        lambda: client.get_inference_statistics(MODEL).model_stats[0].inference_count,
    )


def mistakes(client: Any) -> None:  # noqa: ANN401
    """What has a status."""
    wrong = np.zeros((4, 4, 4), np.uint8)
    calls: dict[str, Callable[[], Any]] = {
        "infer(no such model)": lambda: client.infer("nobody", [picture()]),
        "infer(no such version)": lambda: client.infer(MODEL, [picture()], model_version="99"),
        "infer(no such input)": lambda: client.infer(MODEL, [tensor("x", wrong)]),
        "infer(no such output)": lambda: client.infer(
            MODEL, [picture()], outputs=[sync.InferRequestedOutput("x")]
        ),
        "infer(UINT8 [4, 4, 4])": lambda: client.infer(MODEL, [tensor("image", wrong)]),
        "infer(FP32 image)": lambda: client.infer(
            MODEL, [tensor("image", np.zeros((4, 4, 3), np.float32))]
        ),
        "infer(two pictures)": lambda: client.infer(MODEL, [picture(2)]),
        "infer(two inputs)": lambda: client.infer(MODEL, [picture(), picture()]),
        "infer(no picture)": lambda: client.infer(MODEL, [picture(data=b"no picture")]),
        "infer(timeout of 1 microsecond)": lambda: client.infer(MODEL, [picture()], timeout=1),
        "infer(client_timeout of 1 ms)": lambda: client.infer(
            MODEL, [picture()], client_timeout=0.001
        ),
        "infer(sequence_id)": lambda: client.infer(MODEL, [picture()], sequence_id=3),
        "infer(classification)": lambda: client.infer(
            MODEL, [picture()], outputs=[sync.InferRequestedOutput("labels", class_count=3)]
        ),
        "infer(compressed)": lambda: client.infer(MODEL, [picture()], compression_algorithm="gzip"),
        "unregister_system_shared_memory('nobody')": lambda: client.unregister_system_shared_memory(
            "nobody"
        ),
        "infer after all of these": lambda: shown(
            client.infer(MODEL, [picture()], outputs=labels())
        ),
    }
    for name, call in calls.items():
        show(name, call)


def streams(client: Any) -> None:  # noqa: ANN401
    """Four requests, one of them invalid, in a stream; the same if an error ends the stream."""
    for name, headers in (
        ("start_stream(): four requests, the third is no picture", None),
        ("the same with triton_grpc_error", {"triton_grpc_error": "true"}),
    ):
        came: queue.Queue[Any] = queue.Queue()
        client.start_stream(partial(put, came), headers=headers)
        for number in range(4):
            data = b"no picture" if number == 2 else PICTURE
            client.async_stream_infer(
                MODEL, [picture(data=data)], outputs=labels(), request_id=str(number)
            )
        show(name, partial(take, came, 3 if headers else 4))
        client.stop_stream()


def put(came: queue.Queue[Any], result: Any, error: Any) -> None:  # noqa: ANN401
    """A stream's callback."""
    came.put(error or result)


def take(came: queue.Queue[Any], count: int) -> list[str]:
    """So many answers of a stream."""
    return [summary(came.get(timeout=60)) for _ in range(count)]


def memory(client: Any) -> None:  # noqa: ANN401
    """A picture and its labels in shared memory."""
    size = int(np.prod(client.infer(MODEL, [picture()], outputs=labels()).as_numpy("labels").shape))
    content = len(PICTURE).to_bytes(4, "little") + PICTURE
    given = shared_memory.create_shared_memory_region(REGION + "-in", f"/{REGION}-in", len(content))
    taken = shared_memory.create_shared_memory_region(REGION + "-out", f"/{REGION}-out", size)
    try:
        shared_memory.set_shared_memory_region(given, [np.frombuffer(content, np.uint8)])
        for name, byte_size in ((f"{REGION}-in", len(content)), (f"{REGION}-out", size)):
            show(
                f"register_system_shared_memory({name!r})",
                partial(client.register_system_shared_memory, name, f"/{name}", byte_size),
            )
        show(
            "get_system_shared_memory_status()",
            lambda: sorted(client.get_system_shared_memory_status().regions),
        )
        image = sync.InferInput("image", [1], "BYTES")
        image.set_shared_memory(f"{REGION}-in", len(content))
        wanted = sync.InferRequestedOutput("labels")
        wanted.set_shared_memory(f"{REGION}-out", size)

        def from_memory() -> str:
            client.infer(MODEL, [image], outputs=[wanted])
            found = shared_memory.get_contents_as_numpy(taken, np.uint8, [size])
            return hashlib.sha256(found.tobytes()).hexdigest()[:12]

        show("infer(shared memory, into shared memory)", from_memory)
        wanted.set_shared_memory(f"{REGION}-out", size - 1)
        show("infer(into too little shared memory)", from_memory)
        show("unregister_system_shared_memory()", client.unregister_system_shared_memory)
        show("infer(shared memory that is unregistered)", from_memory)
    finally:
        shared_memory.destroy_shared_memory_region(given)
        shared_memory.destroy_shared_memory_region(taken)


async def in_asyncio() -> None:
    """The same client for asyncio."""
    async with aio.InferenceServerClient(ADDRESS) as client:

        async def requests() -> Any:  # noqa: ANN401
            for number in range(3):
                data = b"no picture" if number == 1 else PICTURE
                yield {
                    "model_name": MODEL,
                    "inputs": [picture(data=data)],
                    "outputs": labels(),
                    "request_id": str(number),
                }

        async def stream() -> list[str]:
            return [
                summary(error or result) async for result, error in client.stream_infer(requests())
            ]

        async def infer() -> Any:  # noqa: ANN401
            return shown(await client.infer(MODEL, [picture()], outputs=labels()))

        await show_with_timeout("aio: is_model_ready(MODEL)", lambda: client.is_model_ready(MODEL))
        await show_with_timeout("aio: infer(BYTES [1])", infer)
        await show_with_timeout(
            "aio: infer(no such model)", lambda: client.infer("nobody", [picture()])
        )
        await show_with_timeout("aio: stream_infer(), the second is no picture", stream)


def picture(count: int = 1, data: bytes = PICTURE) -> Any:  # noqa: ANN401
    """The picture as an input."""
    image = sync.InferInput("image", [count], "BYTES")
    image.set_data_from_numpy(np.array([data] * count, dtype=object))
    return image


def tensor(name: str, values: Any) -> Any:  # noqa: ANN401
    """An array as an input."""
    kinds = {"uint8": "UINT8", "float32": "FP32"}
    made = sync.InferInput(name, list(values.shape), kinds[values.dtype.name])
    made.set_data_from_numpy(values)
    return made


def labels() -> list[Any]:
    """The one output that most calls want."""
    return [sync.InferRequestedOutput("labels")]


def names_of(metadata: Any) -> list[str]:  # noqa: ANN401
    """Inputs and outputs."""
    return [f"{each.name} {each.datatype}" for each in (*metadata.inputs, *metadata.outputs)]


def shown(result: Any) -> Any:  # noqa: ANN401
    """Outputs by name: their shape, and the beginning of a checksum of their bytes."""
    if isinstance(result, Exception):
        raise result
    response = result.get_response()
    found = {}
    for output in response.outputs:
        values = result.as_numpy(output.name)
        checksum = hashlib.sha256(values.tobytes()).hexdigest()[:12]
        found[output.name] = f"{list(values.shape)} {values.dtype} {checksum}"
    return found | ({"id": response.id} if response.id else {})


def summary(answer: Any) -> str:  # noqa: ANN401
    """One answer of a stream."""
    if isinstance(answer, Exception):
        return f"error: {answer}"
    return f"id {answer.get_response().id}: {shown(answer)['labels']}"


def show(name: str, call: Callable[[], Any]) -> None:
    """Make a call and print what came of it."""
    try:
        answer = {"result": call()}
    except InferenceServerException as error:
        answer = {"status": error.status(), "message": error.message()}
    print(json.dumps({"call": name, **answer}), flush=True)


async def show_with_timeout(name: str, call: Callable[[], Awaitable[Any]]) -> None:
    """As `show`, in asyncio."""
    try:
        answer = {"result": await call()}
    except InferenceServerException as error:
        answer = {"status": error.status(), "message": error.message()}
    print(json.dumps({"call": name, **answer}), flush=True)


if __name__ == "__main__":
    main()
