"""The client and two daemons behind real balancers, as deploy/ configures them."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from balancers import ENVOY_FILE, HAPROXY_FILE
from PIL import Image

from edgeseg_client import Client, EdgesegClientError, Unavailable
from support.name_server import NameServer
from support.running_balancer import (
    RunningBalancer,
    envoy,
    find_envoy,
    find_haproxy,
    haproxy,
)
from support.running_daemon import RunningDaemon
from support.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.system, pytest.mark.slow]

CALLERS = 4
READY_SECONDS = 30.0
Start = Callable[[Path, Sequence[str]], RunningBalancer]


@pytest.fixture
def pair() -> Iterator[list[RunningDaemon]]:
    with RunningDaemon() as first, RunningDaemon() as second:
        yield [first, second]


@pytest.fixture(params=[envoy, haproxy], ids=["envoy", "haproxy"])
def balancer(
    request: pytest.FixtureRequest, tmp_path: Path, pair: list[RunningDaemon]
) -> Iterator[RunningBalancer]:
    start: Start = request.param
    with start(tmp_path, [daemon.address for daemon in pair]) as running:
        yield running


def frames_of(daemon: RunningDaemon) -> float:
    return daemon.metric("edgeseg_frames_total", outcome="ok")


def use_both(address: str, pair: list[RunningDaemon], jpeg: bytes) -> None:
    """Calls until both daemons have had one: then the balancer has found both healthy."""
    until = time.monotonic() + READY_SECONDS
    with Client(address, retry_for=READY_SECONDS) as client:
        while not all(frames_of(daemon) for daemon in pair):
            assert time.monotonic() < until
            client.segment(jpeg)


def test_the_configuration_of_envoy_is_valid() -> None:
    subprocess.run(
        [find_envoy(), "--mode", "validate", "-c", ENVOY_FILE], check=True, capture_output=True
    )


def test_the_configuration_of_haproxy_is_valid_while_names_of_boards_are_unknown() -> None:
    checked = subprocess.run(
        [find_haproxy(), "-c", "-f", HAPROXY_FILE], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    warnings = [line for line in checked.stderr.splitlines() if "WARNING" in line]
    assert all("could not resolve address 'board-" in line for line in warnings), checked.stderr


def test_haproxy_uses_boards_whose_names_become_known_after_its_start(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    names = NameServer("127.0.0.1")  # it does not answer yet
    with haproxy(tmp_path, [daemon.address for daemon in pair], names.address) as balancer:
        with Client(balancer.address, retry_for=3) as client:
            with pytest.raises(Unavailable, match="503"):
                client.segment(jpeg)
            with pytest.raises(Unavailable, match="503"):
                list(client.stream([jpeg]))
        with names:
            use_both(balancer.address, pair, jpeg)
            with Client(balancer.address) as client:
                assert all(answer.ok for answer in client.stream([jpeg] * 3))
        time.sleep(8.0)  # longer than an answer of the name server, which is gone, is valid
        with Client(balancer.address, retry_for=0) as client:
            assert client.segment(jpeg).shares


def test_haproxy_follows_boards_to_other_addresses(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    with (
        NameServer("127.0.0.1") as names,
        haproxy(tmp_path, [daemon.address for daemon in pair], names.address) as balancer,
    ):
        use_both(balancer.address, pair, jpeg)
        ports = [daemon.address.rpartition(":")[2] for daemon in pair]
        with (
            RunningDaemon(f"--listen=127.0.0.2:{ports[0]}") as first,
            RunningDaemon(f"--listen=127.0.0.2:{ports[1]}") as second,
        ):
            names.numbers = ("127.0.0.2",)
            use_both(balancer.address, [first, second], jpeg)


def call_while_one_is_killed(
    client: Client, image: bytes, killed: RunningDaemon, spare: RunningDaemon
) -> list[EdgesegClientError]:
    """The errors of calls under load before, while and after a daemon is killed."""
    done = threading.Event()

    def call() -> tuple[int, list[EdgesegClientError]]:
        count, failed = 0, list[EdgesegClientError]()
        while not done.is_set():
            try:
                assert client.segment(image).shares
            except EdgesegClientError as error:
                failed.append(error)
            count += 1
        return count, failed

    with ThreadPoolExecutor(CALLERS) as callers:
        try:
            calls = [callers.submit(call) for _ in range(CALLERS)]
            time.sleep(1.0)
            killed.stop(signal.SIGKILL)
            before = frames_of(spare)
            time.sleep(4.0)
            assert frames_of(spare) > before
        finally:
            done.set()
        results = [one.result() for one in calls]
    errors = [error for _, failed in results for error in failed]
    made = sum(count for count, _ in results)
    sys.stdout.write(f"{made} calls, {len(errors)} failed\n")
    return errors


def test_a_daemon_that_is_killed_under_load_costs_no_call(
    balancer: RunningBalancer, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    use_both(balancer.address, pair, jpeg)
    with Client(balancer.address) as client:
        assert not call_while_one_is_killed(client, jpeg, *pair)


def test_envoy_sends_again_what_was_lost_with_a_daemon_for_any_client(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    with envoy(tmp_path, [daemon.address for daemon in pair]) as balancer:
        use_both(balancer.address, pair, jpeg)
        with Client(balancer.address, retry_for=0) as client:
            assert not call_while_one_is_killed(client, jpeg, *pair)


def test_envoy_sends_an_image_again_of_whose_answer_only_a_part_came(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    first, second = pair
    with (
        TcpProxy(first.address) as cut,
        envoy(tmp_path, [cut.address, second.address]) as balancer,
    ):
        use_both(balancer.address, pair, jpeg)
        with Client(balancer.address, retry_for=0) as client:
            labels = client.segment(jpeg).labels
            cut.break_after(labels.size // 2)
            until = time.monotonic() + READY_SECONDS
            while not cut.is_broken:
                assert time.monotonic() < until
                assert np.array_equal(client.segment(jpeg).labels, labels)


def test_envoy_leaves_no_board_out_for_calls_that_fail_by_their_clients(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    with envoy(tmp_path, [daemon.address for daemon in pair]) as balancer:
        use_both(balancer.address, pair, jpeg)
        with grpc.insecure_channel(balancer.address) as channel:
            unknown: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/edgeseg.v1.SegmentationService/Unknown"
            )
            for _ in range(20):
                with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
                    unknown(b"")
        before = [frames_of(daemon) for daemon in pair]
        with Client(balancer.address, retry_for=0) as client:
            for _ in range(20):
                assert client.segment(jpeg).shares
        assert all(frames_of(daemon) > old for daemon, old in zip(pair, before, strict=True))


def test_envoy_passes_on_answers_of_many_megabytes(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    """It keeps them until they are complete, so its limit must allow that."""
    large = io.BytesIO()
    Image.open(io.BytesIO(jpeg)).resize((4000, 3000)).save(large, "JPEG")
    with (
        envoy(tmp_path, [daemon.address for daemon in pair]) as balancer,
        Client(balancer.address, retry_for=READY_SECONDS) as client,
    ):
        assert client.segment(large.getvalue()).labels.shape == (3000, 4000)


def test_the_client_sends_again_what_is_too_large_for_the_balancer(
    balancer: RunningBalancer, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    """HAProxy keeps up to 256 KB of a call."""
    use_both(balancer.address, pair, jpeg)
    with Client(balancer.address, retry_for=30) as client:
        assert not call_while_one_is_killed(client, jpeg + bytes(500_000), *pair)


def test_envoy_asks_another_daemon_too_if_one_takes_long(
    tmp_path: Path, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    """Its hedging, while the daemon has not yet noticed that its engine hangs."""
    slow, _ = pair
    with envoy(tmp_path, [daemon.address for daemon in pair]) as balancer:
        use_both(balancer.address, pair, jpeg)
        engine = slow.engine_pid
        assert engine is not None
        with Client(balancer.address, retry_for=0) as client:
            os.kill(engine, signal.SIGSTOP)
            try:
                with ThreadPoolExecutor(8) as callers:
                    begun = time.monotonic()
                    calls = [callers.submit(client.segment, jpeg) for _ in range(8)]
                    assert all(call.result().shares for call in calls)
                    took = time.monotonic() - begun
                assert slow.metric("edgeseg_engine_restarts_total") == 0
            finally:
                os.kill(engine, signal.SIGCONT)
    sys.stdout.write(f"all answered after {took:.1f} s\n")


def test_streams_go_on_when_their_daemon_is_killed(
    balancer: RunningBalancer, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    use_both(balancer.address, pair, jpeg)
    ended = threading.Event()

    def camera() -> Iterator[bytes]:
        while not ended.wait(0.02):
            yield jpeg

    with Client(balancer.address, retry_for=30) as client:
        answers = client.stream(camera(), policy="latest")
        assert next(answer for answer in answers if answer.ok)
        (at,) = (daemon for daemon in pair if daemon.metric("edgeseg_streams") > 0)
        begun = time.monotonic()
        at.stop(signal.SIGKILL)
        sent = next(answers).frame_id
        assert next(answer for answer in answers if answer.ok and answer.frame_id > sent + 5)
        took = time.monotonic() - begun
        ended.set()
        answers.close()
        sys.stdout.write(f"goes on {took:.2f} s later\n")
        assert took < 10
        # With nothing lost, if the source can wait.
        got = list(client.stream([jpeg] * 20, policy="every"))
        assert [answer.frame_id for answer in got if answer.ok] == list(range(20))


def test_streams_are_spread_over_the_daemons(
    balancer: RunningBalancer, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    use_both(balancer.address, pair, jpeg)
    with Client(balancer.address) as client:
        streams = [client.stream(itertools.repeat(jpeg), policy="every") for _ in range(6)]
        for stream in streams:
            assert next(stream).ok
        each = [daemon.metric("edgeseg_streams") for daemon in pair]
        for stream in streams:
            stream.close()
    assert sum(each) == 6
    assert min(each) >= 1


def test_a_daemon_that_stops_is_left_and_a_frame_that_it_read_before_says_so(
    balancer: RunningBalancer, pair: list[RunningDaemon], jpeg: bytes
) -> None:
    use_both(balancer.address, pair, jpeg)
    with Client(balancer.address, retry_for=30) as client:
        answers = client.stream((jpeg for _ in range(100)), policy="every")
        got = [next(answers) for _ in range(20)]
        (at,) = (daemon for daemon in pair if daemon.metric("edgeseg_streams") > 0)
        assert at.stop() == 0
        got += answers
    assert [answer.frame_id for answer in got] == list(range(100))
    assert all(answer.ok or "the daemon is stopping" in answer.message for answer in got)
    assert all(answer.ok for answer in got[-50:])
