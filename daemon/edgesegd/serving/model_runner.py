"""Runs one model: starts the version that serves, replaces it, lets it sleep and wakes it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from edgesegd.concurrency.background_tasks import BackgroundTasks
from edgesegd.core.errors import DeviceInUse, ModelInvalid, NoEngine, StartupError
from edgesegd.core.log_fields import log_fields
from edgesegd.delegates.selection import Selection
from edgesegd.models.kept import KeptModel
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.served_model import ServedModel
from edgesegd.serving.version_engines import VersionEngines
from edgesegd.supervision.backoff import Backoff

log = logging.getLogger(__name__)

FIRST_RETRY, MAX_RETRY = 1.0, 60.0
"""Pauses between tries to start a sleeping model's engines, in seconds, doubled each time."""


MakeVersion = Callable[[KeptModel, Selection | None], VersionEngines]


class RunnerObserver(Protocol):
    """Is notified which version of a model serves, and whether it sleeps."""

    def tries(self, model: ModelSpec) -> None:
        """The version `model` is being started, to replace another one if it can serve."""

    def serves(self, model: ModelSpec) -> None:
        """The version `model` serves from now on."""

    def sleeps(self, asleep: bool) -> None:
        """The model has no engine any more because it has no frames, or has one again."""

    def start_failed(self) -> None:
        """The model has frames, but no engine could be started for them."""

    def swapped(self, *, succeeded: bool) -> None:
        """Another version replaced the one that serves, or could not (`succeeded` is False)."""


class ModelRunner:
    """Keeps one version of `model` serving, from `start` to the end of `run`.

    `make_version` makes the engines of a version and starts none yet; if no delegates were measured
    for the version, it uses those of the version that serves. After `idle_seconds` without a frame
    the engines are stopped; the next frame starts them again. 0 keeps them running. `previous` is
    the version that served before; `replace` can make it serve again.
    """

    def __init__(
        self,
        model: ServedModel,
        kept: KeptModel,
        *,
        make_version: MakeVersion,
        observer: RunnerObserver,
        idle_seconds: float = 0.0,
    ) -> None:
        self.model = model
        self.kept = kept
        self.previous: KeptModel | None = None
        self._make_version = make_version
        self._observer = observer
        self._idle_seconds = idle_seconds
        self._version: VersionEngines | None = None
        self._selection: Selection | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closing = BackgroundTasks()
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        self._woken = asyncio.Event()
        self._failed = False

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def spec(self) -> ModelSpec:
        """The spec of the version that serves."""
        return self.kept.pair.served

    @property
    def is_asleep(self) -> bool:
        """Whether it has no engine because it has no frames."""
        return self._version is None

    def sleep(self) -> None:
        """Start no engine until the first frame arrives; call this instead of `start`."""
        self._observer.serves(self.spec)
        self._observer.sleeps(True)

    async def start(self) -> None:
        """Start the first engine; raises a StartupError that the operator can act on."""
        self._version = await self._started(self.kept)
        self._observer.serves(self.spec)

    async def run(self) -> None:
        """Serve until cancelled; raises only if the daemon itself has a fault."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._run_version()
            if self._idle_seconds or self.is_asleep:
                group.create_task(self._sleep_and_wake())
            await asyncio.get_running_loop().create_future()

    async def replace(self, kept: KeptModel) -> None:
        """Replace the version that serves between two frames.

        The new version is started first. Then the present one answers the frames that its engines
        have, and the new one takes over. Raises a StartupError if the new version does not start,
        and ModelInvalid if open streams could not use it; then the present version goes on.
        """
        async with self._changing:
            new = kept.pair.served
            self._observer.tries(new)
            require_exchangeable(self.spec, new)
            try:
                version = await self._started(kept)
            except DeviceInUse as error:
                log.info("%s: version %s ends first", error, self.spec.version)
                version = await self._started_after(kept)
            await self._stop_version()
            if self.previous is not None and self.previous is not kept:
                self.previous.close()
            self._version, self.previous, self.kept = version, self.kept, kept
            self.model.spec = new
            self._observer.serves(new)
            self._observer.sleeps(False)
            self._run_version()
            self._woken.set()
            self._observer.swapped(succeeded=True)
            log.info(
                "model %s: version %s is served",
                self.name,
                new.version,
                extra=log_fields(model=self.name),
            )

    def swap_failed(self) -> None:
        """Report that another version could not be loaded; the present one goes on."""
        self._observer.swapped(succeeded=False)

    async def retire(self) -> None:
        """Take no more frames, and wait until those in engines are answered."""
        async with self._changing:
            await self._stop_version()

    async def close(self) -> None:
        """End all engines."""
        if self._version is not None:
            await self._version.close()
            self._version = None
        await self._closing.wait()
        for kept in filter(None, (self.kept, self.previous)):
            kept.close()

    async def _started_after(self, kept: KeptModel) -> VersionEngines:
        """Start a version after the one that serves has ended, because they need the same device.

        Frames wait meanwhile. If the new version does not start, the old one serves again.
        """
        await self._stop_version()
        await self._closing.wait()
        try:
            return await self._started(kept)
        except BaseException:
            self._version = self._make_version(self.kept, self._selection)
            self._run_version()
            raise

    async def _started(self, kept: KeptModel) -> VersionEngines:
        if self._version is not None:
            self._selection = self._version.selection
        version = self._make_version(kept, self._selection)
        try:
            await version.start()
        except BaseException:
            await version.close()
            raise
        return version

    def _run_version(self) -> None:
        if self._group is not None and self._version is not None:
            self._serving = self._group.create_task(self._version.run())

    async def _stop_version(self) -> None:
        """Wait until no engine of the version has a frame; the engines end in a separate task."""
        version, serving = self._version, self._serving
        self._version = self._serving = None
        if version is None:
            return
        self._selection = version.selection
        await version.retire()
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        self._closing.start(version.close())

    async def _sleep_and_wake(self) -> None:
        """Stop the engines when there are no frames, and start them again for the next one."""
        retry = Backoff(first=FIRST_RETRY, maximum=MAX_RETRY)
        while self._idle_seconds or self.is_asleep:
            if not self.is_asleep:
                await self._sleep_when_idle()
            elif self._failed or await self._needed():
                await asyncio.sleep(retry.next() if self._failed else 0)
                if await self._wake():
                    retry.reset()

    async def _sleep_when_idle(self) -> None:
        """Stop the engines once no frame arrived for a while, and no delegate is being chosen."""
        await self.model.scheduler.unused(self._idle_seconds)
        if self._version is not None:
            await self._version.wait_until_chosen()
        async with self._changing:
            if self.model.scheduler.unused_seconds < self._idle_seconds:
                return  # another version has just taken over
            await self._stop_version()
        log.info(
            "model %s: no frames, so its engines are stopped",
            self.name,
            extra=log_fields(model=self.name),
        )
        self._observer.sleeps(True)

    async def _needed(self) -> bool:
        """Wait until a frame arrives, or another version serves; whether engines are needed."""
        unwatch = self.model.scheduler.watch(self._woken.set)
        try:
            while self.is_asleep and not self.model.scheduler.depth:
                self._woken.clear()
                await self._woken.wait()
        finally:
            unwatch()
        return self.is_asleep

    async def _wake(self) -> bool:
        """Start the engines again; whether there are engines now."""
        async with self._changing:
            if not self.is_asleep:  # another version was started meanwhile
                self._failed = False
                return True
            try:
                self._version = await self._started(self.kept)
            except StartupError as error:
                if not self._failed:
                    log.warning(
                        "model %s cannot be started again: %s",
                        self.name,
                        error,
                        extra=log_fields(model=self.name, cause="start"),
                    )
                failure = NoEngine(f"the model {self.name!r} cannot be started: {error}")
                self.model.scheduler.fail_waiting(lambda _job: failure)
                self._failed = True
                self._observer.start_failed()
                return False
            if self._failed:
                log.info("model %s serves again", self.name, extra=log_fields(model=self.name))
            self._failed = False
            self._observer.sleeps(False)
            self._run_version()
            return True


def require_exchangeable(old: ModelSpec, new: ModelSpec) -> None:
    """Raise ModelInvalid if clients of `old` could not go on with `new`.

    Clients with open streams know the size of the masks, the classes, and whether there are scores.
    """
    for what, before, after, is_kept in (
        ("masks", *map(_size, (old, new)), old.output_size == new.output_size),
        ("classes", len(old.classes), len(new.classes), len(new.classes) >= len(old.classes)),
        ("scores", *map(_scores, (old, new)), new.has_scores or not old.has_scores),
    ):
        if not is_kept:
            raise ModelInvalid(
                f"{new.path} cannot replace version {old.version} of {old.name!r} while streams "
                f"may be open: its {what} are {after}, those of {old.version} are {before}; serve "
                f"it under another name, or unload {old.name!r} first"
            )


def _size(model: ModelSpec) -> str:
    return "{}x{}".format(*model.output_size)


def _scores(model: ModelSpec) -> str:
    return "given" if model.has_scores else "not given"
