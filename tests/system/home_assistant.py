"""Runs a real Home Assistant with its MQTT integration, for support/running_home_assistant.py.

It needs a Python and packages of its own, so it imports nothing of the tests. On standard output it
answers with a line of JSON each line of JSON on standard input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

from homeassistant import bootstrap, config_entries, core, loader, setup
from homeassistant.components import image, persistent_notification
from homeassistant.components.mqtt import binary_sensor, sensor
from homeassistant.components.mqtt import image as mqtt_image
from homeassistant.components.mqtt.schemas import DEVICE_DISCOVERY_SCHEMA
from homeassistant.const import __version__
from homeassistant.helpers import device_registry, entity_registry
from probatio import Invalid

PLATFORMS = {
    "binary_sensor": binary_sensor.PLATFORM_SCHEMA_MODERN,
    "image": mqtt_image.PLATFORM_SCHEMA_MODERN,
    "sensor": sensor.PLATFORM_SCHEMA_MODERN,
}
"""Those for YAML, which refuse keys that they do not know; those for discovery ignore them."""


async def start(port: int, folder: Path) -> core.HomeAssistant:
    """Home Assistant as it is after its start, connected to the broker at that port."""
    hass = core.HomeAssistant(str(folder))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    entry = {
        "entry_id": "mqtt",
        "domain": "mqtt",
        "title": "mqtt",
        "source": "user",
        "version": 1,
        "minor_version": 2,
        "data": {"broker": "127.0.0.1", "port": port},
        "options": {},
        "subentries": [],
        "unique_id": None,
        "disabled_by": None,
        "discovery_keys": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "created_at": "2026-01-01T00:00:00+00:00",
        "modified_at": "2026-01-01T00:00:00+00:00",
    }
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries"}
    storage = folder / ".storage"
    storage.mkdir()
    (folder / "configuration.yaml").touch()
    (storage / "core.config_entries").write_text(
        json.dumps({**stored, "data": {"entries": [entry]}})
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        http = {"server_host": "127.0.0.1", "server_port": free.getsockname()[1]}
    assert await bootstrap.async_from_config_dict({"http": http}, hass) is hass
    await hass.async_start()
    (mqtt,) = hass.config_entries.async_entries("mqtt")
    assert mqtt.state is config_entries.ConfigEntryState.LOADED, mqtt.reason
    return hass


def states(hass: core.HomeAssistant) -> dict[str, Any]:
    """State and attributes of every MQTT entity, by its unique id."""
    found = {}
    registry = entity_registry.async_get(hass)
    for entity in entity_registry.async_entries_for_config_entry(registry, "mqtt"):
        state = hass.states.get(entity.entity_id)
        if state is not None:
            found[entity.unique_id] = {
                "entity_id": entity.entity_id,
                "state": state.state,
                **{str(key): str(value) for key, value in state.attributes.items()},
                "category": entity.entity_category,
            }
    return found


def devices(hass: core.HomeAssistant) -> dict[str, Any]:
    """Name and model of every MQTT device, and the name of the one that it belongs to."""
    registry = device_registry.async_get(hass)
    found = {}
    for device in device_registry.async_entries_for_config_entry(registry, "mqtt"):
        for domain, name in device.identifiers:
            if domain == "mqtt":
                above = device.via_device_id and registry.async_get(device.via_device_id)
                found[name] = {
                    "name": device.name,
                    "model": device.model,
                    "manufacturer": device.manufacturer,
                    "via": above and above.name,
                }
    return found


def check(payload: str) -> list[str]:
    """What the schemas of Home Assistant have against a description of a device."""
    described = json.loads(payload)
    faults = []
    try:
        DEVICE_DISCOVERY_SCHEMA(described)
    except Invalid as error:
        faults.append(str(error))
    for name, component in json.loads(payload)["components"].items():
        platform = component.pop("platform")
        try:
            PLATFORMS[platform](component)
        except Invalid as error:
            faults.append(f"{name}: {error}")
    return faults


async def automate(hass: core.HomeAssistant, config: str) -> list[str]:
    """Adds automations in YAML; returns the entities that are automations."""
    indented = textwrap.indent(config, "  ")
    Path(hass.config.path("configuration.yaml")).write_text(f"automation:\n{indented}\n")
    await setup.async_setup_component(hass, "light", {})  # for its actions
    await hass.services.async_call("automation", "reload", blocking=True)
    return [each.entity_id for each in hass.states.async_all("automation") if each.state == "on"]


async def answer(hass: core.HomeAssistant, asked: dict[str, Any]) -> object:
    """What was asked."""
    await hass.async_block_till_done()
    result: object = None
    match asked:
        case {"states": _}:
            result = states(hass)
        case {"devices": _}:
            result = devices(hass)
        case {"check": payload}:
            result = check(payload)
        case {"automation": config}:
            result = await automate(hass, config)
        case {"notifications": _}:
            found = hass.data[persistent_notification.DOMAIN].values()
            result = [each["message"] for each in found]
        case {"set": [entity_id, state]}:
            hass.states.async_set(entity_id, state)
        case {"image": entity_id}:
            got = await image.async_get_image(hass, entity_id)
            result = [got.content_type, base64.b64encode(got.content).decode()]
        case _:
            raise AssertionError(asked)
    return result


async def main() -> None:
    """Answers until standard input ends."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        hass = await start(int(sys.argv[1]), Path(folder))
        print(json.dumps(__version__), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await answer(hass, json.loads(line))), flush=True)
        await hass.async_stop(force=True)


asyncio.run(main())
