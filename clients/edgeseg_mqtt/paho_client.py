"""Makes paho's client, of version 2 or 1, and gives its callbacks one form."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho

from edgeseg_mqtt.broker_address import BrokerAddress
from edgeseg_mqtt.message import Message

_REFUSALS: Final = {
    **dict.fromkeys((1, 132), "it does not speak MQTT 3.1.1"),
    **dict.fromkeys((2, 133), "it does not accept the client id"),
    **dict.fromkeys((4, 134), "the user or the password is wrong"),
    **dict.fromkeys((5, 135), "this user may not connect, or a password is needed"),
}
"""By the code of MQTT 3.1.1 (3.2.2.3), which paho 1 gives, or of MQTT 5, which paho 2 gives."""

_VERSION_1_ARGUMENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Called in paho's thread. `connected` and `lost` get what went wrong; "" if nothing.

    `refused` is true if there is no use in trying again.
    """

    connected: Callable[[str, bool], None]
    lost: Callable[[str], None]
    subscribed: Callable[[], None]
    message: Callable[[str, bytes, bool], None]


def make_client(
    client_id: str,
    address: BrokerAddress,
    trusted: ssl.SSLContext | None,
    will: Message,
    callbacks: Callbacks,
) -> paho.Client:
    """A client for one connection: it does not connect again, so it never repeats old messages."""
    options: dict[str, Any] = {"client_id": client_id, "clean_session": True}
    if hasattr(paho, "CallbackAPIVersion"):
        options["callback_api_version"] = paho.CallbackAPIVersion.VERSION2
    client = paho.Client(protocol=paho.MQTTv311, reconnect_on_failure=False, **options)
    client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
    if address.user:
        client.username_pw_set(address.user, address.password or None)
    if trusted is not None:
        client.tls_set_context(trusted)

    def on_connect(*given: Any) -> None:  # noqa: ANN401  # client, userdata, flags, code, …
        code = given[3]
        number = int(getattr(code, "value", code))
        reason = _REFUSALS.get(number, str(code)) if number else ""
        callbacks.connected(reason, number in _REFUSALS)

    # Version 1 ends with the code, version 2 with the code and properties.
    def on_disconnect(*given: Any) -> None:  # noqa: ANN401
        code = given[2] if len(given) == _VERSION_1_ARGUMENTS else given[3]
        callbacks.lost(paho.error_string(code) if isinstance(code, int) else str(code))

    def on_message(_client: object, _userdata: object, got: paho.MQTTMessage) -> None:
        callbacks.message(got.topic, bytes(got.payload), bool(got.retain))

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_subscribe = lambda *_: callbacks.subscribed()
    client.on_message = on_message
    return client
