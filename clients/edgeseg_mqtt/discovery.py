"""Describes devices and their entities to Home Assistant.

One message describes one device. The keys are those of Home Assistant's MQTT integration:
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgeseg_mqtt.message import Message
from edgeseg_mqtt.topics import Topics
from edgeseg_mqtt.watched_classes import WatchedClass

Component = dict[str, Any]

PRESENT: Final = b"ON"
ABSENT: Final = b"OFF"
UNKNOWN: Final = b"None"
"""Home Assistant shows `unknown` for it."""

_EXPIRY_FACTOR: Final = 2
"""A value also expires in Home Assistant, if the bridge itself hangs and says nothing."""

DAEMON_DEVICE: Final = "daemon"


@dataclass(frozen=True, slots=True)
class Described:
    """What all descriptions of one bridge have in common; versions may be empty.

    `stale_after` is how long a value of a camera counts as fresh, in seconds.
    """

    topics: Topics
    client_version: str
    daemon_version: str
    model: str
    stale_after: float

    def message(
        self,
        device: str,
        name: str,
        components: dict[str, Component],
        **more: str,
    ) -> Message:
        """The description of a device, whose entities are available as its topics say."""
        about = {
            "identifiers": [self.device_id(device)],
            "name": name,
            "manufacturer": "edgeseg",
            **more,
        }
        payload = {
            "device": about,
            "origin": {"name": "edgeseg", "sw_version": self.client_version},
            "components": {
                key: {"unique_id": f"{self.device_id(device)}_{key}", **component}
                for key, component in components.items()
            },
            "qos": 1,
        }
        encoded = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return Message(self.topics.discovery(device), encoded)

    def device_id(self, device: str) -> str:
        """The id of a device in Home Assistant."""
        return f"edgeseg_{self.topics.node}_{device}"


def describe_daemon(described: Described, *, with_temperature: bool) -> Message:
    """The device that stands for the daemon and its board."""
    topics = described.topics
    shown = _available(topics, topics.daemon("availability"))
    components: dict[str, Component] = {
        "delegate": {
            "platform": "sensor",
            "name": "Delegate",
            "icon": "mdi:chip",
            "state_topic": topics.daemon("delegate"),
            "entity_category": "diagnostic",
            **shown,
        },
        "degraded": {
            "platform": "binary_sensor",
            "name": "Degraded",
            "device_class": "problem",
            "state_topic": topics.daemon("degraded"),
            "entity_category": "diagnostic",
            **shown,
        },
    }
    if with_temperature:
        components["temperature"] = {
            "platform": "sensor",
            "name": "Temperature",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "suggested_display_precision": 0,
            "state_topic": topics.daemon("temperature"),
            "entity_category": "diagnostic",
            **shown,
        }
    return described.message(
        DAEMON_DEVICE,
        f"edgeseg {topics.node}",
        components,
        model=described.model,
        sw_version=described.daemon_version,
    )


def camera_device(camera: str) -> str:
    """The id of a camera's device within the bridge."""
    return f"camera_{camera}"


def describe_camera(
    described: Described,
    camera: str,
    name: str,
    classes: Sequence[WatchedClass],
    *,
    with_image: bool,
) -> Message:
    """The device that stands for a camera; `camera` is its part of topics."""
    topics = described.topics
    shown = _available(topics, topics.camera(camera, "availability"))
    expiry = math.ceil(_EXPIRY_FACTOR * described.stale_after)
    components: dict[str, Component] = {}
    for one in classes:
        components[f"{one.slug}_present"] = {
            "platform": "binary_sensor",
            "name": _capitalized(one.name),
            "device_class": "occupancy",
            "state_topic": topics.camera(camera, "classes", one.slug, "present"),
            "expire_after": expiry,
            **shown,
        }
        components[f"{one.slug}_share"] = {
            "platform": "sensor",
            "name": f"{_capitalized(one.name)} share",
            "icon": "mdi:percent",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "suggested_display_precision": 1,
            "state_topic": topics.camera(camera, "classes", one.slug, "share"),
            "expire_after": expiry,
            **shown,
        }
    if with_image:
        components["overlay"] = {
            "platform": "image",
            "name": "Overlay",
            "content_type": "image/jpeg",
            "image_topic": topics.camera(camera, "overlay"),
            **shown,
        }
    components["rate"] = {  # available while the bridge is: its 0 says that no frames come
        "platform": "sensor",
        "name": "Rate",
        "icon": "mdi:speedometer",
        "unit_of_measurement": "fps",
        "state_class": "measurement",
        "suggested_display_precision": 1,
        "state_topic": topics.camera(camera, "rate"),
        "entity_category": "diagnostic",
        **_available(topics),
    }
    return described.message(
        camera_device(camera),
        name,
        components,
        model=described.model,
        sw_version=described.client_version,
        via_device=described.device_id(DAEMON_DEVICE),
    )


def _available(topics: Topics, *more: str) -> Component:
    """An entity is available while all these topics say `online`."""
    return {
        "availability": [{"topic": each} for each in (topics.status, *more)],
        "availability_mode": "all",
    }


def _capitalized(name: str) -> str:
    return name[:1].upper() + name[1:]
