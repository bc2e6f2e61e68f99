"""Publishes what the daemon says of itself: its delegate, whether it is degraded, its board."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.errors import FrameError, InvalidRequest, WrongAddress
from edgeseg_client.info import ServerInfo
from edgeseg_mqtt.discovery import ABSENT, PRESENT
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.topics import OFFLINE, ONLINE, Topics

_LOG = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 2.0


class DaemonWatch:
    """Asks the daemon every ten seconds, and at once after `check_soon`.

    `client` must not try again by itself. `read_temperature` returns degrees Celsius.
    """

    def __init__(
        self,
        client: AsyncClient,
        model: str,
        *,
        topics: Topics,
        publish: Callable[[Message], None],
        read_temperature: Callable[[], float | None],
    ) -> None:
        self._client = client
        self._model = model
        self._topics = topics
        self._publish = publish
        self._read_temperature = read_temperature
        self._wanted = asyncio.Event()

    async def wait_for_daemon(self) -> ServerInfo:
        """What the daemon is, as soon as it answers.

        Raises `WrongAddress`, `AccessDenied` and `InvalidRequest`, which waiting does not help.
        """
        reported = False
        while True:
            try:
                return await self._client.info()
            except (WrongAddress, InvalidRequest):
                raise
            except FrameError as error:
                if not reported:
                    _LOG.warning(
                        "no daemon answers at %s (%s); trying again", self._client.address, error
                    )
                reported = True
            await asyncio.sleep(_RETRY_SECONDS)

    def check_soon(self) -> None:
        """Call it when a result shows that something has changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Checks until it is cancelled."""
        while True:
            self._wanted.clear()
            await self._check()
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _check(self) -> None:
        try:
            model = (await self._client.info()).model(self._model)
        except FrameError:
            self._say("availability", OFFLINE.encode())
            return
        self._say("delegate", (model.delegate or "none").encode())
        self._say("degraded", PRESENT if model.degraded else ABSENT)
        temperature = self._read_temperature()
        if temperature is not None:
            self._say("temperature", f"{temperature:.1f}".encode())
        self._say("availability", ONLINE.encode())

    def _say(self, topic: str, payload: bytes) -> None:
        self._publish(Message(self._topics.daemon(topic), payload))
