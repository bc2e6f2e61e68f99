"""Builds the service from its parts."""

from __future__ import annotations

from edgesegd.api.image_lanes import ImageLanes
from edgesegd.api.oip.management import ManagementRpcs
from edgesegd.api.oip.repository import ModelChanges, NoModelChanges, Repository
from edgesegd.api.oip.requests import RequestReader
from edgesegd.api.oip.service import InferenceService
from edgesegd.api.oip.shared_memory import NoSharedMemory, SharedMemory
from edgesegd.api.open_work import OpenWork
from edgesegd.core.call import CallObservers
from edgesegd.core.frame import FrameLimits
from edgesegd.scheduling.fair_limit import FairLimit
from edgesegd.serving.data_plane import DataPlane
from edgesegd.serving.model_host import ModelHost
from edgesegd.serving.registry import ModelRegistry


def make_inference_service(
    models: ModelRegistry,
    host: ModelHost,
    data_plane: DataPlane,
    *,
    limits: FrameLimits,
    images: ImageLanes,
    work: OpenWork,
    registrations: FairLimit | None,
    changes_models: bool,
    observers: CallObservers,
) -> InferenceService:
    """The Open Inference Protocol of `models`.

    `registrations` limits how many regions of shared memory are registered; None if clients may not
    register any. `changes_models` is whether clients may make `host` load and unload models.
    """
    shared_memory = NoSharedMemory() if registrations is None else SharedMemory(registrations)
    changes = ModelChanges(host) if changes_models else NoModelChanges()

    def draining() -> bool:
        return data_plane.draining

    return InferenceService(
        reader=RequestReader(models, limits, shared_memory),
        data_plane=data_plane,
        images=images,
        work=work,
        management=ManagementRpcs(
            models=models,
            shared_memory=shared_memory,
            repository=Repository(models, changes, draining=draining),
            draining=draining,
        ),
        observers=observers,
    )
