"""The descriptions for Home Assistant; system/test_home_assistant.py has what it makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgeseg_mqtt.discovery import Described, describe_camera, describe_daemon
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.topics import Topics
from edgeseg_mqtt.watched_classes import WatchedClass

DESCRIBED = Described(
    topics=Topics("seg", "hut", "ha"),
    client_version="1",
    daemon_version="2",
    model="deeplab",
    stale_after=7.5,
)
CLASSES = (WatchedClass("person", "person", (15,)), WatchedClass("Überbau", "uberbau", (1,)))


def read(message: Message) -> dict[str, Any]:
    assert (message.retain, message.qos) == (True, 1)
    payload: dict[str, Any] = json.loads(message.payload)
    return payload


def test_one_retained_message_describes_a_camera_with_origin_and_components() -> None:
    message = describe_camera(DESCRIBED, "front_door", "Front door", CLASSES, with_image=True)
    assert message.topic == "ha/device/edgeseg_hut/camera_front_door/config"
    payload = read(message)
    assert payload["origin"] == {"name": "edgeseg", "sw_version": "1"}
    assert payload["device"] == {
        "identifiers": ["edgeseg_hut_camera_front_door"],
        "name": "Front door",
        "manufacturer": "edgeseg",
        "model": "deeplab",
        "sw_version": "1",
        "via_device": "edgeseg_hut_daemon",
    }
    assert list(payload["components"]) == [
        *("person_present", "person_share", "uberbau_present", "uberbau_share"),
        *("overlay", "rate"),
    ]
    present = payload["components"]["uberbau_present"]
    assert (present["name"], present["device_class"], present["expire_after"]) == (
        "Überbau",
        "occupancy",
        15,
    )
    assert present["availability_mode"] == "all"
    assert present["availability"] == [
        {"topic": "seg/hut/status"},
        {"topic": "seg/hut/cameras/front_door/availability"},
    ]
    ids = [each["unique_id"] for each in payload["components"].values()]
    assert len(set(ids)) == 6


def test_without_pictures_there_is_no_image_entity() -> None:
    payload = read(describe_camera(DESCRIBED, "door", "Door", CLASSES, with_image=False))
    assert "overlay" not in payload["components"]


@pytest.mark.parametrize("known", [True, False])
def test_the_daemon_has_a_temperature_only_where_it_is_known(known: bool) -> None:
    payload = read(describe_daemon(DESCRIBED, with_temperature=known))
    assert payload["device"]["sw_version"] == "2"
    assert payload["components"]["degraded"]["device_class"] == "problem"
    assert ("temperature" in payload["components"]) is known
    if known:
        assert payload["components"]["temperature"]["unit_of_measurement"] == "°C"
