"""The protocols that the daemon speaks: `edgeseg.v1` and the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable, Collection

from edgesegd.access.tokens import INFER, MODELS
from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.oip.assembly import make_inference_service
from edgesegd.api.oip.names import (
    CHANGE_MODELS,
    HEALTH_CHECKS,
    MODEL_STREAM_INFER,
    WITH_FRAMES,
    is_oip,
)
from edgesegd.api.oip.names import SERVICE_NAME as OIP_SERVICE_NAME
from edgesegd.api.oip.status import OIP_STATUS_OF
from edgesegd.api.open_work import OpenWork
from edgesegd.api.region_leases import RegionLeases
from edgesegd.api.server import Service
from edgesegd.api.status import STATUS_OF, StatusTable
from edgesegd.api.v1.info import server_info
from edgesegd.api.v1.names import SERVICE_NAME
from edgesegd.api.v1.request_reader import RequestReader
from edgesegd.api.v1.service import SegmentationService
from edgesegd.core.call import CallObservers
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry

SERVICES = (SERVICE_NAME, OIP_SERVICE_NAME)
"""The full names of their services."""
LARGE_MESSAGES = (f"/{SERVICE_NAME}/", *WITH_FRAMES)
"""Prefixes of the methods that take frames."""
OPENED_EARLY = (MODEL_STREAM_INFER,)
"""The methods whose clients may open a stream long before they use it, as tritonclient's
`start_stream` does."""


def status_table(method: str) -> StatusTable:
    """The statuses of a method's protocol."""
    return OIP_STATUS_OF if is_oip(method) else STATUS_OF


PUBLIC_SERVICES: dict[str, tuple[str, ...]] = {
    "health": ("/grpc.health.", *HEALTH_CHECKS),
    "reflection": ("/grpc.reflection.",),
}
"""How the methods of services that may be public begin, by the option's name for each."""


def required_scope(method: str, public: Collection[str]) -> str | None:
    """What a token must be for to call `method`; empty for anything, None if it needs no token.

    `public` are the services that need no token.
    """
    for name, prefixes in PUBLIC_SERVICES.items():
        if method.startswith(prefixes):
            return None if name in public else ""
    return MODELS if method in CHANGE_MODELS else INFER


class Protocols:
    """The services of all protocols, over one data plane.

    `images` are the lanes of single images, `work` the open calls, `regions` the leased memory, and
    `memory_socket` returns the path of the socket on which it is leased. `registrations` limits the
    shared memory that clients register; None if they may not register any. `changes_models` is
    whether clients may make `host` load and unload models. `observers` are notified of calls for
    frames.
    """

    def __init__(
        self,
        models: ModelRegistry,
        host: ModelHost,
        data_plane: DataPlane,
        *,
        images: ImageLanes,
        work: OpenWork,
        regions: RegionLeases,
        memory_socket: Callable[[], str],
        registrations: FairLimit | None,
        changes_models: bool,
        observers: CallObservers,
    ) -> None:
        limits = data_plane.limits
        self._segmentation = SegmentationService(
            reader=RequestReader(models, limits, regions),
            data_plane=data_plane,
            images=images,
            work=work,
            server_info=lambda: server_info(models, limits, memory_socket()),
            observers=observers,
        )
        self._inference = make_inference_service(
            models,
            host,
            data_plane,
            limits=limits,
            images=images,
            work=work,
            registrations=registrations,
            changes_models=changes_models,
            observers=observers,
        )

    @property
    def services(self) -> dict[str, Service]:
        """Each service by its full name."""
        return {SERVICE_NAME: self._segmentation, OIP_SERVICE_NAME: self._inference}

    async def close(self) -> None:
        """Cancel the loading and unloading of models that clients asked for."""
        await self._inference.close()
