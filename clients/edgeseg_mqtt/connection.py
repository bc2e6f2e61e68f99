"""One connection to the broker, from its opening to its end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import paho.mqtt.client as paho

from edgeseg_client.wrapped_exit import run_in_daemon_thread
from edgeseg_mqtt.broker_address import BrokerAddress
from edgeseg_mqtt.errors import BrokerRefused, BrokerUnreachable
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.paho_client import Callbacks, make_client

_KEEPALIVE_SECONDS: Final = 20
"""If the bridge loses its power, the broker publishes the last will after 1.5 times as long."""
_ANSWER_SECONDS: Final = 10.0
_FAREWELL_SECONDS: Final = 2.0


class Connection:
    """Use it on one event loop; `ended` is set to the reason when the connection is lost.

    `on_message` is called on the loop, with the topic, the payload, and whether the broker had
    kept the message from before.
    """

    def __init__(
        self,
        address: BrokerAddress,
        trusted: ssl.SSLContext | None,
        client_id: str,
        will: Message,
        on_message: Callable[[str, bytes, bool], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = loop.create_future()
        self._address = address
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[None] = loop.create_future()

        def call(function: Callable[..., None], *arguments: object) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(function, *arguments)

        callbacks = Callbacks(
            connected=lambda reason, refused: call(self._on_connected, reason, refused),
            lost=lambda reason: call(self._on_lost, reason),
            subscribed=lambda: call(self._on_subscribed),
            message=lambda *message: call(on_message, *message),
        )
        self._client = make_client(client_id, address, trusted, will, callbacks)

    async def open(self) -> None:
        """Connects; raises `BrokerUnreachable`, or `BrokerRefused` if there is no use in it."""
        try:
            await run_in_daemon_thread(
                self._client.connect, self._address.host, self._address.port, _KEEPALIVE_SECONDS
            )
            self._client.loop_start()
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._accepted
        except ssl.SSLCertVerificationError as error:
            raise BrokerRefused(
                f"its certificate is not trusted ({error.verify_message}); give the authority's"
                " certificate with --broker-ca"
            ) from error
        except TimeoutError as error:
            raise BrokerUnreachable("it does not answer") from error
        except OSError as error:
            raise BrokerUnreachable(error.strerror or str(error)) from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Returns when the broker has confirmed; raises `BrokerUnreachable`."""
        self._client.subscribe([(topic, 1) for topic in topics])
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._subscribed
        except TimeoutError as error:
            raise BrokerUnreachable("it does not confirm a subscription") from error

    def publish(self, message: Message) -> paho.MQTTMessageInfo | None:
        """Sends a message; does nothing once the connection is lost."""
        if self.ended.done():
            return None
        return self._client.publish(message.topic, message.payload, message.qos, message.retain)

    async def close(self, farewell: Message | None = None) -> None:
        """Ends the connection, after a last message; may be called after it was lost."""
        if farewell is not None and (sent := self.publish(farewell)) is not None:
            with suppress(ValueError, RuntimeError):  # it cannot be sent any more
                await asyncio.to_thread(sent.wait_for_publish, _FAREWELL_SECONDS)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _on_connected(self, reason: str, refused: bool) -> None:
        if self._accepted.done():
            return
        if not reason:
            self._accepted.set_result(None)
        else:
            self._accepted.set_exception((BrokerRefused if refused else BrokerUnreachable)(reason))
            self._accepted.exception()  # as below

    def _on_lost(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
        for waited_for in (self._accepted, self._subscribed):
            if not waited_for.done():
                waited_for.set_exception(BrokerUnreachable(reason))
                waited_for.exception()  # it is known, whether or not anybody waits

    def _on_subscribed(self) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(None)
