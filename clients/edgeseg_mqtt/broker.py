"""Keeps the broker informed, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from typing import Final

from edgeseg_client.backoff import Backoff
from edgeseg_mqtt.broker_address import BrokerAddress
from edgeseg_mqtt.connection import Connection
from edgeseg_mqtt.errors import BrokerRefused, BrokerUnreachable
from edgeseg_mqtt.leftovers import remove_leftovers
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.topics import OFFLINE, ONLINE, Topics

_LOG = logging.getLogger(__name__)

_SHORT_SECONDS: Final = 5.0
_SHORT_CONNECTIONS: Final = 3
"""So many short connections in a row are not chance."""


class Broker:
    """Publishes the newest message of each topic, and all of them again after each connection.

    What is published while there is no connection is not queued: only the newest message of a
    topic is sent when the broker is back. Its last will sets the bridge's status to offline.
    Home Assistant gets all messages again when it says that it has started.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        trusted: ssl.SSLContext | None,
        client_id: str,
        topics: Topics,
    ) -> None:
        self._address = address
        self._trusted = trusted
        self._client_id = client_id
        self._topics = topics
        self._newest: dict[str, Message] = {}
        self._connection: Connection | None = None
        self._backoff = Backoff(math.inf, initial=0.5, maximum=15.0)
        self._short_connections = 0
        self._ever_connected = False
        self._reported = ""

    def publish(self, message: Message) -> None:
        """Sends the message now, or when the broker is reached; replaces an older one."""
        self._newest[message.topic] = message
        if self._connection is not None:
            self._connection.publish(message)

    def forget(self, topic: str) -> None:
        """Does not send the message of that topic again."""
        self._newest.pop(topic, None)

    async def run(self) -> None:
        """Connects again and again, until it is cancelled; then says that the bridge is offline.

        Raises `BrokerRefused` if the broker refuses the very first connection.
        """
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                reason = await self._serve_connection()
            except BrokerRefused as error:
                if not self._ever_connected:
                    raise
                self._report(f"the broker at {self._address} refuses the connection: {error}")
            except BrokerUnreachable as error:
                self._report(f"the broker at {self._address} is not reachable: {error}")
            else:
                self._report_loss(reason, clock() - begun)
            await asyncio.sleep(self._backoff.delay(clock()) or 0.0)

    async def _serve_connection(self) -> str:
        """Connects, and returns why the connection was lost."""
        will = self._status(OFFLINE)
        connection = Connection(
            self._address, self._trusted, self._client_id, will, self._on_message
        )
        farewell: Message | None = None
        try:
            await connection.open()
            own = self._topics.discovery("+")
            await connection.subscribe([own, self._topics.home_assistant_status])
            self._connection = connection
            self._ever_connected, self._reported = True, ""
            self._backoff.connected(asyncio.get_running_loop().time())
            _LOG.info("connected to the broker at %s", self._address)
            self._publish_all()
            return await asyncio.shield(connection.ended)
        except asyncio.CancelledError:
            farewell = will
            raise
        finally:
            self._connection = None
            await connection.close(farewell)

    def _publish_all(self) -> None:
        """All that is known, and at last that the bridge is online."""
        if (connection := self._connection) is not None:
            for message in (*self._newest.values(), self._status(ONLINE)):
                connection.publish(message)

    def _on_message(self, topic: str, payload: bytes, kept_by_broker: bool) -> None:
        if topic == self._topics.home_assistant_status:
            if payload == ONLINE.encode():
                self._publish_all()
        elif kept_by_broker and payload and (connection := self._connection) is not None:
            online = self._status(ONLINE)
            kept = {**self._newest, online.topic: online}
            for message in remove_leftovers(topic, payload, kept, self._topics.own):
                connection.publish(message)

    def _status(self, word: str) -> Message:
        return Message(self._topics.status, word.encode())

    def _report_loss(self, reason: str, lasted: float) -> None:
        self._short_connections = self._short_connections + 1 if lasted < _SHORT_SECONDS else 0
        hint = ""
        if self._short_connections >= _SHORT_CONNECTIONS:
            hint = (
                f"; if it is lost again and again, another client may use the id"
                f" {self._client_id!r}: give each bridge its own --id"
            )
        _LOG.warning(
            "the connection to the broker at %s is lost: %s%s", self._address, reason, hint
        )

    def _report(self, problem: str) -> None:
        """Logs a problem once, until a connection succeeds or there is another problem."""
        if problem != self._reported:
            _LOG.warning("%s; trying again", problem)
        self._reported = problem
