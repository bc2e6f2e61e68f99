"""What the real daemon shows of its streams: in the metrics, in the log, and of its health."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import AsyncClient, Client
from support.calls import every, frames, stub
from support.oip_calls import inference, picture
from support.running_daemon import Launch, RunningDaemon

SECONDS = 30.0
STREAM_FRAMES = "edgeseg_stream_frames_total"


def until(found: Callable[[], object], what: str) -> None:
    """Wait for something that the daemon does after the client has its answer."""
    end = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def lines(daemon: RunningDaemon, pattern: str) -> list[str]:
    """The lines of its log that match."""
    return [line for line in daemon.output if re.search(pattern, line)]


def get(daemon: RunningDaemon, path: str) -> tuple[int, str]:
    """The status and the text of a page on the port of the metrics."""
    address = daemon.metrics_url.removesuffix("/metrics")
    try:
        with urllib.request.urlopen(address + path, timeout=SECONDS) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_stream_is_counted_and_logged_under_the_name_that_its_client_gave(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch("--stream-names=2")
    with Client(daemon.address) as client:
        for name in ("Küche", "back door", "garden", "street", ""):
            answers = list(client.stream([jpeg, b"no picture", jpeg], name=name))
            assert [answer.ok for answer in answers] == [True, False, True]
    for name in ("Küche", "back door"):
        assert daemon.metric(STREAM_FRAMES, stream=name, outcome="ok") == 2
        assert daemon.metric(STREAM_FRAMES, stream=name, outcome="invalid") == 1
    assert daemon.metric(STREAM_FRAMES, stream="other", outcome="ok") == 4
    assert daemon.metric(STREAM_FRAMES) == 12, "the stream without a name is not counted by name"
    assert daemon.metric("edgeseg_frames_total") == 15
    until(lambda: len(lines(daemon, "closed after")) == 5, "each stream closes")
    [opened] = lines(daemon, r"stream \d+ of \S+ \(Küche\) opened, model scenes$")
    [closed] = lines(
        daemon,
        r"\(Küche\) closed after \d+\.\d s, 2 frames ok, 1 invalid: the client ended it$",
    )
    assert "INFO edgesegd.observability.call_log" in opened
    assert re.search(r"ipv4:127\.0\.0\.1:\d+", closed)
    invalid = lines(daemon, r"frame \d+ of \S+ .*is invalid: ")
    assert 1 <= len(invalid) <= 5
    assert "(Küche)" in invalid[0], "the first one is always logged"


def test_the_command_sends_the_names_of_its_sources_only_if_it_should(
    launch: Launch, jpeg: bytes, tmp_path: Path
) -> None:
    daemon = launch()
    picture = tmp_path / "one.jpg"
    picture.write_bytes(jpeg)
    command = (sys.executable, "-m", "edgeseg_client", "stream", f"--server={daemon.address}")
    subprocess.run([*command, f"front={picture}", "--json"], check=True, stdout=subprocess.PIPE)
    assert daemon.metric(STREAM_FRAMES) == 0
    sources = (f"front={picture}", f"back={picture}")
    subprocess.run(
        [*command, *sources, "--json", "--send-names"], check=True, stdout=subprocess.PIPE
    )
    assert daemon.metric(STREAM_FRAMES, stream="front", outcome="ok") == 1
    assert daemon.metric(STREAM_FRAMES, stream="back", outcome="ok") == 1


async def test_a_stream_whose_client_leaves_says_so(launch: Launch, jpeg: bytes) -> None:
    daemon = launch()
    async with AsyncClient(daemon.address) as client:
        stream = client.stream([jpeg] * 50, name="front", policy="every")
        assert (await anext(stream)).ok
        await stream.aclose()
    await asyncio.to_thread(
        until, lambda: lines(daemon, r"\(front\) closed after .*: the client left$"), "it closes"
    )
    assert daemon.metric(STREAM_FRAMES, stream="front", outcome="ok") >= 1


async def test_a_stream_with_an_invalid_name_is_refused_and_the_next_one_works(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with stub(daemon.address) as service:
        call = service.Segment(metadata=(("edgeseg-stream", "x" * 65),))
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call.read()
        assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "the stream's name has 65 characters" in (failure.value.details() or "")
        requests = [every(), *frames([jpeg])]
        answers = service.Segment(iter(requests), metadata=(("edgeseg-stream", "x" * 64),))
        assert [answer.status async for answer in answers] == [pb.FRAME_STATUS_OK]


async def test_a_stream_of_the_open_inference_protocol_has_a_name_too(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch()
    async with inference(daemon.address) as service:
        metadata = (("edgeseg-stream", "front"),)
        call = service.ModelStreamInfer(iter([picture(jpeg)] * 2), metadata=metadata)
        assert [bool(answer.error_message) async for answer in call] == [False, False]
    assert daemon.metric(STREAM_FRAMES, stream="front", outcome="ok") == 2
    await asyncio.to_thread(
        until, lambda: lines(daemon, r"\(front\) closed after .*, 2 frames ok: "), "it closes"
    )


async def test_a_stream_that_the_end_of_the_daemon_closes_says_so(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch()
    async with stub(daemon.address) as service:
        call = service.Segment(metadata=(("edgeseg-stream", "front"),))
        for request in (every(), *frames([jpeg])):
            await call.write(request)
        assert isinstance(await call.read(), pb.SegmentResponse)
        assert await asyncio.to_thread(daemon.stop) == 0
    assert lines(daemon, r"\(front\) closed after .*, 1 frame ok: the daemon is stopping")


def test_streams_are_not_counted_by_name_where_other_machines_can_come(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch("--listen=0.0.0.0:0", "--listen=127.0.0.1:0", "--insecure")
    with Client(f"127.0.0.1:{daemon.address.rpartition(':')[2]}") as client:
        assert all(answer.ok for answer in client.stream([jpeg], name="front"))
    assert daemon.metric("edgeseg_frames_total", outcome="ok") == 1
    assert "edgeseg_stream_frames" not in daemon.metrics_page()


def test_the_log_as_json_has_the_counts_of_a_stream(launch: Launch, jpeg: bytes) -> None:
    daemon = launch("--log-format=json")
    with Client(daemon.address) as client:
        assert all(answer.ok for answer in client.stream([jpeg, jpeg], name="front"))
    until(lambda: lines(daemon, "closed after"), "it closes")
    assert daemon.stop() == 0
    records = [json.loads(line) for line in daemon.output if line.startswith("{")]
    [closed] = [one for one in records if "closed after" in one["message"]]
    assert (closed["stream"], closed["frames"]) == ("front", {"ok": 2})
    assert closed["model"] == "scenes"
    assert {"draining"} <= {one["message"].partition(":")[0] for one in records}


def test_peers_are_counted_while_they_have_calls(launch: Launch, jpeg: bytes) -> None:
    daemon = launch()
    with Client(daemon.address) as client:
        stream = client.stream([jpeg] * 3, policy="every")
        with contextlib.closing(stream):
            assert next(stream).ok
            assert daemon.metric("edgeseg_peers") == 1
    until(lambda: daemon.metric("edgeseg_peers") == 0, "it has left")


def test_health_over_http_follows_the_loss_of_the_engine(launch: Launch, jpeg: bytes) -> None:
    daemon = launch("--delegate=cpu")
    assert get(daemon, "/healthz") == (200, "ok\n")
    assert get(daemon, "/readyz") == (200, "ok\n")
    for engine in daemon.engines():
        os.kill(engine, signal.SIGKILL)
    why = "no engine of the model scenes is ready\n"
    until(lambda: get(daemon, "/readyz") == (503, why), "the loss is seen")
    assert get(daemon, "/healthz") == (200, "ok\n")
    until(lambda: get(daemon, "/readyz") == (200, "ok\n"), "an engine replaces it")
    again = r"serves: scenes serves again after \d+\.\d s$"
    until(lambda: lines(daemon, again), "the log says so")
    with Client(daemon.address) as client:
        assert client.segment(jpeg).labels.size
