"""The models that are served, by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from edgesegd.core.errors import UnknownModel
from edgesegd.serving.served_model import ServedModel

SERVING_FACTOR = 3.0
"""How long frames are served after a moment without frames, as a multiple of that moment."""
MAX_NAMED = 20
"""Names that an error lists; it counts the others."""


class ModelRegistry:
    """All models that are served; frames that name no model are for the one called `default`."""

    def __init__(self, default: str = "") -> None:
        self.default = default
        self._models: dict[str, ServedModel] = {}

    def __iter__(self) -> Iterator[ServedModel]:
        """The default one first, then the others by name."""
        others = sorted(self._models.keys() - {self.default})
        names = [self.default, *others] if self.default in self._models else others
        return iter([self._models[name] for name in names])

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def add(self, model: ServedModel) -> None:
        """Serve a model by its name."""
        self._models[model.name] = model

    def remove(self, name: str) -> ServedModel:
        """Remove a model and return it; raises UnknownModel."""
        model = self.find(name)
        return self._models.pop(model.name)

    def find(self, name: str = "", version: str = "") -> ServedModel:
        """The model of that name, "" for the default one; raises UnknownModel.

        If a `version` is given, it must be the one that serves.
        """
        model = self._models.get(name or self.default)
        if model is None:
            raise UnknownModel(f"no model {name or self.default!r} is served; {self._there_are()}")
        if version and version != model.spec.version:
            raise UnknownModel(
                f"no version {version!r} of the model {model.name!r} is served; "
                f"version {model.spec.version!r} is"
            )
        return model

    @property
    def frames(self) -> int:
        """How many frames engines have been given so far."""
        return sum(model.scheduler.frames for model in self)

    async def unused(self, seconds: float) -> None:
        """Wait until no model has had a frame for `seconds`."""
        while any(model.scheduler.unused_seconds < seconds for model in self):
            for model in tuple(self):
                await model.scheduler.unused(seconds)

    @contextlib.asynccontextmanager
    async def moment_without_frames(self) -> AsyncIterator[None]:
        """Keep frames from all engines within the block; after it, frames are served for a while.

        The block begins when no engine has a frame. If frames wait at its end, the pause after it
        is SERVING_FACTOR times as long as frames were kept from engines.
        """
        loop = asyncio.get_running_loop()
        schedulers = [model.scheduler for model in self]
        begun = loop.time()
        async with contextlib.AsyncExitStack() as stack:
            for scheduler in schedulers:
                await stack.enter_async_context(scheduler.exclusive())
            yield
            seconds = loop.time() - begun
            frames_wait = any(scheduler.depth for scheduler in schedulers)
        if frames_wait:
            await asyncio.sleep(SERVING_FACTOR * seconds)

    def _there_are(self) -> str:
        names = [repr(model.name) for model in self]
        if not names:
            return "there is none"
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        return f"there {'are' if names[1:] else 'is'} {', '.join(names[:MAX_NAMED])}{more}"
