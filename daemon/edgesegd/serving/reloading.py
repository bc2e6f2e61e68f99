"""When models are reloaded without an order for it."""

from __future__ import annotations

import asyncio
import logging

from edgesegd.core.errors import StartupError
from edgesegd.models.catalogue.repository import ModelRepository
from edgesegd.serving.model_host import ModelHost

log = logging.getLogger(__name__)


async def reload_on(event: asyncio.Event, host: ModelHost) -> None:
    """Reload all models whenever `event` is set, forever."""
    while True:
        await event.wait()
        event.clear()
        await _reload_or_log(host)


async def reload_on_changes(repository: ModelRepository, host: ModelHost, seconds: float) -> None:
    """Reload whenever the repository's files changed, then stayed the same for `seconds`."""
    loaded = before = None  # the files may have changed since they were read at the start
    while True:
        await asyncio.sleep(seconds)
        try:
            now = await asyncio.to_thread(repository.state)
        except StartupError as error:
            log.warning("the folder of models cannot be read: %s", error)
            continue
        if now == before and now != loaded:
            loaded = now
            await _reload_or_log(host)
        before = now


async def _reload_or_log(host: ModelHost) -> None:
    try:
        await host.reload()
    except StartupError as error:
        log.warning("the models cannot be reloaded: %s", error)
