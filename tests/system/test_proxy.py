"""The client and a daemon behind a real nginx."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseg_client import Client, FrameAnswer, InvalidRequest, Status, Unavailable
from support.running_daemon import RunningDaemon
from support.running_nginx import RunningNginx
from support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.system

RECOVERY_SECONDS = 30


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon() as daemon:
        yield daemon


def answered_once_and_ok(answers: list[FrameAnswer], frames: int) -> bool:
    ids = [answer.frame_id for answer in answers]
    return ids == list(range(frames)) and all(answer.ok for answer in answers)


def test_a_stream_survives_the_restart_of_a_proxy_with_every_frame_answered(
    daemon: RunningDaemon, tmp_path: Path, jpeg: bytes
) -> None:
    with (
        RunningNginx(tmp_path, daemon.address, limit="0") as nginx,
        Client(nginx.address, retry_for=60) as client,
    ):
        answers = client.stream([jpeg] * 120, policy="every")
        got = [next(answers) for _ in range(20)]
        for _ in range(3):
            nginx.stop()
            nginx.start()
            got += [next(answers) for _ in range(20)]
        got += answers
        assert answered_once_and_ok(got, 120)
        assert client.segment(jpeg).shares


def test_a_stream_survives_a_proxys_limit_of_what_one_call_may_send(
    daemon: RunningDaemon, tmp_path: Path, jpeg: bytes
) -> None:
    """nginx counts a stream's frames as one body, 1 MB unless it is configured otherwise."""
    frames = 3 * (1 << 20) // len(jpeg)
    with (
        RunningNginx(tmp_path, daemon.address, limit="1m") as nginx,
        Client(nginx.address, retry_for=60) as client,
    ):
        assert answered_once_and_ok(list(client.stream([jpeg] * frames, policy="every")), frames)


@pytest.mark.slow
def test_a_daemon_that_vanished_behind_a_proxy_is_noticed(
    daemon: RunningDaemon, tmp_path: Path, jpeg: bytes
) -> None:
    """The proxy answers gRPC's pings, and waits a minute for the connection that leads nowhere."""

    def frames() -> Iterator[bytes]:
        for _ in range(2000):
            time.sleep(0.05)
            yield jpeg

    with (
        TcpProxy(daemon.address) as hole,
        RunningNginx(tmp_path, hole.address, limit="0") as nginx,
        Client(nginx.address, retry_for=60) as client,
    ):
        answers = client.stream(frames())
        assert next(answer for answer in answers if answer.ok)
        hole.swallow()
        begun = time.monotonic()
        time.sleep(1.0)  # what is on its way arrives still
        lost = next(answer for answer in answers if answer.status is Status.UNAVAILABLE)
        assert "no answer came for" in lost.message
        assert next(answer for answer in answers if answer.ok)
        took = time.monotonic() - begun
        answers.close()
    sys.stdout.write(f"answers again after {took:.1f} s\n")
    assert took < RECOVERY_SECONDS


@pytest.mark.parametrize(
    "share", [0.14, 0.3, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.6, 0.9))]
)
def test_a_stream_of_frames_that_only_together_are_over_a_proxys_limit_gets_every_answer(
    daemon: RunningDaemon, tmp_path: Path, jpeg: bytes, share: float
) -> None:
    """The limit ends the call before the first answer, where many are sent at once."""
    frame = jpeg + bytes(int(share * (1 << 20)) - len(jpeg))
    with (
        RunningNginx(tmp_path, daemon.address, limit="1m") as nginx,
        Client(nginx.address, retry_for=60) as client,
    ):
        assert answered_once_and_ok(list(client.stream([frame] * 20, policy="every")), 20)


def test_a_frame_over_a_proxys_limit_is_an_error_that_names_the_limit_and_others_work(
    daemon: RunningDaemon, tmp_path: Path, jpeg: bytes
) -> None:
    big = jpeg + bytes(1 << 20)
    with (
        RunningNginx(tmp_path, daemon.address, limit="500k") as nginx,
        Client(nginx.address, retry_for=60) as patient,
        Client(nginx.address, retry_for=1) as client,
    ):
        assert patient.segment(jpeg).delegate  # nginx is ready
        with pytest.raises(InvalidRequest, match="client_max_body_size"):
            patient.segment(big)  # at once
        with pytest.raises(Unavailable, match="client_max_body_size"):
            list(client.stream([jpeg, big, jpeg], policy="every"))
        small, too_big, last = patient.stream([jpeg, big, jpeg], policy="latest", in_flight=1)
        assert (small.ok, too_big.status, last.ok) == (True, Status.UNAVAILABLE, True)
        assert client.segment(jpeg).delegate
