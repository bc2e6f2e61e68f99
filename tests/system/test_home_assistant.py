"""`edgeseg mqtt` with a real Home Assistant, a real broker and a real daemon."""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgeseg_client import Client
from scenes import draw_scene
from support.running_bridge import RunningBridge
from support.running_daemon import RunningDaemon
from support.running_home_assistant import RunningHomeAssistant
from support.running_mosquitto import Listener, RunningMosquitto

pytestmark = [pytest.mark.system, pytest.mark.slow]

DOCS = Path(__file__).parents[2] / "docs" / "home-assistant.md"
DOOR = "edgeseg_hut_camera_front_door"
DAEMON = "edgeseg_hut_daemon"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMosquitto]:
    with RunningMosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(scope="module")
def home_assistant(broker: RunningMosquitto) -> Iterator[RunningHomeAssistant]:
    with RunningHomeAssistant(broker.port) as running:
        yield running


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """In a folder of its own; it shows every class but the ball."""
    picture = tmp_path / "door" / "scene.jpg"
    picture.parent.mkdir()
    Image.fromarray(draw_scene(2).image).save(picture, quality=92)
    return picture


def bridge(
    broker: RunningMosquitto, daemon: RunningDaemon, picture: Path, *flags: str
) -> RunningBridge:
    common = (
        f"--server={daemon.address}",
        f"--broker={broker.url}",
        "--id=hut",
        "--loop=0",
        "--on-after=0",
    )
    return RunningBridge(*common, *flags, f"Front door={picture.parent}")


def wait_for_picture(home_assistant: RunningHomeAssistant) -> None:
    """Its state is the time of the last one."""
    nothing = (None, "unknown", "unavailable")
    home_assistant.wait_for(lambda: home_assistant.state(f"{DOOR}_overlay") not in nothing)


def test_its_schemas_accept_what_is_described_and_know_every_key(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    with RunningDaemon() as daemon, bridge(broker, daemon, picture):
        with Listener(broker.port) as listener:
            listener.wait_for_text("edgeseg/hut/status", "online")
        described = {
            topic: text for topic, text in listener.latest.items() if topic.endswith("/config")
        }
        assert len(described) == 2
        for text in described.values():
            assert home_assistant.faults(text) == []
            assert home_assistant.faults(text.replace("state_topic", "state_topik")) != []


def test_it_shows_the_devices_with_values_units_and_picture(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    with RunningDaemon() as daemon, bridge(broker, daemon, picture, "--off-after=0"):
        with Client(daemon.address) as client:
            result = client.segment(picture, size="model", outputs=["labels"])
        home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")
        home_assistant.wait_for_state(f"{DOOR}_ball_present", "off")
        states = home_assistant.states()
        for name in ("robot", "ball"):
            share = states[f"{DOOR}_{name}_share"]
            assert share["state"] == f"{100 * result.share(name):.2f}"
            assert share["unit_of_measurement"] == "%"
            assert share["state_class"] == "measurement"
        assert states[f"{DOOR}_robot_share"]["entity_id"] == "sensor.front_door_robot_share"
        robot = states[f"{DOOR}_robot_present"]
        assert robot["entity_id"] == "binary_sensor.front_door_robot"
        assert robot["friendly_name"] == "Front door Robot"
        assert robot["device_class"] == "occupancy"
        assert states[f"{DAEMON}_degraded"]["device_class"] == "problem"
        assert states[f"{DAEMON}_degraded"]["state"] == "off"
        assert states[f"{DAEMON}_delegate"]["state"] == result.delegate
        assert states[f"{DAEMON}_delegate"]["category"] == "diagnostic"
        assert float(states[f"{DOOR}_rate"]["state"]) > 0
        assert home_assistant.devices() == {
            DAEMON: {
                "name": "edgeseg hut",
                "model": result.model,
                "manufacturer": "edgeseg",
                "via": None,
            },
            DOOR: {
                "name": "Front door",
                "model": result.model,
                "manufacturer": "edgeseg",
                "via": "edgeseg hut",
            },
        }
        wait_for_picture(home_assistant)
        kind, content = home_assistant.image("image.front_door_overlay")
        assert kind == "image/jpeg"
        assert Image.open(io.BytesIO(content)).size >= (640, 480)


def test_all_entities_are_unavailable_when_the_bridge_is_killed_and_back_with_it(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    with RunningDaemon() as daemon:
        for number in (signal.SIGKILL, signal.SIGTERM):
            with bridge(broker, daemon, picture) as running:
                home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")
                running.end(number)
            home_assistant.wait_for(
                lambda: (
                    {each["state"] for each in home_assistant.states().values()} == {"unavailable"}
                )
            )


def test_a_class_is_unavailable_and_never_off_while_no_fresh_frame_comes(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    robot = f"{DOOR}_robot_present"
    with RunningDaemon() as daemon, bridge(broker, daemon, picture, "--stale-after=2"):
        home_assistant.wait_for_state(robot, "on")
        daemon.process.send_signal(signal.SIGSTOP)
        seen: list[str | None] = []
        home_assistant.wait_for(
            lambda: seen.append(home_assistant.state(robot)) or seen[-1] == "unavailable"  # type: ignore[func-returns-value]
        )
        assert home_assistant.state(f"{DOOR}_robot_share") == "unavailable"
        assert home_assistant.state(f"{DOOR}_rate") == "0.0"
        daemon.process.send_signal(signal.SIGCONT)
        home_assistant.wait_for(
            lambda: seen.append(home_assistant.state(robot)) or seen[-1] == "on"  # type: ignore[func-returns-value]
        )
        assert set(seen) <= {"on", "unavailable", "unknown"}


def test_a_bridge_that_hangs_is_noticed_though_its_connection_lives(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    """Values expire in Home Assistant itself."""
    with RunningDaemon() as daemon, bridge(broker, daemon, picture, "--stale-after=2") as running:
        home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")
        running.process.send_signal(signal.SIGSTOP)
        home_assistant.wait_for_state(f"{DOOR}_robot_present", "unavailable")
        home_assistant.wait_for_state(f"{DOOR}_robot_share", "unavailable")
        running.process.send_signal(signal.SIGCONT)
        home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")


def test_a_class_that_is_not_wanted_any_more_is_gone(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    with RunningDaemon() as daemon:
        with bridge(broker, daemon, picture) as running:
            home_assistant.wait_for_state(f"{DOOR}_ball_share", "0.00")
            running.end(signal.SIGKILL)
        with bridge(broker, daemon, picture, "--classes=robot"):
            home_assistant.wait_for_state(f"{DOOR}_ball_share", None)
            home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")
            assert {each for each in home_assistant.states() if each.startswith(DOOR)} == {
                *(f"{DOOR}_{each}" for each in ("robot_share", "robot_present", "overlay", "rate"))
            }


def test_the_automations_of_the_docs_work(
    broker: RunningMosquitto, home_assistant: RunningHomeAssistant, picture: Path
) -> None:
    page = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    items = ("- " + block.strip().replace("\n", "\n  ") for block in blocks)
    config = "\n".join(items).replace("front_door_person", "front_door_robot")
    home_assistant.set_state("sun.sun", "below_horizon")
    assert len(home_assistant.automate(config.replace("00:01:00", "00:00:01"))) == 2
    flag = "--on-after=0.5"  # the default: the share is there before
    with RunningDaemon() as daemon, bridge(broker, daemon, picture, flag) as running:
        home_assistant.wait_for_state(f"{DOOR}_robot_present", "on")
        share = home_assistant.state(f"{DOOR}_robot_share")
        home_assistant.wait_for(
            lambda: f"Persons have {share} % of the picture." in home_assistant.notifications()
        )
        assert "No fresh picture for a minute." not in home_assistant.notifications()
        running.end(signal.SIGKILL)
        home_assistant.wait_for(
            lambda: "No fresh picture for a minute." in home_assistant.notifications()
        )


def test_a_home_assistant_that_starts_later_knows_everything(
    broker: RunningMosquitto, picture: Path
) -> None:
    with RunningDaemon() as daemon, bridge(broker, daemon, picture):
        with Listener(broker.port) as listener:
            listener.wait_for_text("edgeseg/hut/cameras/front_door/availability", "online")
        with RunningHomeAssistant(broker.port) as later:
            later.wait_for_state(f"{DOOR}_robot_present", "on")
            wait_for_picture(later)
            faults = [line for line in later.log if "mqtt" in line and "ERROR" in line]
            assert not faults
