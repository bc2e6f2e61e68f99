"""What an earlier run left at the broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgeseg_mqtt.leftovers import remove_leftovers
from edgeseg_mqtt.message import Message

OWN = "seg/hut/"
TOPIC = "ha/device/edgeseg_hut/camera_door/config"
STATUS = Message("seg/hut/status", b"online")


def described(**components: dict[str, Any]) -> bytes:
    return json.dumps({"device": {"name": "Door"}, "components": components}).encode()


def component(name: str, platform: str = "sensor") -> dict[str, Any]:
    return {
        "platform": platform,
        "state_topic": f"seg/hut/{name}",
        "availability": [{"topic": STATUS.topic}, {"topic": "seg/hut/door"}],
    }


def test_a_description_that_is_the_same_leaves_nothing_to_do() -> None:
    now = Message(TOPIC, described(a=component("a")))
    kept = {STATUS.topic: STATUS, TOPIC: now}
    assert remove_leftovers(TOPIC, now.payload, kept, OWN) == []


def test_a_component_that_is_gone_is_removed_and_its_topics_emptied() -> None:
    now = Message(TOPIC, described(a=component("a")))
    kept = {STATUS.topic: STATUS, TOPIC: now}
    before = described(a=component("a"), b=component("b", "binary_sensor"))
    removing, again, emptied = remove_leftovers(TOPIC, before, kept, OWN)
    assert json.loads(removing.payload)["components"] == {
        "a": component("a"),
        "b": {"platform": "binary_sensor"},
    }
    assert again == now
    assert emptied == Message("seg/hut/b", b"")


def test_a_device_that_is_gone_is_removed_but_not_what_others_use() -> None:
    before = described(a=component("a"), foreign={"state_topic": "other/topic"})
    kept = {STATUS.topic: STATUS}
    assert remove_leftovers(TOPIC, before, kept, OWN) == [
        Message(TOPIC, b""),
        Message("seg/hut/a", b""),
        Message("seg/hut/door", b""),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        *(b"\xff", b"[]", b'"x"', b'{"components": 3}', b"{}"),
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
)
def test_what_is_no_description_is_replaced_or_removed(payload: bytes) -> None:
    now = Message(TOPIC, described(a=component("a")))
    assert remove_leftovers(TOPIC, payload, {TOPIC: now}, OWN) == []
    assert remove_leftovers(TOPIC, payload, {}, OWN) == [Message(TOPIC, b"")]


@pytest.mark.parametrize("name", ["+", "#", "a/#", "\0", "\ud800", "x" * 70_000, ""])
def test_topics_to_which_nobody_can_publish_are_left_alone(name: str) -> None:
    before = described(a=component(name), b=component("b"))
    left = remove_leftovers(TOPIC, before, {STATUS.topic: STATUS}, OWN)
    assert [message.topic for message in left] == [TOPIC, "seg/hut/door", "seg/hut/b"]


def test_a_topic_in_a_description_that_is_nested_deeply_is_emptied() -> None:
    inner = b'{"state_topic": "seg/hut/b"}'
    before = b'{"a":' * 500 + inner + b"}" * 500
    assert remove_leftovers(TOPIC, before, {}, OWN) == [
        Message(TOPIC, b""),
        Message("seg/hut/b", b""),
    ]
