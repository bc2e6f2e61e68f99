"""Announces the daemon by mDNS, again whenever what is announced has changed, and says goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence

import zeroconf
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from edgesegd.board.address_watch import AddressWatch
from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.discovery.own_addresses import own_addresses
from edgesegd.discovery.reachable import Listening

log = logging.getLogger(__name__)

SERVICE_TYPE = "_edgeseg._tcp.local."
SETTLE_SECONDS = 1.0
"""A record is sent at most once in that time (RFC 6762, section 6)."""
RETRY_SECONDS = 60.0
GOODBYE_SECONDS = 3.0
"""How long a goodbye may take; three packets of it take 0.3 s."""
FAILURES = (OSError, zeroconf.Error, RuntimeError)
"""What zeroconf raises if there is no network, or its port cannot be shared."""

Own = Callable[[], Sequence[str]]
Describe = Callable[[Sequence[str]], Mapping[str, str]]


class Announcer:
    """Announces an instance of SERVICE_TYPE from `start` to `close`.

    It is announced on the interfaces with the addresses at which it can be reached, as `where`
    says of the addresses that `own` returns. `describe` returns the pairs of the TXT record, given
    those addresses; `changed` says that it returns others now. If the name is taken, a number is
    added to it.
    """

    def __init__(
        self, name: str, where: Listening, *, describe: Describe, own: Own = own_addresses
    ) -> None:
        self._name = name
        self._where = where
        self._describe = describe
        self._own = own
        # A host name of its own, because avahi may announce the machine's with other addresses.
        self._host = f"edgeseg-{secrets.token_hex(6)}.local."
        self._change = asyncio.Event()
        self._watch = AddressWatch(self._change.set)
        self._tasks = BackgroundTasks()

    def start(self) -> None:
        """Announce from now on."""
        logging.getLogger("zeroconf").setLevel(logging.ERROR)
        self._watch.start()
        self._tasks.start(self._run())

    def changed(self) -> None:
        """The description has changed, or may have."""
        self._change.set()

    async def close(self) -> None:
        """Say goodbye."""
        self._watch.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._tasks.cancel()

    async def _run(self) -> None:
        """Announce on the addresses that there are, anew when they change."""
        reported = ""
        while True:
            self._change.clear()
            problem, again = "this machine has no address that others can reach", None
            try:
                own = self._own()
                if addresses := self._where.addresses(own):
                    await self._announce(addresses, own)
                    reported = ""
                    continue
            except FAILURES as error:
                problem, again = str(error) or type(error).__name__, RETRY_SECONDS
            if problem != reported:
                log.warning("the daemon is not announced: %s", problem)
                reported = problem
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._change.wait()

    async def _announce(self, addresses: tuple[str, ...], own: Sequence[str]) -> None:
        """Announce on `addresses` until they are others; says goodbye at the end."""
        responder = AsyncZeroconf(interfaces=_interfaces(addresses))
        try:
            pairs = dict(self._describe(own))
            info = self._info(f"{self._name}.{SERVICE_TYPE}", addresses, pairs)
            sending = await responder.async_register_service(info, allow_name_change=True)
            self._report(info.name, addresses)
            await sending
            while True:
                await self._change.wait()
                await asyncio.sleep(SETTLE_SECONDS)
                self._change.clear()
                own = self._own()
                if self._where.addresses(own) != addresses:
                    return
                if (changed := dict(self._describe(own))) != pairs:
                    pairs = changed
                    info = self._info(info.name, addresses, pairs)
                    await (await responder.async_update_service(info))
        finally:
            await responder.async_close()

    def _info(
        self, name: str, addresses: tuple[str, ...], pairs: Mapping[str, str]
    ) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            SERVICE_TYPE,
            name,
            port=self._where.port,
            addresses=[socket.inet_pton(_family(each), each) for each in addresses],
            properties=dict(pairs),
            server=self._host,
        )

    def _report(self, full_name: str, addresses: tuple[str, ...]) -> None:
        name = full_name.removesuffix(f".{SERVICE_TYPE}")
        if name != self._name:
            log.warning("another daemon in this network is called %s", self._name)
        log.info("announced as %s at %s, port %d", name, ", ".join(addresses), self._where.port)


def _interfaces(addresses: tuple[str, ...]) -> list[str]:
    """Addresses of the interfaces to send on; a packet of IPv4 has the addresses of IPv6 too."""
    return [each for each in addresses if ":" not in each] or list(addresses)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
