"""Asks the daemon now and then whether it is there, and what it serves."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from edgeseg_client.aio import AsyncClient
from edgeseg_client.errors import EdgesegClientError, Expired, InvalidRequest, Unavailable
from edgeseg_client.info import ModelInfo, ServerInfo
from edgeseg_client.view.changes import Changes

ASK_EVERY: Final = 2.0
"""Seconds between questions to a daemon that answers."""
TRY_EVERY: Final = 0.5
"""Seconds between tries to reach one that does not."""
ANSWER_SECONDS: Final = 1.5


class DaemonWatch:
    """Keeps what is known of the daemon; `changes` is notified when any of it changes.

    `client` must not try again by itself. `model` is the name of the model that the page uses,
    empty for the daemon's default. `info` is what the daemon said last. `trouble` is why
    nothing can be segmented now, or empty; `answers` is false if that is because nothing answers.
    """

    def __init__(self, client: AsyncClient, info: ServerInfo, model: str, changes: Changes) -> None:
        self.info = info
        self.trouble = ""
        self.answers = True
        self._client = client
        self._model = model
        self._changes = changes

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await asyncio.sleep(TRY_EVERY if self.trouble else ASK_EVERY)
            before = self.info, self.trouble, self.answers
            try:
                self.info = await self._client.info(timeout=ANSWER_SECONDS)
                self.answers, self.trouble = True, ""
                self.info.model(self._model)
            except InvalidRequest as error:  # it does not serve the model
                self.trouble = str(error)
            except EdgesegClientError as error:
                # Also one that refuses the token, for example, has answered.
                self.answers = not isinstance(error, Unavailable | Expired)
                self.trouble = str(error)
            if (self.info, self.trouble, self.answers) != before:
                self._changes.notify()

    def describe(self) -> dict[str, Any]:
        """What the page shows, ready for JSON."""
        model = next((one for one in self.info.models if self._model in {"", one.name}), None)
        return {
            "address": self._client.address,
            "trouble": self.trouble,
            "answers": self.answers,
            "version": self.info.version,
            "max_bytes": self.info.max_frame_bytes,
            "model": None if model is None else _describe(model),
        }


def _describe(model: ModelInfo) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "delegate": model.delegate,
        "runtime": model.runtime,
        "degraded": model.degraded,
        "input_size": list(model.input_size),
        "note": model.note,
    }
