"""Loads, replaces and unloads models while other models serve."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence

from edgesegd.core.errors import (
    EdgesegError,
    ModelInvalid,
    ModelMissing,
    StartupError,
    UnknownModel,
)
from edgesegd.core.log_fields import log_fields
from edgesegd.models.catalogue.repository import ModelRepository, ModelSource
from edgesegd.models.kept import KeptModel
from edgesegd.models.pair import ModelPair
from edgesegd.models.spec import ModelSpec
from edgesegd.serving.model_runner import ModelRunner
from edgesegd.serving.registry import ModelRegistry

log = logging.getLogger(__name__)

Report = Callable[[str], None]
"""Is called with one sentence for each thing that was done."""


class ModelHost:
    """Runs the models of `registry`, which come from `repository`.

    `make_runner` makes the runner of a new model. `forget` is called with the name of a model that
    is no longer served. Files are read in threads, so that other models are served meanwhile.
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
        self._offered: dict[str, ModelSpec] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()

    def __iter__(self) -> Iterator[ModelRunner]:
        """The runner of each model, in the registry's order."""
        return iter([self._runners[model.name] for model in self._registry])

    async def start(
        self, pairs: Sequence[ModelPair], *, required: Container[str], asleep: bool
    ) -> None:
        """Start the default model, which is the first, then the others.

        With `asleep`, the others are started with their first frame. Raises a StartupError if the
        default model, or one whose name is in `required`, cannot be started; for another model it
        is logged.
        """
        self._offered = {pair.served.name: pair.served for pair in pairs}
        for number, pair in enumerate(pairs):
            try:
                await self._add(KeptModel.of(pair), asleep=asleep and number > 0)
            except StartupError as error:
                if number == 0 or pair.served.name in required:
                    raise
                name = pair.served.name
                fields = log_fields(model=name, cause="start")
                log.warning("the model %s is not served: %s", name, error, extra=fields)

    async def run(self) -> None:
        """Serve until cancelled; raises only if the daemon itself has a fault."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for runner in self._runners.values():
                self._run(runner)
            await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """End all engines."""
        await asyncio.gather(*(runner.close() for runner in self._runners.values()))

    async def load(self, source: ModelSource) -> str:
        """Serve a model, instead of the present version if it is served; returns what was done.

        Raises a StartupError if it cannot be served; then the present version goes on.
        """
        async with self._changing:
            return await self._load(source)

    async def load_named(self, name: str, version: str = "") -> str:
        """Like `load`, with a model from the repository."""
        async with self._changing:
            with self._counting_failures(name):
                source = await asyncio.to_thread(self._repository.find, name, version)
            return await self._load(source)

    async def reload(self, name: str = "", report: Report = lambda _: None) -> None:
        """Load what is new in the repository; with a name, load what it has of that model now.

        A model that was unloaded, or whose version was rolled back, stays so until its source
        offers another version. A model whose file is gone stays served. `report` is called for each
        model. Raises ModelMissing if the repository has no model of that name, ConfigError if the
        folder cannot be read, and ModelInvalid at the end if some models could not be loaded.
        """
        if name:
            report(await self.load_named(name))
            return
        async with self._changing:
            sources = await asyncio.to_thread(self._repository.sources)
            failed = 0
            for source in sources:
                try:
                    report(await self._load_if_new(source))
                except StartupError as error:
                    failed += 1
                    log.warning("a model is not loaded: %s", error)
                    report(f"not loaded: {error}")
            if failed:
                raise ModelInvalid(f"{failed} of {len(sources)} models could not be loaded")

    async def _load_if_new(self, source: ModelSource) -> str:
        """Load a source, unless it offered the same version before."""
        with self._counting_failures(source.served_as):
            pair = await asyncio.to_thread(source.read)
            if self._offered.get(source.served_as) == pair.served:
                return f"{source.served_as} {pair.served.version} is not new"
            self._offered[source.served_as] = pair.served
            return await self._serve_read(pair)

    async def _load(self, source: ModelSource) -> str:
        with self._counting_failures(source.served_as):
            pair = await asyncio.to_thread(source.read)
            if source in await asyncio.to_thread(self._repository.newest, source.served_as):
                self._offered[source.served_as] = pair.served
            return await self._serve_read(pair)

    async def _serve_read(self, pair: ModelPair) -> str:
        """Serve what was read, unless it is what serves."""
        runner = self._runners.get(pair.served.name)
        if runner is not None and pair.served == runner.spec:
            return f"{pair.served.name} {pair.served.version} is already served"
        return await self._serve(await asyncio.to_thread(KeptModel.of, pair))

    @contextlib.contextmanager
    def _counting_failures(self, name: str) -> Iterator[None]:
        """Count a failure within the block as a version of that model that cannot serve."""
        try:
            yield
        except StartupError:
            if (runner := self._runners.get(name)) is not None:
                runner.swap_failed()
            raise

    async def rollback(self, name: str) -> str:
        """Serve the previous version again; raises a StartupError."""
        async with self._changing:
            runner = self._runner(name)
            if runner.previous is None:
                raise ModelMissing(f"the model {runner.name!r} has no previous version")
            return await self._serve(runner.previous)

    async def unload(self, name: str) -> str:
        """Stop serving a model: frames that wait are refused, frames in engines are answered.

        Raises UnknownModel.
        """
        async with self._changing:
            model = self._registry.remove(name)
            runner = self._runners.pop(model.name)

            def refuse() -> EdgesegError:
                return UnknownModel(f"the model {model.name!r} was unloaded")

            model.unloaded = True
            model.scheduler.drain(refuse)
            model.scheduler.fail_waiting(lambda _job: refuse())
            await runner.retire()
            # Frames of an engine that was lost meanwhile wait again.
            model.scheduler.fail_waiting(lambda _job: refuse())
            if (task := self._tasks.pop(model.name, None)) is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await runner.close()
            await self._forget(model.name)
            log.info("model %s is unloaded", model.name, extra=log_fields(model=model.name))
            return f"{model.name} is unloaded"

    async def _serve(self, kept: KeptModel) -> str:
        served = kept.pair.served
        runner = self._runners.get(served.name)
        if runner is None:
            await self._add(kept, asleep=False)
            log.info(
                "model %s: version %s is served",
                served.name,
                served.version,
                extra=log_fields(model=served.name),
            )
            return f"{served.name} {served.version} is served"
        try:
            await runner.replace(kept)
        except BaseException:
            if kept is not runner.previous:
                kept.close()
            raise
        return f"{served.name} {served.version} is served"

    async def _add(self, kept: KeptModel, *, asleep: bool) -> None:
        runner = self._make_runner(kept)
        if asleep:
            runner.sleep()
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
