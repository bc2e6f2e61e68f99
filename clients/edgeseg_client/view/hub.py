"""All that the page shows: the sources and the daemon."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.errors import ClientClosed, EdgesegClientError, ForkedProcess, SourceError
from edgeseg_client.sources.following import follow
from edgeseg_client.sources.source import Source
from edgeseg_client.view.changes import Changes
from edgeseg_client.view.daemon_watch import DaemonWatch
from edgeseg_client.view.feed import MAX_AGE_SECONDS, Feed, FeedState

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 2.0
"""How long a stream that the daemon has refused is not tried again."""

STATE_EVERY: Final = 1.0
"""Seconds between states; a browser that gets none for some seconds connects again."""


class Hub:
    """The feeds of the sources, in their order, and the daemon.

    `changes` is notified of all that changes; `stopping` is set once the page ends. Frames of live
    sources are outdated after `max_age` seconds of the monotonic `clock`.
    """

    def __init__(
        self,
        names: Iterable[str],
        watch: DaemonWatch,
        changes: Changes,
        *,
        max_age: float = MAX_AGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changes = changes
        self.feeds = {name: Feed(name, changes, max_age=max_age, clock=clock) for name in names}
        self.watch = watch
        self.stopping = False

    def stop(self) -> None:
        """Let all requests that show something end."""
        self.stopping = True
        self.changes.notify()

    def state(self) -> str:
        """The state of all, as JSON in ASCII: names of files need not be UTF-8."""
        return json.dumps(
            {
                "type": "state",
                "daemon": self.watch.describe(),
                "sources": [feed.describe() for feed in self.feeds.values()],
            }
        )

    async def follow_all(
        self, client: AsyncClient, sources: Sequence[Source], options: dict[str, Any]
    ) -> None:
        """Segment the sources until all have ended; one that fails is reported, others go on."""
        async with asyncio.TaskGroup() as group:
            for source in sources:
                feed = self.feeds[source.name]
                feed.grows_old = source.is_live
                source.on_state = _in_loop(feed.lost)
                group.create_task(self._follow(client, source, feed, options))

    async def _follow(
        self, client: AsyncClient, source: Source, feed: Feed, options: dict[str, Any]
    ) -> None:
        """Segment a source until it ends; what the daemon refuses now, it may take later.

        It may be another daemon then, or have another model.
        """
        while True:
            try:
                async with aclosing(follow(client, source, **options)) as frames:
                    async for answered in frames:
                        feed.add(answered)
            except (SourceError, ClientClosed, ForkedProcess) as error:
                log.warning("%s: %s", source.name, error)
                feed.change(FeedState.FAILED, str(error))
                return
            except EdgesegClientError as error:
                if (feed.state, feed.why) != (FeedState.REFUSED, str(error)):
                    log.warning("%s: %s; trying again", source.name, error)
                feed.change(FeedState.REFUSED, str(error))
            else:
                feed.change(FeedState.ENDED)
                return
            await asyncio.sleep(AGAIN_SECONDS)
            await self._until_served()

    async def _until_served(self) -> None:
        """Wait while it is known that the daemon does not answer or does not have the model."""
        changed = self.changes.next()
        while self.watch.trouble:
            await changed.wait()
            changed = self.changes.next()


def _in_loop(call: Callable[[str], None]) -> Callable[[str], None]:
    """`call` for other threads; does nothing once the event loop is closed."""
    loop = asyncio.get_running_loop()

    def call_in_loop(argument: str) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(call, argument)

    return call_in_loop
