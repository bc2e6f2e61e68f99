"""What the topics of a camera say, and in which order."""

from __future__ import annotations

import pytest

from edgeseg_mqtt.camera_state import CameraState
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.presence import PresenceRule
from edgeseg_mqtt.rate import Rate
from edgeseg_mqtt.topics import Topics
from edgeseg_mqtt.watched_classes import WatchedClass

CLASSES = (WatchedClass("cat", "cat", (1,)), WatchedClass("Dog", "dog", (2,)))
CAT_ONLY = {"cat": 0.25, "dog": 0.0}
NOTHING = {"cat": 0.0, "dog": 0.0}


class Said(list[tuple[str, str]]):
    """What was published since it was last asked for: the end of each topic, and the payload."""

    def publish(self, message: Message) -> None:
        assert message.retain
        topic = message.topic.removeprefix("seg/hut/cameras/door/").removeprefix("classes/")
        self.append((topic, message.payload.decode()))

    def since(self) -> list[tuple[str, str]]:
        new = list(self)
        self.clear()
        return new


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def state(said: Said) -> CameraState:
    return CameraState(
        "door",
        CLASSES,
        PresenceRule(on=0.1, off=0.05, on_after=0, off_after=2),
        topics=Topics("seg", "hut", "ha"),
        interval=1.0,
        publish=said.publish,
        now=100.0,
    )


def test_before_the_first_result_the_camera_is_offline_and_nothing_is_known(
    state: CameraState, said: Said
) -> None:
    assert said == [
        ("availability", "offline"),
        ("cat/present", "None"),
        ("dog/present", "None"),
        ("rate", "0.0"),
    ]


def test_the_camera_is_online_after_its_first_values(state: CameraState, said: Said) -> None:
    said.clear()
    state.add_result(CAT_ONLY, 101.0)
    assert said == [
        ("cat/share", "25.00"),
        ("dog/share", "0.00"),
        ("cat/present", "ON"),
        ("dog/present", "None"),
        ("availability", "online"),
        ("rate", "1.0"),
    ]


def test_values_are_published_once_an_interval_and_at_once_if_a_presence_changes(
    state: CameraState, said: Said
) -> None:
    state.add_result(NOTHING, 100.0)
    said.clear()
    state.add_result(NOTHING, 100.9)
    assert said.since() == []
    state.add_result(CAT_ONLY, 100.95)
    assert ("cat/present", "ON") in said.since()
    state.add_result(CAT_ONLY, 101.9)
    assert said.since() == []
    state.add_result(CAT_ONLY, 101.95)
    assert ("cat/share", "25.00") in said.since()


def test_a_stale_camera_is_offline_first_and_never_says_that_a_class_is_absent(
    state: CameraState, said: Said
) -> None:
    state.add_result(CAT_ONLY, 100.0)
    said.clear()
    state.set_stale()
    assert said.since() == [
        ("availability", "offline"),
        ("cat/present", "None"),
        ("dog/present", "None"),
        ("rate", "0.0"),
    ]
    state.add_result(NOTHING, 200.0)
    new = said.since()
    assert ("cat/present", "None") in new, "it must be absent for two seconds first"
    assert new.index(("availability", "online")) > new.index(("cat/share", "0.00"))
    state.add_result(NOTHING, 202.0)
    assert ("cat/present", "OFF") in said.since()


def test_the_rate_counts_the_last_ten_seconds() -> None:
    rate = Rate(0.0)
    assert rate.per_second(0.0) == 0
    for number in range(1, 41):
        rate.add(number / 2)
    assert rate.per_second(20.0) == pytest.approx(2.0)
    assert rate.per_second(25.0) == pytest.approx(1.0)
    assert rate.per_second(31.0) == 0
