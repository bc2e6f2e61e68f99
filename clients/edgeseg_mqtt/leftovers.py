"""Removes devices and entities that an earlier run described and this one does not have.

A broker keeps retained messages for ever. A camera that is no longer given would otherwise stay
in Home Assistant, and look available with its last values as soon as the bridge is online again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from edgeseg_mqtt.message import Message

_BELOW_OWN: Final = re.compile(r"[a-z0-9_/]{1,1000}")
"""What is behind the bridge's part of its topics; to others MQTT may not let one publish."""


def remove_leftovers(
    topic: str, payload: bytes, kept: Mapping[str, Message], own: str
) -> list[Message]:
    """What to publish after the broker gave a retained description of a device of this bridge.

    `kept` is what this run publishes, by topic. All topics that begin with `own` are this bridge's.
    A component is removed by a description in which it has nothing but its platform. Anyone may
    have published the description: what is none is replaced or removed.
    """
    before = _read_object(payload)
    current = kept.get(topic)
    now = {} if current is None else _read_object(current.payload)
    used = {*kept, *_topics(now)}
    cleared = [
        Message(each, b"")
        for each in dict.fromkeys(_topics(before))
        if each not in used
        if each.startswith(own) and _BELOW_OWN.fullmatch(each.removeprefix(own))
    ]
    if current is None:
        return [Message(topic, b""), *cleared]
    gone = {
        key: {"platform": component["platform"]}
        for key, component in _components(before).items()
        if key not in _components(now)
        if isinstance(component, dict) and isinstance(component.get("platform"), str)
    }
    if not gone:
        return cleared
    removing = {**now, "components": {**_components(now), **gone}}
    return [Message(topic, json.dumps(removing).encode()), current, *cleared]


def _components(description: dict[str, Any]) -> dict[str, Any]:
    components = description.get("components")
    return components if isinstance(components, dict) else {}


def _read_object(payload: bytes) -> dict[str, Any]:
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _topics(description: dict[str, Any]) -> Iterator[str]:
    """Every topic in a description, which may be nested deeper than calls may be."""
    left: list[object] = [description]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield from (
                inner
                for key, inner in value.items()
                if isinstance(inner, str) and key.endswith("topic")
            )
            left += reversed(value.values())
        elif isinstance(value, list):
            left += reversed(value)
