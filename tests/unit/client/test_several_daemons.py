"""Several daemons behind one client: whose turn it is, and what happens if one is lost."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client, InvalidRequest, Status, Unavailable, tls_credentials
from edgeseg_client.errors import OtherModel
from edgeseg_client.several_daemons import target_of_name
from support.name_server import NameServer
from support.running_nginx import make_certificate

from .scripted_daemon import GOOD, Script, ScriptedDaemon, running

SERVICE = pb.DESCRIPTOR.services_by_name["SegmentationService"].full_name
SECOND_HOST = "127.0.0.2"


@pytest.fixture
def other() -> Iterator[ScriptedDaemon]:
    with running(ScriptedDaemon()) as daemon:
        yield daemon


@pytest.fixture
def both(daemon: ScriptedDaemon, other: ScriptedDaemon) -> Iterator[Client]:
    with Client([daemon.address, other.address], retry_for=20) as client:
        yield client


def use_both(client: Client, *daemons: ScriptedDaemon) -> None:
    """Calls until each daemon has had a call; one that connects late is left out at first."""
    until = time.monotonic() + 20
    while not all(daemon.script.frames for daemon in daemons):
        assert time.monotonic() < until
        client.segment(GOOD)
    for daemon in daemons:
        daemon.script.frames.clear()
        daemon.script.options.clear()


def frames_of(*daemons: ScriptedDaemon) -> list[int]:
    return [len(daemon.script.frames) for daemon in daemons]


def test_calls_go_to_the_daemons_in_turn(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    use_both(both, daemon, other)
    for _ in range(10):
        both.segment(GOOD)
    assert frames_of(daemon, other) == [5, 5]


def test_streams_go_to_the_daemons_in_turn(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    """Each asks for the info first, which is a call too."""
    use_both(both, daemon, other)
    for _ in range(6):
        assert all(answer.ok for answer in both.stream([GOOD] * 2))
    assert frames_of(daemon, other) == [6, 6]


def test_calls_that_name_classes_go_to_the_daemons_in_turn(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    use_both(both, daemon, other)
    for _ in range(6):
        both.segment(GOOD, classes=["car"])
    assert frames_of(daemon, other) == [3, 3]


def test_several_addresses_may_be_one_text(daemon: ScriptedDaemon, other: ScriptedDaemon) -> None:
    with Client(f"{daemon.address}, {other.address}") as client:
        assert client.address == f"{daemon.address},{other.address}"
        use_both(client, daemon, other)


def test_a_name_may_stand_for_several_daemons(daemon: ScriptedDaemon) -> None:
    with (
        running(ScriptedDaemon(SECOND_HOST, daemon.port)) as other,
        NameServer(daemon.host, other.host) as names,
        Client(f"dns://{names.address}/boards.example:{daemon.port}") as client,
    ):
        use_both(client, daemon, other)


@pytest.mark.parametrize("name", ["boards.local", "Boards.LOCAL."])
def test_a_name_of_mdns_may_stand_for_several_daemons(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The system resolves it, here with two addresses; gRPC would ask DNS."""
    known = socket.getaddrinfo

    def lookup(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        numbers = [daemon.host, SECOND_HOST] if host == name else [host]
        return [each for number in numbers for each in known(number, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with (
        running(ScriptedDaemon(SECOND_HOST, daemon.port)) as other,
        Client(f"dns:///{name}:{daemon.port}") as client,
    ):
        use_both(client, daemon, other)


def test_a_name_of_kubernetes_is_asked_of_its_name_server(daemon: ScriptedDaemon) -> None:
    with (
        NameServer(daemon.host) as names,
        Client(f"dns://{names.address}/edgesegd.svc.cluster.local:{daemon.port}") as client,
    ):
        assert client.segment(GOOD).model == "toy"


@pytest.mark.parametrize(
    "address",
    [
        "dns:///edgesegd.edgeseg.svc.cluster.local:8460",
        "dns:///boards.lan:8460",
        "dns:boards:8460",
        "dns://10.0.0.1/boards.local:8460",
    ],
)
async def test_grpc_itself_asks_dns_for_a_name_that_is_there(address: str) -> None:
    """So it notices other addresses, when a connection is lost."""
    assert await target_of_name(address) == address


def test_addresses_of_both_families_go_together(daemon: ScriptedDaemon) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with (
        running(ScriptedDaemon("[::1]")) as other,
        Client([daemon.address, other.address]) as client,
    ):
        use_both(client, daemon, other)


def test_a_lost_daemon_costs_no_call_and_gets_calls_again_when_it_is_back(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    use_both(both, daemon, other)
    daemon.kill()
    for _ in range(5):
        both.segment(GOOD)
    assert frames_of(daemon, other) == [0, 5]
    daemon.start()
    use_both(both, daemon, other)


def test_a_stream_whose_daemon_is_lost_goes_on_at_another_and_misses_no_frame(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    use_both(both, daemon, other)
    answers = both.stream((GOOD for _ in range(40)), policy="every", in_flight=2)
    got = [next(answers) for _ in range(10)]
    at, spare = (daemon, other) if daemon.script.frames else (other, daemon)
    assert not spare.script.frames
    at.kill()
    got += answers
    assert [answer.frame_id for answer in got] == list(range(40))
    assert all(answer.ok for answer in got)
    assert spare.script.frames


def test_the_newest_frame_of_a_camera_goes_to_another_daemon(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    ended = threading.Event()

    def camera() -> Iterator[bytes]:
        while not ended.wait(0.02):
            yield GOOD

    use_both(both, daemon, other)
    answers = both.stream(camera(), policy="latest")
    assert next(answers).ok
    at, spare = (daemon, other) if daemon.script.frames else (other, daemon)
    at.script.gate.clear()
    while at.script.arrived.acquire(blocking=False):
        pass  # frames that came before
    assert at.script.arrived.acquire(timeout=20)
    at.kill()
    assert next(answer for answer in answers if answer.status is Status.UNAVAILABLE)
    assert next(answer for answer in answers if answer.ok)
    assert spare.script.frames
    ended.set()
    answers.close()


def test_a_daemon_that_does_not_serve_gets_no_call() -> None:
    sick, well = ScriptedDaemon(), ScriptedDaemon()
    sick.health, well.health = HealthServicer(), HealthServicer()
    sick.health.set(SERVICE, HealthCheckResponse.NOT_SERVING)
    well.health.set(SERVICE, HealthCheckResponse.SERVING)
    with (
        running(sick),
        running(well),
        Client([sick.address, well.address], retry_for=20) as client,
    ):
        for _ in range(10):
            client.segment(GOOD)
        assert frames_of(sick, well) == [0, 10]
        sick.health.set(SERVICE, HealthCheckResponse.SERVING)
        use_both(client, sick, well)
        well.health.set(SERVICE, HealthCheckResponse.NOT_SERVING)
        until = time.monotonic() + 20
        while frames_of(well) != [0]:  # the change is on its way
            assert time.monotonic() < until
            well.script.frames.clear()
            for _ in range(4):
                client.segment(GOOD)


def test_a_host_that_is_unknown_is_left_out_with_a_warning(
    daemon: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "edgeseg_client"),
        Client(["board.invalid:8460", daemon.address]) as client,
    ):
        assert client.segment(GOOD).model == "toy"
    assert "board.invalid" in caplog.text
    assert "the other addresses are used" in caplog.text


def test_names_are_resolved_once_for_all_channels_of_a_client(
    daemon: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    """The info is asked for on a channel of its own."""
    with (
        caplog.at_level(logging.WARNING, "edgeseg_client"),
        Client(["board.invalid:8460", daemon.address]) as client,
    ):
        assert client.info().version == "1.2.3"
        assert client.segment(GOOD, classes=["car"]).wanted == (7,)
    assert caplog.text.count("board.invalid") == 1


def test_a_short_timeout_leaves_time_for_the_call_and_not_only_for_other_daemons(
    daemon: ScriptedDaemon, other: ScriptedDaemon
) -> None:
    """The first call of a client waits until more than one daemon is connected."""
    with Client([daemon.address, other.address], timeout=0.4, retry_for=0) as client:
        client.info(timeout=20)
        assert client.segment(GOOD).model == "toy"


def test_hosts_that_are_all_unknown_are_an_error() -> None:
    with (
        Client("one.invalid:8460,two.invalid:8460", retry_for=0) as client,
        pytest.raises(Unavailable, match=r"one\.invalid"),
    ):
        client.segment(GOOD)


@pytest.mark.parametrize(
    ("addresses", "message"),
    [
        ([], "HOST:PORT, or several of these"),
        (["a:1", 2], "HOST:PORT, or several of these"),
        (["a:1", "unix:///b"], "'unix:///b' cannot be one of several"),
        ("a:1,unix:/b", "'unix:/b' cannot be one of several"),
        ("a:1,dns:///b:1", "a single dns:///NAME:PORT"),
        ("ipv4:1.2.3.4:1,1.2.3.5:1", "'ipv4:1.2.3.4:1' cannot be one of several"),
    ],
)
def test_what_cannot_be_one_of_several_addresses_is_an_error(
    addresses: str | list[str], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        Client(addresses)


@pytest.mark.parametrize("addresses", ["board:8460,board", "board:8460,", "board:8460,http://b:1"])
def test_one_wrong_address_of_several_is_an_error_with_the_first_call(addresses: str) -> None:
    with Client(addresses) as client, pytest.raises(InvalidRequest):
        client.segment(GOOD)


@pytest.mark.parametrize("addresses", ["a:1,b:1", "dns:///boards:1"])
def test_memory_is_shared_with_one_daemon_only(addresses: str) -> None:
    with pytest.raises(InvalidRequest, match="memory is shared with one daemon"):
        Client(addresses, shared_memory=True)


def test_with_certificates_several_daemons_have_one_name() -> None:
    with pytest.raises(InvalidRequest, match="dns:///NAME:PORT"):
        Client("a:1,b:1", credentials=grpc.ssl_channel_credentials())


def test_certificates_are_checked_against_a_name_in_dns(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    daemon = ScriptedDaemon()
    daemon.certificate = certificate
    with (
        running(daemon),
        NameServer(daemon.host) as names,
    ):
        trusted = tls_credentials(certificate.certificate)
        target = f"dns://{names.address}/{{}}:{daemon.port}"
        with Client(target.format("localhost"), credentials=trusted) as client:
            assert client.segment(GOOD).model == "toy"
        with (
            Client(target.format("another"), credentials=trusted, retry_for=0) as client,
            pytest.raises(Unavailable),
        ):
            client.segment(GOOD)


def test_a_token_is_not_sent_to_a_board_among_several_without_encryption() -> None:
    with pytest.raises(InvalidRequest, match="without encryption"):
        Client("127.0.0.1:1,board:1", token="secret")  # noqa: S106 # no real one


def test_a_path_of_a_socket_may_contain_a_comma(tmp_path: Path) -> None:
    with (
        Client(f"unix://{tmp_path}/a,b", retry_for=0) as client,
        pytest.raises(Unavailable, match="a,b"),
    ):
        client.info()


def other_model() -> pb.Model:
    """As that of a `Script`, but cars have the id 1."""
    classes = [pb.ClassInfo(id=0, name="background"), pb.ClassInfo(id=1, name="car")]
    return pb.Model(name="toy", version="ba9876543210", classes=classes)


def give_other_model(script: Script) -> None:
    script.info.models[0].CopyFrom(other_model())


def ids_asked(script: Script) -> set[int]:
    return {
        id_
        for options in script.options
        for id_ in (
            options.segmentation.classes
            if isinstance(options, pb.StreamOptions)
            else options.classes
        )
    }


def test_names_of_classes_are_ids_of_the_model_that_segments_an_image(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client
) -> None:
    use_both(both, daemon, other)
    give_other_model(other.script)
    for _ in range(6):
        result = both.segment(GOOD, classes=["car"])
        assert result.wanted == ((7,) if result.model_version == "0123456789ab" else (1,))
    assert ids_asked(daemon.script) | ids_asked(other.script) == {1, 7}


@pytest.mark.parametrize("says_model", [True, False])
def test_names_of_classes_are_ids_of_the_model_that_segments_a_stream(
    daemon: ScriptedDaemon, other: ScriptedDaemon, both: Client, says_model: bool
) -> None:
    """An older daemon does not say which model it is before the first result."""
    use_both(both, daemon, other)
    give_other_model(other.script)
    daemon.script.says_model = other.script.says_model = says_model
    for _ in range(6):
        answers = list(both.stream([GOOD] * 3, policy="every", classes=["car"]))
        assert [answer.frame_id for answer in answers] == [0, 1, 2]
        for answer in answers:
            is_first = answer.result.model_version == "0123456789ab"
            assert answer.result.wanted == ((7,) if is_first else (1,))


def test_a_result_of_another_model_than_the_one_asked_is_an_error(
    client: Client, script: Script
) -> None:
    """Behind a balancer that sends the calls for the info elsewhere."""
    script.model = other_model()
    with Client(client.address, retry_for=1) as brief:
        with pytest.raises(OtherModel, match="version ba9876543210, they have other ids"):
            brief.segment(GOOD, classes=["car"])
        with pytest.raises(OtherModel, match="leads to daemons with different models"):
            list(brief.stream([GOOD], policy="every", classes=["car"]))
        script.says_model = False
        with pytest.raises(OtherModel, match="they have other ids"):
            list(brief.stream([GOOD], policy="every", classes=["car"]))
        assert brief.segment(GOOD).model_version == "ba9876543210"  # no name was given
        assert brief.segment(GOOD, classes=[7]).wanted == (7,)
