"""`edgeseg mqtt` with a real broker and a real daemon."""

from __future__ import annotations

import io
import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgeseg_client import Client
from edgeseg_client.sources import SourceFrame
from edgeseg_mqtt.picture import draw_picture
from scenes import draw_scene
from support.camera import Camera
from support.model_folder import add_version
from support.other_clients import wait_until
from support.remembered import remember
from support.running_bridge import RunningBridge
from support.running_daemon import RunningDaemon
from support.running_mosquitto import Listener, RunningMosquitto

pytestmark = [pytest.mark.system, pytest.mark.slow]

STATUS = "edgeseg/hut/status"
DOOR = "edgeseg/hut/cameras/door"
DOOR_CONFIG = "homeassistant/device/edgeseg_hut/camera_door/config"
DAEMON_CONFIG = "homeassistant/device/edgeseg_hut/daemon/config"


@pytest.fixture(scope="module")
def daemon() -> Iterator[RunningDaemon]:
    with RunningDaemon() as daemon:
        yield daemon


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningMosquitto]:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    with RunningMosquitto(folder) as broker:
        yield broker


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """In a folder of its own; it shows every class but the ball."""
    picture = tmp_path / "door" / "scene.jpg"
    picture.parent.mkdir()
    Image.fromarray(draw_scene(2).image).save(picture, quality=92)
    return picture


def bridge(
    broker: RunningMosquitto, daemon: RunningDaemon, *arguments: str, **env: str
) -> RunningBridge:
    common = (f"--server={daemon.address}", "--id=hut", "--loop=0", "--off-after=0", "--on-after=0")
    broker_flag = () if "EDGESEG_BROKER" in env else (f"--broker={broker.url}",)
    return RunningBridge(*broker_flag, *common, *arguments, env=env)


def components(payload: str) -> set[str]:
    return set(json.loads(payload)["components"])


def test_the_values_at_the_broker_are_those_of_the_client(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    with Client(daemon.address) as client:
        names = [one.name for one in client.info().model().classes if one.name != "background"]
        result = client.segment(picture, size="model", outputs=["labels"])
    with bridge(broker, daemon, f"door={picture.parent}"), Listener(broker.port) as listener:
        listener.wait_for_text(f"{DOOR}/availability", "online")
        listener.wait_for(lambda: f"{DOOR}/overlay" in listener.latest)
        with Listener(broker.port) as later:
            later.wait_for_text(f"{DOOR}/availability", "online")
            later.wait_for(lambda: f"{DOOR}/overlay" in later.latest)
        kept = {each.topic: each.text for each in later.received if each.kept}
    assert len(names) == 6
    assert set(names) > set(result.shares) - {"background"}, "some class is not in the picture"
    for name in names:
        share = result.share(name)
        assert kept[f"{DOOR}/classes/{name}/share"] == f"{100 * share:.2f}"
        assert kept[f"{DOOR}/classes/{name}/present"] == ("ON" if share >= 0.01 else "OFF")
    assert kept[STATUS] == "online"
    assert float(kept[f"{DOOR}/rate"]) > 0
    assert (kept["edgeseg/hut/daemon/delegate"], kept["edgeseg/hut/daemon/degraded"]) == (
        result.delegate,
        "OFF",
    )
    assert {DOOR_CONFIG, DAEMON_CONFIG} < kept.keys()
    pictures = later.messages(f"{DOOR}/overlay")
    assert not any(each.kept for each in pictures), "the broker keeps no picture"
    assert pictures[0].payload == draw_picture(SourceFrame(picture), result, 960)
    assert Image.open(io.BytesIO(pictures[0].payload)).size >= (640, 480)


def test_only_the_classes_that_were_named_are_published_and_pictures_if_they_are_wanted(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    wanted = ("--classes=Robot,1", "--image-every=0", f"door={picture.parent}")
    with bridge(broker, daemon, *wanted), Listener(broker.port) as listener:
        listener.wait_for_text(f"{DOOR}/availability", "online")
        shares = [topic for topic in listener.latest if topic.endswith("/share")]
        assert len(shares) == 2
        assert components(listener.latest[DOOR_CONFIG]) == {
            *(f"{topic.split('/')[-2]}_share" for topic in shares),
            *(f"{topic.split('/')[-2]}_present" for topic in shares),
            "rate",
        }
        assert f"{DOOR}/classes/robot/share" in shares


def test_several_sources_each_have_their_device(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    folder = picture.parent
    sources = (f"door={folder}", f"Back yard={folder}", f"back-yard={folder}")
    with bridge(broker, daemon, *sources), Listener(broker.port) as listener:
        for camera in ("door", "back_yard", "back_yard_3"):
            listener.wait_for_text(f"edgeseg/hut/cameras/{camera}/availability", "online")
        topic = "homeassistant/device/edgeseg_hut/camera_back_yard/config"
        assert json.loads(listener.latest[topic])["device"]["name"] == "Back yard"


def test_a_bridge_that_is_killed_is_offline_by_its_last_will(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    with Listener(broker.port) as listener:
        with bridge(broker, daemon, f"door={picture.parent}") as running:
            listener.wait_for_text(f"{DOOR}/availability", "online")
            running.end(signal.SIGKILL)
            listener.wait_for_text(STATUS, "offline")
        before = len(listener.received)
        with bridge(broker, daemon, f"door={picture.parent}"):
            listener.wait_for(lambda: bool(listener.messages(STATUS, before)))
            listener.wait_for_text(f"{DOOR}/availability", "online")
        words = [each.text for each in listener.received[before:] if "/cameras/" not in each.topic]
        again = [each.topic for each in listener.received[before:]]
    assert words.index("online") > 0, "the devices are described before"
    old = [each.text for each in listener.messages(f"{DOOR}/availability", before)]
    assert old[:2] == ["offline", "online"], "nothing old counts until there is a result"
    assert again.index(f"{DOOR}/availability") < again.index(STATUS)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_bridge_that_is_terminated_says_that_it_is_offline(
    broker: RunningMosquitto,
    daemon: RunningDaemon,
    picture: Path,
    number: signal.Signals,
    status: int,
) -> None:
    with (
        bridge(broker, daemon, f"door={picture.parent}") as running,
        Listener(broker.port) as listener,
    ):
        listener.wait_for_text(f"{DOOR}/availability", "online")
        assert running.end(number) == status
        listener.wait_for_text(STATUS, "offline")
        assert listener.latest[f"{DOOR}/availability"] == "offline"
    assert not any("Traceback" in line for line in running.output), running.output


def test_after_a_restart_of_the_broker_everything_is_there_again(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    with bridge(broker, daemon, f"door={picture.parent}") as running:
        with Listener(broker.port) as listener:
            listener.wait_for_text(f"{DOOR}/availability", "online")
            topics = set(listener.latest)
        for _ in range(2):
            broker.kill()
            broker.start()
            with Listener(broker.port) as listener:
                listener.wait_for_text(STATUS, "online")
                listener.wait_for(lambda: listener.latest.keys() >= topics)
                listener.wait_for_text(f"{DOOR}/availability", "online")
            topics_again = [each.topic for each in listener.received]
            assert topics_again.index(DAEMON_CONFIG) < topics_again.index(STATUS)
        assert running.end(signal.SIGTERM) == 0
    assert sum("is lost" in line for line in running.output) == 2
    assert sum("connected to" in line for line in running.output) == 3


@pytest.mark.slow
def test_what_happened_while_the_broker_was_away_is_not_said_late(
    broker: RunningMosquitto, picture: Path
) -> None:
    """The camera becomes stale without a broker: afterwards no old value is sent as a new one."""
    flags = ("--stale-after=2", "--image-every=0", f"door={picture.parent}")
    with RunningDaemon() as daemon, bridge(broker, daemon, *flags) as running:
        with Listener(broker.port) as listener:
            listener.wait_for_text(f"{DOOR}/availability", "online")
        broker.kill()
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            running.wait_for_line("no fresh result")
            broker.start()
            with Listener(broker.port) as listener:
                listener.wait_for_text(STATUS, "online")
            said = [each.text for each in listener.messages(f"{DOOR}/availability")]
            present = {t: v for t, v in listener.latest.items() if t.endswith("/present")}
            assert set(said) == {"offline"}
            assert set(present.values()) == {"None"}
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        with Listener(broker.port) as listener:
            listener.wait_for_text(f"{DOOR}/availability", "online")


@pytest.mark.slow
def test_a_camera_without_fresh_results_is_unavailable_and_nothing_becomes_absent(
    broker: RunningMosquitto, picture: Path
) -> None:
    flags = ("--stale-after=2", f"door={picture.parent}")
    with (
        RunningDaemon() as daemon,
        bridge(broker, daemon, *flags) as running,
        Listener(broker.port) as listener,
    ):
        listener.wait_for_text(f"{DOOR}/availability", "online")
        present = [topic for topic, text in listener.latest.items() if text == "ON"]
        assert len(present) >= 3
        daemon.process.send_signal(signal.SIGSTOP)
        since = len(listener.received)
        listener.wait_for_text(f"{DOOR}/availability", "offline")
        for topic in present:
            listener.wait_for_text(topic, "None")
        listener.wait_for_text(f"{DOOR}/rate", "0.0")
        daemon.process.send_signal(signal.SIGCONT)
        listener.wait_for_text(f"{DOOR}/availability", "online")
        for topic in present:
            listener.wait_for_text(topic, "ON")
            assert "OFF" not in [each.text for each in listener.messages(topic, since)]
        assert running.end(signal.SIGTERM) == 0
    assert "edgeseg: door: no fresh result for 2 s" in running.output


@pytest.mark.slow
def test_a_bridge_waits_for_its_daemon_and_survives_its_restart(
    broker: RunningMosquitto, picture: Path
) -> None:
    with RunningDaemon() as daemon:
        address = daemon.address
    flags = ("--stale-after=2", f"--server={address}", f"door={picture.parent}")
    with bridge(broker, daemon, *flags) as running, Listener(broker.port) as listener:
        running.wait_for_line("no daemon answers")
        assert STATUS not in listener.latest
        for _ in range(2):
            with RunningDaemon(f"--listen={address}"):
                listener.wait_for_text(f"{DOOR}/availability", "online")
                listener.wait_for_text("edgeseg/hut/daemon/availability", "online")
            listener.wait_for_text(f"{DOOR}/availability", "offline")
            listener.wait_for_text("edgeseg/hut/daemon/availability", "offline")
        assert listener.latest[STATUS] == "online"
        assert running.end(signal.SIGTERM) == 0
    assert not any("Traceback" in line for line in running.output)


def test_home_assistant_gets_everything_again_when_it_starts(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    with bridge(broker, daemon, f"door={picture.parent}"), Listener(broker.port) as listener:
        listener.wait_for_text(f"{DOOR}/availability", "online")
        listener.publish("homeassistant/status", "offline")
        listener.wait_for_text("homeassistant/status", "offline")
        since = len(listener.received)
        listener.publish("homeassistant/status", "online")
        listener.wait_for(lambda: bool(listener.messages(STATUS, since)))
        assert len(listener.messages(DOOR_CONFIG)) == 2
        assert len(listener.messages(DOOR_CONFIG, since)) == 1
        assert listener.messages(f"{DOOR}/availability", since)[0].text == "online"


def test_a_camera_and_classes_that_are_not_given_any_more_are_removed(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    folder = picture.parent
    with Listener(broker.port) as listener:
        with bridge(broker, daemon, f"door={folder}", f"yard={folder}") as running:
            for camera in ("door", "yard"):
                listener.wait_for_text(f"edgeseg/hut/cameras/{camera}/availability", "online")
            running.end(signal.SIGKILL)
        since = len(listener.received)
        yard = {
            topic
            for topic in listener.latest
            if "/yard/" in topic or topic.endswith("camera_yard/config")
        }
        removed = {
            f"{DOOR}/classes/ball/share",
            f"{DOOR}/classes/ball/present",
            *(topic for topic in yard if not topic.endswith("/overlay")),
        }
        with bridge(broker, daemon, "--classes=robot", f"door={folder}"):
            for topic in removed:
                listener.wait_for_text(topic, "")
            listener.wait_for_text(f"{DOOR}/availability", "online")
        descriptions = listener.messages(DOOR_CONFIG, since)
        gone = [
            each
            for each in descriptions
            if json.loads(each.text)["components"].get("ball_share") == {"platform": "sensor"}
        ]
        assert len(gone) == 1
        assert components(listener.latest[DOOR_CONFIG]) == {
            *("robot_share", "robot_present", "overlay", "rate"),
        }
    with Listener(broker.port) as later:
        later.wait_for_text(STATUS, "offline")
        later.publish("end", "of what the broker kept")
        later.wait_for(lambda: "end" in later.latest)
        assert not removed & later.latest.keys()


@pytest.mark.slow
def test_a_daemon_that_comes_back_with_other_classes_is_described_anew(
    broker: RunningMosquitto, picture: Path, tmp_path: Path
) -> None:
    with RunningDaemon() as daemon:
        address = daemon.address
    add_version(tmp_path / "models", "other", 1)
    flags = (f"--server={address}", f"door={picture.parent}")
    with bridge(broker, daemon, *flags) as running, Listener(broker.port) as listener:
        with RunningDaemon(f"--listen={address}"):
            listener.wait_for_text(f"{DOOR}/availability", "online")
            assert "robot_share" in components(listener.latest[DOOR_CONFIG])
        with RunningDaemon(f"--listen={address}", f"--models={tmp_path / 'models'}"):
            listener.wait_for(lambda: f"{DOOR}/classes/other_1_b/share" in listener.latest)
            listener.wait_for_text(f"{DOOR}/availability", "online")
            listener.wait_for_text(f"{DOOR}/classes/robot/share", "")
        assert running.end(signal.SIGTERM) == 0
    assert "edgeseg: the daemon serves a model with other classes; describing them anew" in (
        running.output
    )


@pytest.mark.slow
def test_a_delegate_that_fails_is_a_problem_until_it_works_again(
    broker: RunningMosquitto, picture: Path, tmp_path: Path, fake_delegate: Path
) -> None:
    trouble = tmp_path / "trouble"
    flags = remember(tmp_path, f"{fake_delegate}:claim=add,mode=error,while={trouble}")
    with (
        RunningDaemon(*flags, "--delegate-cool-down-seconds=1") as daemon,
        bridge(broker, daemon, f"door={picture.parent}"),
        Listener(broker.port) as listener,
    ):
        listener.wait_for_text("edgeseg/hut/daemon/delegate", "fake_delegate")
        listener.wait_for_text("edgeseg/hut/daemon/degraded", "OFF")
        trouble.touch()
        listener.wait_for_text("edgeseg/hut/daemon/delegate", "cpu")
        listener.wait_for_text("edgeseg/hut/daemon/degraded", "ON")
        trouble.unlink()
        listener.wait_for_text("edgeseg/hut/daemon/degraded", "OFF")
        listener.wait_for_text("edgeseg/hut/daemon/delegate", "fake_delegate")


@pytest.mark.slow
def test_a_user_and_a_password_open_a_broker_and_wrong_ones_are_a_usage_error(
    tmp_path: Path, daemon: RunningDaemon, picture: Path
) -> None:
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto_passwd is missing; on Debian: apt install mosquitto")
    subprocess.run([program, "-b", "-c", passwords, "me", "s3cret:@"], check=True)
    passwords.chmod(0o644)
    secret.write_text("s3cret:@\n")
    source = f"door={picture.parent}"
    with (
        RunningMosquitto(tmp_path, f"password_file {passwords}") as broker,
        Listener(broker.port, ("me", "s3cret:@")) as listener,
    ):
        url = f"mqtt://me@127.0.0.1:{broker.port}"
        in_url = url.replace("me@", "me:s3cret%3A%40@")
        for flags, env in (
            ((f"--broker={url}", f"--password-file={secret}"), {}),
            ((f"--broker={url}",), {"EDGESEG_MQTT_PASSWORD": "s3cret:@"}),
            ((), {"EDGESEG_BROKER": in_url}),
        ):
            with bridge(broker, daemon, *flags, source, **env) as running:
                listener.wait_for_text(STATUS, "online")
                assert running.end(signal.SIGTERM) == 0
            listener.wait_for_text(STATUS, "offline")
        for env in ({}, {"EDGESEG_MQTT_PASSWORD": "wrong"}):
            with bridge(broker, daemon, f"--broker={url}", source, **env) as running:
                assert running.wait() == 2
            assert running.output[-1:] == [
                f"edgeseg: the broker at 127.0.0.1:{broker.port} refuses the connection:"
                " this user may not connect, or a password is needed"
            ]


@pytest.mark.slow
def test_tls_needs_an_authority_that_is_trusted(
    tmp_path: Path, daemon: RunningDaemon, picture: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing; on Debian: apt install openssl")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    settings = (f"certfile {certificate}", f"keyfile {key}")
    with RunningMosquitto(tmp_path, *settings) as broker:
        flags = (f"--broker=mqtts://127.0.0.1:{broker.port}", f"door={picture.parent}")
        with bridge(broker, daemon, *flags) as running:
            assert running.wait() == 2
        assert "certificate is not trusted" in running.output[-1]
        assert "--broker-ca" in running.output[-1]
        with bridge(broker, daemon, f"--broker-ca={certificate}", *flags) as running:
            running.wait_for_line("connected to the broker")
            assert running.end(signal.SIGTERM) == 0


def test_a_broker_that_is_not_there_is_waited_for(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    broker.kill()
    with bridge(broker, daemon, f"door={picture.parent}") as running:
        running.wait_for_line("is not reachable")
        broker.start()
        with Listener(broker.port) as listener:
            listener.wait_for_text(f"{DOOR}/availability", "online")
    assert sum("is not reachable" in line for line in running.output) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--broker=mqtt://h", "nowhere/"], "there is no nowhere"),
        (["--broker=mqtt://h", "--every=3", "--stale-after=3", "door"], "--every must be less"),
        (["--broker=mqtt://h", "--image-every=0.5", "door"], "--image-every is 0, or at least 1"),
        (["--broker=mqtt://h", "--image-width=0", "door"], "--image-width is at least 1"),
        (["--broker=mqtt://h", "--broker-ca=x", "door"], "--broker-ca needs TLS"),
        (["--broker=mqtts://h", f"--broker-ca={__file__}", "door"], "no certificate in PEM"),
        (
            ["--broker=mqtt://h", "--on-share=1", "--off-share=2", "door"],
            "--off-share is more than 0 and not larger",
        ),
        (["--broker=mqtt://h", "--client-id=\udce9", "door"], r"'\udce9' is not in UTF-8"),
        (["--broker=mqtt://h", "--off-share=0", "door"], "--off-share is more than 0"),
        (["--broker=mqtt://me:s3cret/x@h", "door"], "write %2F, %3F or %23"),
        (["--broker=mqtt://h", "--id=My hut", "door"], "for example 'my_hut'"),
        (["--broker=mqtt://h", "--classes=dragon", "door"], "the model has no class 'dragon'"),
        (["door"], "--broker"),
    ],
)
def test_wrong_usage_is_an_error_that_says_what_to_write(
    daemon: RunningDaemon,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(picture.parents[1])
    with RunningBridge(f"--server={daemon.address}", *arguments) as running:
        assert running.wait() == 2
    assert message in running.output[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, "is text/html"), (401, "wants a name and a password"), (503, "503")],
)
def test_a_camera_that_answers_wrongly_at_first_is_tried_again_and_disturbs_no_other(  # noqa: PLR0917 # fixtures
    broker: RunningMosquitto,
    daemon: RunningDaemon,
    picture: Path,
    jpeg: bytes,
    status: int,
    reason: str,
) -> None:
    camera = Camera([jpeg])
    camera.starting_status = status
    with camera.running(), Listener(broker.port) as listener:
        sources = (f"door={camera.address()}", f"yard={picture.parent}")
        with bridge(broker, daemon, *sources) as running:
            listener.wait_for_text("edgeseg/hut/cameras/yard/availability", "online")
            running.wait_for_line(reason)
            tried = camera.requests
            wait_until(lambda: camera.requests > tried + 1)
            assert listener.latest[f"{DOOR}/availability"] == "offline"
            camera.starting_status = None
            listener.wait_for_text(f"{DOOR}/availability", "online")
            said = [
                each.text for each in listener.messages("edgeseg/hut/cameras/yard/availability")
            ]
            assert running.end(signal.SIGTERM) == 0
    assert sum(reason in line for line in running.output) == 1
    assert said[-1] == "online"
    assert said.count("offline") <= 1, "only before its first result"


@pytest.mark.slow
def test_a_file_that_is_no_video_ends_the_command(
    broker: RunningMosquitto, daemon: RunningDaemon, tmp_path: Path
) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with bridge(broker, daemon, f"door={tmp_path / 'no.mp4'}") as running:
        assert running.wait() == 2
    assert "is no video that can be read" in running.output[-1]


@pytest.mark.slow
def test_a_camera_that_is_lost_is_unavailable_until_it_is_back(
    broker: RunningMosquitto, daemon: RunningDaemon, jpeg: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ("--stale-after=2", "--fps=20", f"door=http://127.0.0.1:{port}/video")
    with bridge(broker, daemon, *flags) as running, Listener(broker.port) as listener:
        running.wait_for_line("door is lost")  # it does not answer yet
        for _ in range(2):
            with Camera([jpeg], port).running():
                listener.wait_for_text(f"{DOOR}/availability", "online")
                listener.wait_for_text(f"{DOOR}/classes/robot/present", "ON")
            since = len(listener.received)
            listener.wait_for_text(f"{DOOR}/availability", "offline")
            said = [each.text for each in listener.messages(f"{DOOR}/classes/robot/present", since)]
            assert "OFF" not in said
        assert running.end(signal.SIGTERM) == 0
    assert not any("Traceback" in line for line in running.output), running.output


def test_a_bridge_ends_with_its_sources_and_says_so(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    flags = ("--loop=2", f"door={picture.parent}", f"yard={picture.parent}")
    with bridge(broker, daemon, *flags) as running, Listener(broker.port) as listener:
        assert running.wait() == 0
        listener.wait_for_text(STATUS, "offline")
        assert listener.latest[f"{DOOR}/availability"] == "offline"
    assert sorted(line for line in running.output if "ended" in line) == [
        "edgeseg: door: the source has ended",
        "edgeseg: yard: the source has ended",
    ]


@pytest.mark.slow
def test_two_bridges_with_one_id_are_told_to_have_their_own(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path
) -> None:
    """The broker gives a client id to the last one that came."""
    source = f"door={picture.parent}"
    with bridge(broker, daemon, source) as first, bridge(broker, daemon, source):
        first.wait_for_line("another client may use the id 'edgeseg_hut': give each bridge its own")
