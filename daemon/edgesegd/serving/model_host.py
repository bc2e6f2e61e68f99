"""Loads, replaces and unloads models while others serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence

from edgesegd.core.errors import EdgesegError, ModelMissing, StartupError, UnknownModel
from edgesegd.models.catalogue.repository import ModelRepository, ModelSource
from edgesegd.models.kept import KeptModel
from edgesegd.models.pair import ModelPair
from edgesegd.serving.model_runner import ModelRunner
from edgesegd.serving.registry import ModelRegistry

log = logging.getLogger(__name__)

Report = Callable[[str], None]
"""Is given what was done, a sentence each time."""


class ModelHost:
    """Runs the models of `registry`, which come from `repository`.

    `make_runner` makes what runs a model that is new, `forget` is called with the name of one that
    is served no more. Files are read in threads, so that other models serve on meanwhile.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        repository: ModelRepository,
        *,
        make_runner: Callable[[KeptModel], ModelRunner],
        forget: Callable[[str], Awaitable[None]],
    ) -> None:
        self._registry = registry
        self._repository = repository
        self._make_runner = make_runner
        self._forget = forget
        self._runners: dict[str, ModelRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()

    def __iter__(self) -> Iterator[ModelRunner]:
        """What runs each model, in the registry's order."""
        return iter([self._runners[model.name] for model in self._registry])

    async def start(self, pairs: Sequence[ModelPair], *, resting: bool) -> None:
        """Start the default model, which is the first; then the others, or let them rest.

        Raises a StartupError where the default one cannot be started. Another that cannot is
        logged.
        """
        default, *others = pairs
        await self._add(KeptModel.of(default), resting=False)
        for pair in others:
            try:
                await self._add(KeptModel.of(pair), resting=resting)
            except StartupError as error:
                log.warning("the model %s is not served: %s", pair.served.name, error)

    async def run(self) -> None:
        """Serve until cancelled; ends only where something fails by a fault of the daemon."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for runner in self._runners.values():
                self._run(runner)
            await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """End all engines."""
        await asyncio.gather(*(runner.close() for runner in self._runners.values()))

    async def load(self, source: ModelSource) -> str:
        """Serve a model, in place of the version of that name where one serves; what was done.

        Raises a StartupError where that cannot be; then what served before goes on.
        """
        async with self._changing:
            try:
                pair = await asyncio.to_thread(source.read)
                name, runner = pair.served.name, self._runners.get(pair.served.name)
                if runner is not None and pair.served == runner.spec:
                    return f"{name} {pair.served.version} serves already"
                return await self._serve(await asyncio.to_thread(KeptModel.of, pair))
            except StartupError:
                if (served := self._runners.get(source.name)) is not None:
                    served.swap_failed()
                raise

    async def load_named(self, name: str, version: str = "") -> str:
        """As `load`, from the repository."""
        return await self.load(await asyncio.to_thread(self._repository.find, name, version))

    async def reload(self, name: str = "", report: Report = lambda _: None) -> int:
        """Serve what is in the repository now, of the model of that name or of all.

        New models and versions are loaded; one whose file is gone serves on. Each is reported.
        Returns how many could not be had; raises ModelMissing for a name that is nowhere.
        """
        if name:
            sources: Sequence[ModelSource] = [await asyncio.to_thread(self._repository.find, name)]
        else:
            sources = await asyncio.to_thread(self._repository.sources)
        failed = 0
        for source in sources:
            try:
                report(await self.load(source))
            except StartupError as error:
                failed += 1
                log.warning("a model is not loaded: %s", error)
                report(f"not loaded: {error}")
        return failed

    async def watch(self, seconds: float) -> None:
        """Reload whenever the repository's files changed and stay as they are for so long."""
        loaded = before = None  # what was there at the start may have changed by now
        while True:
            await asyncio.sleep(seconds)
            try:
                now = await asyncio.to_thread(self._repository.state)
            except StartupError as error:
                log.warning("the models cannot be looked at: %s", error)
                continue
            if now == before and now != loaded:
                loaded = now
                await self.reload()
            before = now

    async def rollback(self, name: str) -> str:
        """Have the version serve again that served before; raises a StartupError."""
        async with self._changing:
            runner = self._runner(name)
            if runner.previous is None:
                raise ModelMissing(f"no version of {runner.name!r} served before the one that does")
            return await self._serve(runner.previous)

    async def unload(self, name: str) -> str:
        """Serve a model no more: frames that wait are refused, those in engines are answered.

        Raises UnknownModel.
        """
        async with self._changing:
            model = self._registry.remove(name)
            runner = self._runners.pop(model.name)

            def refuse() -> EdgesegError:
                return UnknownModel(f"the model {model.name!r} was unloaded")

            model.scheduler.drain(refuse)
            model.scheduler.fail_waiting(lambda _job: refuse())
            await runner.retire()
            if (task := self._tasks.pop(model.name, None)) is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await runner.close()
            await self._forget(model.name)
            log.info("model %s is unloaded", model.name)
            return f"{model.name} is unloaded"

    async def _serve(self, kept: KeptModel) -> str:
        served = kept.pair.served
        runner = self._runners.get(served.name)
        if runner is None:
            await self._add(kept, resting=False)
            log.info("model %s: version %s serves", served.name, served.version)
            return f"{served.name} {served.version} serves"
        try:
            await runner.replace(kept)
        except BaseException:
            if kept is not runner.previous:
                kept.close()
            raise
        return f"{served.name} {served.version} serves"

    async def _add(self, kept: KeptModel, *, resting: bool) -> None:
        runner = self._make_runner(kept)
        if resting:
            runner.rest()
        else:
            try:
                await runner.start()
            except BaseException:
                kept.close()
                await self._forget(runner.name)
                raise
        self._runners[runner.name] = runner
        self._registry.add(runner.model)
        self._run(runner)

    def _run(self, runner: ModelRunner) -> None:
        if self._group is not None:
            self._tasks[runner.name] = self._group.create_task(runner.run())

    def _runner(self, name: str) -> ModelRunner:
        return self._runners[self._registry.find(name).name]
