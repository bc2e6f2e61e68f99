"""One client for two real daemons, of which one is killed or stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1.segmentation_pb2_grpc import SegmentationServiceStub
from edgeseg_client import Client, FrameAnswer
from support.calls import stub
from support.model_folder import add_version
from support.running_daemon import Launch, RunningDaemon

PROJECT = Path(__file__).parents[2]
OK_FRAMES = {"outcome": "ok"}
CALLERS = 4


@pytest.fixture
def pair(launch: Launch) -> list[RunningDaemon]:
    return [launch(), launch()]


@contextmanager
def client_of_both(*addresses: str, jpeg: bytes) -> Iterator[Client]:
    """A client that is connected to both: it starts as soon as one is."""
    with Client(addresses, retry_for=30) as client:
        assert client.segment(jpeg).shares
        time.sleep(0.5)
        yield client


def frames_of(daemon: RunningDaemon) -> float:
    return daemon.metric("edgeseg_frames_total", **OK_FRAMES)


def camera(jpeg: bytes, ended: threading.Event) -> Iterator[bytes]:
    while not ended.wait(0.02):
        yield jpeg


async def test_a_stream_is_accepted_with_the_model_that_segments_it(
    daemon: RunningDaemon,
) -> None:
    async with stub(daemon.address) as client:
        info = await client.GetServerInfo(pb.GetServerInfoRequest())
        call = client.Segment()
        await call.write(pb.SegmentRequest(options=pb.StreamOptions()))
        metadata = tuple(await call.initial_metadata())
        call.cancel()
    model = info.models[0]
    assert ("edgeseg-model", model.name) in metadata
    assert ("edgeseg-model-version", model.version) in metadata


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_call_fails_while_a_daemon_ends_under_load(
    pair: list[RunningDaemon], jpeg: bytes, how: signal.Signals
) -> None:
    first, second = pair
    done = threading.Event()

    with client_of_both(first.address, second.address, jpeg=jpeg) as client:

        def call() -> int:
            count = 0
            while not done.is_set():
                assert client.segment(jpeg).shares
                count += 1
            return count

        with ThreadPoolExecutor(CALLERS) as callers:
            try:
                calls = [callers.submit(call) for _ in range(CALLERS)]
                time.sleep(1.0)
                assert frames_of(first) > 0
                assert frames_of(second) > 0
                first.stop(how)
                before = frames_of(second)
                time.sleep(1.0)
            finally:
                done.set()
            answered = [one.result() for one in calls]
    assert all(answered)
    assert frames_of(second) > before


def open_calls(daemon: RunningDaemon) -> float:
    started, handled = (
        daemon.metric(f"grpc_server_{which}_total", grpc_method="SegmentImage")
        for which in ("started", "handled")
    )
    return started - handled


def test_calls_of_another_client_that_wait_for_an_answer_go_on_with_the_service_config_of_the_page(
    pair: list[RunningDaemon], jpeg: bytes
) -> None:
    """It is gRPC alone that tries again, which it does until an answer begins."""
    page = (PROJECT / "docs/balancing.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    json.loads(config)
    options = (
        ("grpc.service_config", config),
        ("grpc.per_rpc_retry_buffer_size", 2 * len(jpeg)),
    )
    request = pb.SegmentImageRequest(frame=pb.Frame(data=jpeg))
    killed, other = pair
    target = f"ipv4:{killed.address},{other.address}"
    done = threading.Event()
    engine = killed.engine_pid
    assert engine is not None
    with grpc.insecure_channel(target, options=options) as channel:
        segment = SegmentationServiceStub(channel).SegmentImage

        def call() -> int:
            count = 0
            while not done.is_set():
                assert segment(request, wait_for_ready=True, timeout=60).segmentation.labels
                count += 1
            return count

        with ThreadPoolExecutor(CALLERS) as callers:
            os.kill(engine, signal.SIGSTOP)
            try:
                calls = [callers.submit(call) for _ in range(CALLERS)]
                until = time.monotonic() + 30
                while open_calls(killed) < CALLERS:
                    assert time.monotonic() < until
                    time.sleep(0.05)
                killed.stop(signal.SIGKILL)
                time.sleep(1.0)
            finally:
                done.set()
            assert all(one.result() for one in calls)


def is_at(daemon: RunningDaemon) -> bool:
    """Whether a stream is open there."""
    return daemon.metric("edgeseg_streams") > 0


def next_ok(answers: Iterator[FrameAnswer]) -> FrameAnswer:
    return next(answer for answer in answers if answer.ok)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_camera_goes_on_at_the_other_daemon_soon(
    pair: list[RunningDaemon], jpeg: bytes, how: signal.Signals
) -> None:
    ended = threading.Event()
    with client_of_both(*(daemon.address for daemon in pair), jpeg=jpeg) as client:
        answers = client.stream(camera(jpeg, ended), policy="latest")
        last = next_ok(answers)
        (at,) = (daemon for daemon in pair if is_at(daemon))
        begun = time.monotonic()
        at.process.send_signal(how)
        while at.process.poll() is None:
            last = next_ok(answers)
        # The frames that were sent before have their answers before; this one was taken later.
        later = next(answer for answer in answers if answer.ok and answer.frame_id > last.frame_id)
        took = time.monotonic() - begun
        ended.set()
        answers.close()
    sys.stdout.write(f"{how.name}: goes on {took:.2f} s later, at frame {later.frame_id}\n")
    assert took < 10


def test_every_frame_of_files_is_answered_though_a_daemon_is_killed(
    pair: list[RunningDaemon], jpeg: bytes
) -> None:
    with client_of_both(*(daemon.address for daemon in pair), jpeg=jpeg) as client:
        answers = client.stream([jpeg] * 100, policy="every")
        got = [next(answers) for _ in range(20)]
        (at,) = (daemon for daemon in pair if is_at(daemon))
        at.stop(signal.SIGKILL)
        got += answers
    assert [answer.frame_id for answer in got] == list(range(100))
    assert all(answer.ok for answer in got)


def test_results_of_different_models_are_reported_and_in_one_file_only_if_their_classes_are_equal(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    servers = []
    for version in (1, 2):
        model = add_version(tmp_path / "models", "sums", version)
        servers.append(launch(f"--model=sums={model}").address)
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(20):
        (photos / f"{number}.jpg").write_bytes(jpeg)
    command = ("segment", photos, "--out", out, "--json", "--polygons=coco", "--size=frame")
    done = subprocess.run(
        [sys.executable, "-m", "edgeseg_client", *command, f"--server={','.join(servers)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = map(json.loads, done.stdout.splitlines())
    # Classes are called by their version.
    made_by = {line["file"]: line["classes"][0]["name"].split()[1] for line in lines}
    assert set(made_by.values()) == {"1", "2"}
    assert done.returncode == 1
    assert done.stderr.count("edgeseg: results are of sums, version") == 1
    coco = json.loads((out / "coco.json").read_text())
    (_, version, _), *_ = [category["name"].split() for category in coco["categories"]]
    assert {image["file_name"] for image in coco["images"]} == {
        file for file, its_version in made_by.items() if its_version == version
    }
    assert done.stderr.count("not in coco.json, because the model sums, version") == 20 - len(
        coco["images"]
    )


def test_a_break_after_which_another_version_segments_is_reported(
    launch: Launch, tmp_path: Path, jpeg: bytes
) -> None:
    before, after = (
        launch(f"--model=sums={add_version(tmp_path / 'models', 'sums', version)}").address
        for version in (1, 2)
    )
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    reports = []
    for number, server in enumerate((before, before, after, after)):
        (photos / f"{number}.jpg").write_bytes(jpeg)
        command = ("segment", photos, "--out", out, "--size=frame", "--resume")
        done = subprocess.run(
            [sys.executable, "-m", "edgeseg_client", *command, f"--server={server}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"{number} of {number + 1} pictures were done before" in done.stderr
        reports.append("edgeseg: results are of sums, version" in done.stderr)
    assert reports == [False, False, True, True]
