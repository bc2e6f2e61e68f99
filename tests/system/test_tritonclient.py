"""An unmodified tritonclient, in an environment of its own, makes all of its calls."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg_client import Client
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.system

PROJECT = Path(__file__).parents[2]
PYTHON = PROJECT / ".venv-tritonclient/bin/python"
CALLS = Path(__file__).with_name("tritonclient_calls.py")
INVALID, UNAVAILABLE = "StatusCode.INVALID_ARGUMENT", "StatusCode.UNAVAILABLE"
NOT_FOUND, UNIMPLEMENTED = "StatusCode.NOT_FOUND", "StatusCode.UNIMPLEMENTED"
STATUSES = {
    "load_model(MODEL)": UNIMPLEMENTED,
    "get_trace_settings()": UNIMPLEMENTED,
    "get_log_settings()": UNIMPLEMENTED,
    "get_cuda_shared_memory_status()": UNIMPLEMENTED,
    "infer(no such model)": NOT_FOUND,
    "infer(no such version)": NOT_FOUND,
    "infer(no such input)": INVALID,
    "infer(no such output)": INVALID,
    "infer(UINT8 [4, 4, 4])": INVALID,
    "infer(FP32 image)": INVALID,
    "infer(two pictures)": INVALID,
    "infer(two inputs)": INVALID,
    "infer(no picture)": INVALID,
    "infer(timeout of 1 microsecond)": UNAVAILABLE,
    "infer(client_timeout of 1 ms)": "StatusCode.DEADLINE_EXCEEDED",
    "infer(sequence_id)": INVALID,
    "infer(classification)": INVALID,
    "infer(compressed)": UNIMPLEMENTED,
    "infer(into too little shared memory)": INVALID,
    "infer(shared memory that is unregistered)": NOT_FOUND,
    "aio: infer(no such model)": NOT_FOUND,
}
"""All others have a result."""
CALLED = 49
"""How many calls there are: none is left out in silence."""

Calls = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningDaemon]:
    with RunningDaemon("--oip-shared-memory=allow", "--delegate=cpu") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def calls(running: RunningDaemon, jpeg: bytes, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """What came of each call, by its name."""
    if not PYTHON.exists():
        pytest.skip(f"tritonclient is missing; make {PYTHON.parents[1].name}/.ready")
    picture = tmp_path_factory.mktemp("picture") / "scene.jpg"
    picture.write_bytes(jpeg)
    done = subprocess.run(
        [PYTHON, CALLS, running.address, picture, "scenes"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({line["call"] for line in lines}) == len(lines) == CALLED
    return {line["call"]: line for line in lines}


@pytest.fixture(scope="module")
def labels(running: RunningDaemon, jpeg: bytes) -> str:
    """The results of our own client for the same picture, in the form of the calls' output."""
    with Client(running.address) as client:
        found = client.segment(jpeg, size="model").labels
    assert found is not None
    checksum = hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest()[:12]
    return f"{list(found.shape)} uint8 {checksum}"


def test_each_call_has_its_status_or_a_result(calls: Calls) -> None:
    assert {name: line["status"] for name, line in calls.items() if "status" in line} == STATUSES


def test_what_it_learns_is_true(calls: Calls) -> None:
    assert calls["is_server_live()"]["result"] is True
    assert calls["is_server_ready()"]["result"] is True
    assert calls["is_model_ready(MODEL)"]["result"] is True
    assert calls["is_model_ready('nobody')"]["result"] is False
    assert calls["get_server_metadata()"]["result"] == [
        *("model_configuration", "statistics", "system_shared_memory"),
    ]
    assert calls["get_model_metadata(MODEL)"]["result"] == [
        *("image BYTES", "image_tensor FP32", "labels UINT8", "confidence UINT8", "Identity FP32"),
    ]
    assert calls["get_model_config(MODEL)"]["result"] == ["labels", "confidence", "Identity"]
    assert calls["get_model_repository_index()"]["result"] == ["READY"]
    assert calls["get_inference_statistics(MODEL)"]["result"] == 7


def test_its_labels_are_those_of_our_own_client(calls: Calls, labels: str) -> None:
    for call in (
        "infer(BYTES [1])",
        "infer(BYTES [1], all outputs)",
        "async_infer(BYTES [1])",
        "infer after all of these",
        "aio: infer(BYTES [1])",
    ):
        assert calls[call]["result"]["labels"] == labels, call
    assert labels.endswith(calls["infer(shared memory, into shared memory)"]["result"])


def test_sizes_are_those_asked_for(calls: Calls) -> None:
    frame = calls["infer(BYTES [1], size=frame)"]["result"]["labels"]
    assert frame.startswith("[480, 640] uint8")
    custom = calls["infer(BYTES [1], width, height, request_id)"]["result"]
    assert custom["labels"].startswith("[17, 31] uint8")
    assert custom["id"] == "seven"
    tensor = calls["infer(own tensor, own output)"]["result"]["Identity"]
    assert tensor.startswith("[1, 193, 193, 7] float32")


def test_an_error_in_a_stream_costs_its_request(calls: Calls, labels: str) -> None:
    stream = calls["start_stream(): four requests, the third is no picture"]["result"]
    assert stream[:2] == [f"id 0: {labels}", f"id 1: {labels}"]
    assert stream[2].startswith("error: the frame is not a JPEG")
    assert stream[3:] == [f"id 3: {labels}"]
    first, second, third = calls["aio: stream_infer(), the second is no picture"]["result"]
    assert (first, third) == (f"id 0: {labels}", f"id 2: {labels}")
    assert second.startswith("error: the frame is not a JPEG")


def test_or_ends_the_stream_with_its_status_where_that_is_asked_for(
    calls: Calls, labels: str
) -> None:
    stream = calls["the same with triton_grpc_error"]["result"]
    assert stream[:2] == [f"id 0: {labels}", f"id 1: {labels}"]
    assert stream[2].startswith("error: [StatusCode.INVALID_ARGUMENT] the frame is not a JPEG")
    assert len(stream) == 3


def test_the_daemon_has_nothing_left_of_it(calls: Calls, running: RunningDaemon) -> None:
    assert calls
    assert running.metric("edgeseg_held_bytes") == 0
    assert running.metric("edgeseg_streams") == 0
