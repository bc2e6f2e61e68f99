"""The repository RPCs: list models; load and unload them if the operator allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import grpc.aio

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.call_quota import quota_of_call
from edgesegd.core.errors import (
    ConfigError,
    Draining,
    InvalidOptions,
    ModelMissing,
    StartupError,
    Unimplemented,
    UnknownModel,
)
from edgesegd.models.names import check_name
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
READY, UNAVAILABLE = "READY", "UNAVAILABLE"
UNLOAD_DEPENDENTS = "unload_dependents"
"""A parameter of unloading without effect, because no model depends on another here."""


class NoModelChanges:
    """Refuses to load and unload models, because the operator does not allow it."""

    is_allowed = False

    async def load(self, name: str) -> None:
        """Raises Unimplemented."""
        raise _not_allowed(name)

    async def unload(self, name: str) -> None:
        """Raises Unimplemented."""
        raise _not_allowed(name)

    async def close(self) -> None:
        """Do nothing."""


def _not_allowed(name: str) -> Unimplemented:
    return Unimplemented(
        f"clients may not load or unload {name!r}; to allow it, start the daemon with "
        "--oip-repository=allow"
    )


class ModelChanges:
    """Loads and unloads models of `host`; a change is completed even if its client leaves."""

    is_allowed = True

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[str]] = set()

    async def load(self, name: str) -> None:
        """Serve the model that the repository now has under that name.

        Raises UnknownModel if it has none, and InvalidOptions if the model cannot be served; then
        the present version still serves.
        """
        try:
            await self._run_to_completion(self._host.load_named(name))
        except ModelMissing as error:
            raise UnknownModel(f"failed to load {name!r}: {error}") from None
        except StartupError as error:
            raise InvalidOptions(f"failed to load {name!r}: {error}") from None

    async def unload(self, name: str) -> None:
        """Stop serving a model; raises UnknownModel."""
        await self._run_to_completion(self._host.unload(name))

    async def close(self) -> None:
        """Cancel the changes that are not finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_to_completion(self, change: Coroutine[Any, Any, str]) -> None:
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    def _done(self, task: asyncio.Task[str]) -> None:
        """Log a failure, because its client may have left."""
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), StartupError):
            log.warning("a model is not loaded: %s", error)


class Repository:
    """Answers the RPCs of Triton's model repository extension.

    `draining` returns whether the daemon is stopping.
    """

    def __init__(
        self,
        models: ModelRegistry,
        changes: ModelChanges | NoModelChanges,
        *,
        draining: Callable[[], bool],
    ) -> None:
        self._models = models
        self._changes = changes
        self._draining = draining

    @property
    def can_change(self) -> bool:
        """Whether models can be loaded and unloaded."""
        return self._changes.is_allowed

    async def close(self) -> None:
        """Cancel the changes that are not finished."""
        await self._changes.close()

    async def index(
        self, request: pb.RepositoryIndexRequest, _context: Context
    ) -> pb.RepositoryIndexResponse:
        """The models that are served."""
        _require_no_name(request.repository_name)
        index = [_describe(model) for model in self._models]
        return pb.RepositoryIndexResponse(
            models=[each for each in index if each.state == READY or not request.ready]
        )

    async def load(
        self, request: pb.RepositoryModelLoadRequest, _context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load a model; it replaces the version that is served."""
        name = self._checked(request.repository_name, request.model_name)
        if request.parameters:
            raise Unimplemented(
                "clients cannot send configurations or files; a model's configuration is its "
                "sidecar file in the repository"
            )
        await self._changes.load(name)
        return pb.RepositoryModelLoadResponse()

    async def unload(
        self, request: pb.RepositoryModelUnloadRequest, _context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Unload a model."""
        name = self._checked(request.repository_name, request.model_name)
        if set(request.parameters) - {UNLOAD_DEPENDENTS}:
            raise Unimplemented(f"the only parameter of unloading is {UNLOAD_DEPENDENTS}")
        await self._changes.unload(name)
        return pb.RepositoryModelUnloadResponse()

    def _checked(self, repository: str, model: str) -> str:
        _require_no_name(repository)
        try:
            check_name(model)
        except ConfigError as error:
            raise InvalidOptions(str(error)) from None
        quota_of_call().require_model(model)
        if self._draining():
            raise Draining("the daemon is stopping")
        return model


def _require_no_name(name: str) -> None:
    """Raise InvalidOptions if a request names a repository: the only one has no name."""
    if name:
        raise InvalidOptions(f"there is no repository {name!r}; leave the name out")


def _describe(model: ServedModel) -> pb.RepositoryIndexResponse.ModelIndex:
    serves = model.serves()
    return pb.RepositoryIndexResponse.ModelIndex(
        name=model.name,
        version=model.spec.version,
        state=READY if serves else UNAVAILABLE,
        reason="" if serves else "no engine is ready",
    )
