"""Calls of methods that are not there, also by names that are no text."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from attacks.http2 import END_HEADERS, HEADERS, Http2, frame, header_block

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api import core_server
from support.calls import every, frames, segment
from support.running_daemon import Launch, RunningDaemon

SECONDS = 20.0
SEGMENT = "/edgeseg.v1.SegmentationService/Segment"


def status_of(daemon: RunningDaemon, path: bytes) -> str:
    """How a call of any path ends."""
    block = header_block("x" * len(path)).replace(b"x" * len(path), path)
    with Http2(daemon.address, time.monotonic() + SECONDS) as connection:
        stream, _ = connection.headers("/")
        connection._windows[stream] = 0
        connection.write(frame(HEADERS, END_HEADERS | 1, stream, block))
        until = time.monotonic() + SECONDS
        while stream not in connection.ended and time.monotonic() < until:
            connection.receive(0.1)
        return connection.ended.get(stream, "no end")


@pytest.mark.parametrize(
    "path", [b"/e\xff\xffg.v1.SegmentationService/Segment", b"\xff", b"/\xed\xa0\x80/x", b"\xc3"]
)
async def test_a_path_that_is_not_utf_8_ends_its_call_and_not_the_server(
    launch: Launch, jpeg: bytes, path: bytes
) -> None:
    running = launch()
    async with grpc.aio.insecure_channel(running.address) as channel:
        stream = channel.stream_stream(
            SEGMENT, pb.SegmentRequest.SerializeToString, pb.SegmentResponse.FromString
        )()
        await stream.write(every())
        for number in range(3):
            status = status_of(running, path)
            assert status.partition(":")[0] in ("UNIMPLEMENTED", "UNKNOWN", "INTERNAL"), status
            (request,) = frames([jpeg])
            await stream.write(request)
            answer = await stream.read()
            assert isinstance(answer, pb.SegmentResponse)
            assert answer.status == pb.FRAME_STATUS_OK, number
        await stream.done_writing()
    answers = await segment(running.address, [every(), *frames([jpeg])])
    assert answers[0].status == pb.FRAME_STATUS_OK


async def test_an_unknown_method_is_unimplemented(daemon: RunningDaemon) -> None:
    for path in ("/edgeseg.v1.SegmentationService/Other", "/other.Service/Segment", "/"):
        assert status_of(daemon, path.encode()).startswith("UNIMPLEMENTED")


NEEDS_THE_FAULT = pytest.mark.skipif(
    not core_server.READS_PATHS_IN_ITS_LOOP,
    reason="this version of grpcio reads paths in tasks of their calls; grpcio 1.85 does not",
)


@NEEDS_THE_FAULT
async def test_with_a_grpc_that_lacks_a_private_name_its_own_server_serves_and_the_log_says_so(
    tmp_path: Path, jpeg: bytes
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'serve' in sys.orig_argv:\n"
        "    from grpc._cython import cygrpc\n    del cygrpc._MethodResolver\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with RunningDaemon(env={"PYTHONPATH": path}) as running:
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK
        assert running.stop() == 0
    (line,) = [line for line in running.output if "_MethodResolver" in line]
    assert " WARNING " in line
    assert "a call whose path is not UTF-8 may end the service" in line


@NEEDS_THE_FAULT
def test_each_private_name_of_grpc_that_is_used_is_looked_for() -> None:
    assert core_server.MISSING == ()
    whole = dict.fromkeys(core_server.OF_CORE)
    methods = dict.fromkeys(core_server.OF_SERVER)
    for name in whole:
        others = {each: None for each in whole if each != name}
        core = SimpleNamespace(AioServer=SimpleNamespace(**methods), **others)
        assert core_server.missing_names(core) == (name,)
    for name in methods:
        server = SimpleNamespace(**{each: None for each in methods if each != name})
        core = SimpleNamespace(AioServer=server, **whole)
        assert core_server.missing_names(core) == (f"AioServer.{name}",)
