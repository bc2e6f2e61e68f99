"""The RPCs that run no model: liveness, metadata, statistics, repository and shared memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc.aio

from edgeseg.inference import open_inference_pb2 as pb
from edgesegd.api.oip.metadata import model_config, model_metadata, server_metadata
from edgesegd.api.oip.repository import Repository
from edgesegd.api.oip.shared_memory import NoSharedMemory, Registration, SharedMemory
from edgesegd.api.oip.statistics import model_statistics
from edgesegd.api.peer import client_of
from edgesegd.api.wire import parser_of
from edgesegd.core.errors import UnknownModel
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

Context = grpc.aio.ServicerContext[Any, Any]


class ManagementRpcs:
    """Answers these RPCs; errors are raised. `draining` returns whether the daemon is stopping."""

    def __init__(
        self,
        *,
        models: ModelRegistry,
        shared_memory: SharedMemory | NoSharedMemory,
        repository: Repository,
        draining: Callable[[], bool],
    ) -> None:
        self._models = models
        self._shared_memory = shared_memory
        self._repository = repository
        self._draining = draining

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[Any, Any]]:
        """The handlers of the RPCs, by name."""
        answers: tuple[tuple[str, Any, type[Any]], ...] = (
            ("ServerLive", self.server_live, pb.ServerLiveRequest),
            ("ServerReady", self.server_ready, pb.ServerReadyRequest),
            ("ModelReady", self.model_ready, pb.ModelReadyRequest),
            ("ServerMetadata", self.server_metadata, pb.ServerMetadataRequest),
            ("ModelMetadata", self.model_metadata, pb.ModelMetadataRequest),
            ("ModelConfig", self.model_config, pb.ModelConfigRequest),
            ("ModelStatistics", self.model_statistics, pb.ModelStatisticsRequest),
            ("RepositoryIndex", self._repository.index, pb.RepositoryIndexRequest),
            ("RepositoryModelLoad", self._repository.load, pb.RepositoryModelLoadRequest),
            ("RepositoryModelUnload", self._repository.unload, pb.RepositoryModelUnloadRequest),
            ("SystemSharedMemoryStatus", self.memory_status, pb.SystemSharedMemoryStatusRequest),
            (
                "SystemSharedMemoryRegister",
                self.register_memory,
                pb.SystemSharedMemoryRegisterRequest,
            ),
            (
                "SystemSharedMemoryUnregister",
                self.unregister_memory,
                pb.SystemSharedMemoryUnregisterRequest,
            ),
        )
        return {
            name: grpc.unary_unary_rpc_method_handler(
                answer,
                request_deserializer=parser_of(kind),
                response_serializer=lambda response: response.SerializeToString(),
            )
            for name, answer, kind in answers
        }

    async def close(self) -> None:
        """Cancel loading and unloading of models that are not finished."""
        await self._repository.close()

    async def server_live(
        self, _request: pb.ServerLiveRequest, _context: Context
    ) -> pb.ServerLiveResponse:
        """Always true: a daemon that answers is live."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(
        self, _request: pb.ServerReadyRequest, _context: Context
    ) -> pb.ServerReadyResponse:
        """Whether there is at least one model, and all models are ready."""
        ready = list(map(self._is_ready, self._models))
        return pb.ServerReadyResponse(ready=bool(ready) and all(ready))

    async def model_ready(
        self, request: pb.ModelReadyRequest, _context: Context
    ) -> pb.ModelReadyResponse:
        """Whether a model is ready; for an unknown model False and no error, as in Triton."""
        try:
            model = self._models.find(request.name, request.version)
        except UnknownModel:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=self._is_ready(model))

    async def server_metadata(
        self, _request: pb.ServerMetadataRequest, _context: Context
    ) -> pb.ServerMetadataResponse:
        """The daemon's name and version, and the extensions that are enabled."""
        extensions = ["model_configuration", "statistics"]
        if self._repository.can_change:
            extensions.append("model_repository")
        if self._shared_memory.is_served:
            extensions.append("system_shared_memory")
        return server_metadata(extensions)

    async def model_metadata(
        self, request: pb.ModelMetadataRequest, _context: Context
    ) -> pb.ModelMetadataResponse:
        """The inputs and outputs of a model."""
        return model_metadata(self._models.find(request.name, request.version).spec)

    async def model_config(
        self, request: pb.ModelConfigRequest, _context: Context
    ) -> pb.ModelConfigResponse:
        """The inputs and outputs of a model, in the form that Triton's tools expect."""
        return model_config(self._models.find(request.name, request.version).spec)

    async def model_statistics(
        self, request: pb.ModelStatisticsRequest, _context: Context
    ) -> pb.ModelStatisticsResponse:
        """The statistics of all models, or of the one that the request names."""
        models = list(self._models)
        if request.name or request.version:
            models = [self._models.find(request.name, request.version)]
        return pb.ModelStatisticsResponse(model_stats=[model_statistics(model) for model in models])

    async def memory_status(
        self, request: pb.SystemSharedMemoryStatusRequest, context: Context
    ) -> pb.SystemSharedMemoryStatusResponse:
        """The regions that the client's user has registered, or one of them."""
        response = pb.SystemSharedMemoryStatusResponse()
        for registration in self._shared_memory.registered(client_of(context.peer()), request.name):
            status = response.regions[registration.name]
            status.name, status.key = registration.name, registration.key
            status.offset, status.byte_size = registration.offset, registration.size
        return response

    async def register_memory(
        self, request: pb.SystemSharedMemoryRegisterRequest, context: Context
    ) -> pb.SystemSharedMemoryRegisterResponse:
        """Register a region, so that requests can use it."""
        registration = Registration(request.name, request.key, request.offset, request.byte_size)
        self._shared_memory.register(client_of(context.peer()), registration)
        return pb.SystemSharedMemoryRegisterResponse()

    async def unregister_memory(
        self, request: pb.SystemSharedMemoryUnregisterRequest, context: Context
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        """Unregister one region, or all regions of the client's user."""
        self._shared_memory.unregister(client_of(context.peer()), request.name)
        return pb.SystemSharedMemoryUnregisterResponse()

    def _is_ready(self, model: ServedModel) -> bool:
        return model.serves() and not self._draining()
