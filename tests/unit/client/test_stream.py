"""Streams: one answer for every frame, whatever happens."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import (
    AsyncClient,
    Client,
    ClientClosed,
    EngineFailed,
    Frame,
    ImageLike,
    InvalidRequest,
    RawImage,
    ServerFault,
    Status,
    Unavailable,
)
from edgeseg_client.options import Policy

from .scripted_daemon import GOOD, LABELS, Script, ScriptedDaemon, fault, refuse, started_late

POLICIES: list[Policy] = ["every", "latest"]


class Endless:
    """Endless frames; counts how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.taken += 1
            yield GOOD


@pytest.mark.parametrize("policy", POLICIES)
def test_every_frame_of_a_stream_is_answered_once(client: Client, policy: Policy) -> None:
    answers = list(client.stream([GOOD] * 50, policy=policy))

    assert sorted(answer.frame_id for answer in answers) == list(range(50))
    assert {answer.status for answer in answers} <= {Status.OK, Status.SUPERSEDED}
    assert answers[-1].result.labels.tobytes() == LABELS
    assert all(answer.latency > 0 for answer in answers)


def test_ids_of_the_caller_come_back_even_twice(client: Client) -> None:
    frames: list[Frame | ImageLike] = [
        Frame(GOOD, id=7),
        Frame(GOOD, id=7),
        Frame(GOOD, id=2**64 - 1),
        GOOD,
    ]

    answers = list(client.stream(frames, policy="every"))
    assert [answer.frame_id for answer in answers] == [7, 7, 2**64 - 1, 3]
    assert [answer.result.frame_id for answer in answers] == [7, 7, 2**64 - 1, 3]


def test_a_stream_without_frames_has_no_answers(client: Client) -> None:
    assert list(client.stream([])) == []


def test_the_options_of_a_stream_are_sent_once_and_first(client: Client, script: Script) -> None:
    list(client.stream([GOOD] * 3, policy="every", classes=["car"], size="frame"))

    (options,) = script.options
    assert isinstance(options, pb.StreamOptions)
    assert options.policy == pb.QUEUE_POLICY_EVERY
    assert list(options.segmentation.classes) == [7]
    assert options.segmentation.size.mode == pb.OUTPUT_SIZE_MODE_FRAME


def test_a_frame_carries_its_capture_and_age(client: Client, script: Script) -> None:
    list(client.stream([Frame(GOOD, captured_unix_ns=1_000)]))

    (frame,) = script.frames
    assert frame.captured_unix_ns == 1_000
    assert frame.age_us > 1_000_000


@pytest.mark.parametrize("status", [value for value in pb.FrameStatus.values() if value > 1])
def test_a_bad_frame_fails_alone(client: Client, status: "pb.FrameStatus.ValueType") -> None:
    bad, good = client.stream([fault(status), GOOD], policy="every")

    assert not bad.ok
    assert bad.status.upper() == pb.FrameStatus.Name(status).removeprefix("FRAME_STATUS_")
    assert bad.message == "as the test wants it"
    assert good.ok


def test_a_frame_with_a_status_that_the_client_does_not_know_has_failed(client: Client) -> None:
    (answer,) = client.stream([b"fault 99"])

    assert answer.status is Status.INTERNAL


def test_the_result_of_a_failed_frame_is_its_error(client: Client) -> None:
    (answer,) = client.stream([fault(pb.FRAME_STATUS_ENGINE_FAILED)])

    with pytest.raises(EngineFailed, match="as the test wants it"):
        _ = answer.result


def test_frames_that_cannot_be_sent_are_answered_too(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.info.max_frame_bytes = 1000
    frames: list[Frame | ImageLike] = [
        GOOD,
        tmp_path / "missing.jpg",
        bytes(1001),
        Frame(GOOD, id=-1),
        b"",
        GOOD,
    ]

    answers = list(client.stream(frames, policy="every"))
    assert [answer.frame_id for answer in answers] == [0, 1, 2, -1, 4, 5]
    reasons = {answer.frame_id: answer.message for answer in answers if not answer.ok}
    assert sum(answer.ok for answer in answers) == 2
    assert "cannot read" in reasons[1]
    assert reasons[2] == "the frame has 1001 bytes; the daemon accepts 1000"
    assert "out of range" in reasons[-1]
    assert "empty" in reasons[4]


def test_raw_images_that_are_not_valid_are_answered_invalid(client: Client) -> None:
    frames: list[Frame | ImageLike] = [
        RawImage(b"x", "rgb", -1, 3),
        RawImage("x", "rgb", 1, 1),  # type: ignore[arg-type]
        RawImage(b"x", "rgb", 1, 2**40),
        Frame(GOOD, id="first"),  # type: ignore[arg-type]
        "nul\0.jpg",
        GOOD,
    ]

    answers = sorted(client.stream(frames, policy="every"), key=lambda answer: answer.ok)
    assert [answer.status for answer in answers] == [Status.INVALID] * 5 + [Status.OK]


def test_options_are_checked_before_anything_is_sent(client: Client, script: Script) -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'size'"):
        client.stream([GOOD], sizes="frame")  # type: ignore[call-arg]
    with pytest.raises(InvalidRequest, match="in_flight is at least 1, not 0"):
        client.stream([GOOD], in_flight=0)
    assert script.options == []


def test_a_single_picture_in_place_of_a_list_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="list"):
        client.stream("picture.jpg")


def test_an_unknown_policy_or_priority_of_a_stream_is_refused(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="there are: latest, every"):
        client.stream([GOOD], policy="some")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="there is no priority 'some'; there are: low"):
        client.stream([GOOD], priority="some")  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_endless_source_is_not_read_ahead(client: Client, policy: Policy) -> None:
    source = Endless()

    answers = client.stream(source, policy=policy, in_flight=4)
    for taken in range(1, 30):
        next(answers)
        assert source.taken <= taken + 4
    answers.close()


def test_a_newer_frame_supersedes_one_that_waits_in_the_client(
    client: Client, script: Script
) -> None:
    """While the daemon does not read, at most the newest frame waits."""
    script.gate.clear()
    big = bytes(1 << 19)  # a few of these fill gRPC's flow-control window

    answers = client.stream([big] * 40, policy="latest")
    superseded = next(answers)
    assert superseded.status is Status.SUPERSEDED
    script.gate.set()
    rest = list(answers)
    assert len(rest) == 39
    assert max(answer.frame_id for answer in rest if answer.ok) == 39


def test_closing_a_stream_early_cancels_its_call(client: Client, script: Script) -> None:
    answers = client.stream(itertools.repeat(GOOD), policy="every")
    next(answers)
    answers.close()

    assert script.stream_ended.wait(60)
    assert client.segment(GOOD).model == "toy"


def test_leaving_the_loop_over_a_stream_cancels_its_call(client: Client, script: Script) -> None:
    for answer in client.stream(itertools.repeat(GOOD), policy="every"):
        assert answer.ok
        break

    assert script.stream_ended.wait(60)


def test_a_source_that_blocks_holds_up_neither_calls_nor_the_end_of_its_stream(
    client: Client, script: Script
) -> None:
    release = threading.Event()

    def source() -> Iterator[bytes]:
        yield GOOD
        release.wait()

    try:
        answers = client.stream(source())
        assert next(answers).ok
        assert client.segment(GOOD).model == "toy"
        answers.close()
        assert script.stream_ended.wait(60)
    finally:
        release.set()


def test_an_error_of_the_source_comes_after_its_frames(client: Client) -> None:
    def source() -> Iterator[bytes]:
        yield GOOD
        yield GOOD
        raise OSError("the camera is gone")

    answers = client.stream(source(), policy="every")
    assert next(answers).ok
    assert next(answers).ok
    with pytest.raises(OSError, match="the camera is gone"):
        next(answers)


def test_a_stream_waits_for_a_daemon_that_starts_late(daemon: ScriptedDaemon) -> None:
    with started_late(daemon, 0.5), Client(daemon.address, retry_for=20) as client:
        assert [answer.ok for answer in client.stream([GOOD] * 3, policy="every")] == [True] * 3


def test_a_new_daemon_gets_every_frame_without_an_answer(
    daemon: ScriptedDaemon, client: Client, script: Script
) -> None:
    answers = client.stream([GOOD] * 60, policy="every", in_flight=8)
    got = [next(answers) for _ in range(10)]
    script.gate.clear()
    for _ in range(11):
        assert script.arrived.acquire(timeout=60)
    daemon.kill()
    daemon.start()
    got += answers

    assert [answer.frame_id for answer in got] == list(range(60))
    assert all(answer.ok for answer in got)


def test_with_latest_a_frame_of_a_lost_connection_is_not_sent_again(
    daemon: ScriptedDaemon, client: Client, script: Script
) -> None:
    replaced = threading.Event()

    def source() -> Iterator[bytes]:
        yield GOOD
        replaced.wait()
        yield GOOD

    def replace() -> None:
        script.arrived.acquire(timeout=60)
        daemon.kill()
        daemon.start()
        replaced.set()

    script.gate.clear()
    with ThreadPoolExecutor(1) as thread:
        replacing = thread.submit(replace)
        lost, good = client.stream(source(), policy="latest")
        replacing.result()
    assert (lost.frame_id, lost.status) == (0, Status.UNAVAILABLE)
    assert (good.frame_id, good.status) == (1, Status.OK)


def test_a_stream_gives_up_a_daemon_that_stays_away(daemon: ScriptedDaemon) -> None:
    with Client(daemon.address, retry_for=0.2) as client:
        answers = client.stream(itertools.repeat(GOOD), policy="every")
        assert next(answers).ok
        daemon.kill()
        with pytest.raises(Unavailable, match=r"gave up after 0\.2 s"):
            list(answers)


@pytest.mark.parametrize("others", [0, 1])
def test_closing_the_client_ends_a_stream_that_another_thread_waits_for(
    daemon: ScriptedDaemon, script: Script, others: int, caplog: pytest.LogCaptureFixture
) -> None:
    script.gate.clear()
    with ThreadPoolExecutor(1) as thread, contextlib.ExitStack() as kept:
        for _ in range(others):
            kept.enter_context(Client(daemon.address))
        client = kept.enter_context(Client(daemon.address))
        waiting = thread.submit(list, client.stream([GOOD]))
        assert script.arrived.acquire(timeout=60)
        client.close()
        with pytest.raises(ClientClosed):
            waiting.result(60)
        script.gate.set()
    assert caplog.messages == []  # it does not say that it tries again


def test_a_refused_stream_raises_and_the_next_works(client: Client, script: Script) -> None:
    script.refusals = [refuse(grpc.StatusCode.INVALID_ARGUMENT, "the reason")]
    source = Endless()

    with pytest.raises(InvalidRequest, match="the reason"):
        list(client.stream(source, policy="every"))
    assert source.taken == 0
    assert len(script.options) == 1
    assert [answer.ok for answer in client.stream([GOOD])] == [True]


def test_a_stream_gives_up_a_daemon_that_never_accepts_it(
    daemon: ScriptedDaemon, script: Script
) -> None:
    script.accepts = False

    with (
        Client(daemon.address, timeout=0.3, retry_for=0.1) as client,
        pytest.raises(Unavailable, match=r"did not accept the stream within 0\.3 s"),
    ):
        list(client.stream([GOOD]))
    assert script.stream_ended.wait(60)
    assert script.frames == []


def test_a_stream_that_the_daemon_cancels_is_opened_again(client: Client, script: Script) -> None:
    script.refusals = [refuse(grpc.StatusCode.CANCELLED)]

    assert [answer.ok for answer in client.stream([GOOD] * 3, policy="every")] == [True] * 3


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL])
def test_a_stream_that_a_proxy_resets_is_opened_again(
    client: Client, script: Script, code: grpc.StatusCode
) -> None:
    script.refusals = [refuse(code, "Stream removed")] * 2

    assert [answer.ok for answer in client.stream([GOOD] * 3, policy="every")] == [True] * 3


def test_a_stream_that_an_internal_error_ended_is_not_opened_again(
    client: Client, script: Script
) -> None:
    script.refusals = [refuse(grpc.StatusCode.UNKNOWN, "the reason", status="INTERNAL")]

    with pytest.raises(ServerFault, match="the reason"):
        list(client.stream([GOOD], policy="every"))
    assert len(script.options) == 1


def test_closing_the_client_ends_its_streams(daemon: ScriptedDaemon, script: Script) -> None:
    with Client(daemon.address) as client:
        answers = client.stream(itertools.repeat(GOOD))
        next(answers)

    assert script.stream_ended.wait(60)
    with pytest.raises(ClientClosed):
        list(answers)


def test_streams_in_several_threads_get_all_their_answers(client: Client) -> None:
    counts: list[int] = []

    def follow() -> None:
        counts.append(sum(answer.ok for answer in client.stream([GOOD] * 40, policy="every")))

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [40] * 4


async def test_the_asyncio_client_streams_from_an_async_iterator(async_client: AsyncClient) -> None:
    async def source() -> AsyncIterator[bytes]:
        for _ in range(20):
            await asyncio.sleep(0)
            yield GOOD

    answers = [answer async for answer in async_client.stream(source(), policy="every")]
    assert [answer.frame_id for answer in answers] == list(range(20))


async def test_closing_a_stream_of_the_asyncio_client_cancels_its_call(
    async_client: AsyncClient, script: Script
) -> None:
    answers = async_client.stream(itertools.repeat(GOOD), policy="every")
    assert (await anext(answers)).ok
    await answers.aclose()

    assert await asyncio.to_thread(script.stream_ended.wait, 60)


async def test_cancelling_the_consumer_of_an_asyncio_stream_cancels_its_call(
    async_client: AsyncClient, script: Script
) -> None:
    script.gate.clear()

    async def follow() -> None:
        async for _ in async_client.stream(itertools.repeat(GOOD)):
            pass

    following = asyncio.create_task(follow())
    assert await asyncio.to_thread(script.arrived.acquire, timeout=60)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    script.gate.set()
    assert await asyncio.to_thread(script.stream_ended.wait, 60)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also if the tests are a shell's background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_cancels_the_call_and_leaves_the_client_usable(
    client: Client, script: Script
) -> None:
    script.gate.clear()

    def interrupt() -> None:
        script.arrived.acquire(timeout=60)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(client.stream([GOOD]))
    script.gate.set()
    assert script.stream_ended.wait(60)
    assert client.segment(GOOD).model == "toy"


def test_a_program_that_closes_neither_stream_nor_client_ends(
    daemon: ScriptedDaemon, script: Script
) -> None:
    program = f"""
import itertools, edgeseg_client
client = edgeseg_client.Client({daemon.address!r})
answers = client.stream(itertools.repeat({GOOD!r}), policy="every")
print(next(answers).ok)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
    assert script.stream_ended.wait(60)


def test_a_picture_whose_reading_blocks_does_not_block_an_interrupt(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    """For example on a network file system that hangs; Python's exit does not wait for it."""
    os.mkfifo(tmp_path / "endless.jpg")
    program = f"""
import os, signal, threading
from edgeseg_client import Client
signal.signal(signal.SIGINT, signal.default_int_handler)
with Client({daemon.address!r}) as client:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        client.segment({str(tmp_path / "endless.jpg")!r})
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + program,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n"), ended.stderr


def test_an_exit_of_the_source_is_not_lost_with_the_daemon(
    daemon: ScriptedDaemon,
) -> None:
    def source() -> Iterator[bytes]:
        yield GOOD
        daemon.kill()
        sys.exit(7)

    with Client(daemon.address, retry_for=0.3) as client, pytest.raises(SystemExit, match="7"):
        list(client.stream(source(), policy="every"))
