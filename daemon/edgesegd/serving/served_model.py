"""A model as those see it who have frames for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgesegd.ipc.messages import EngineReady
from edgesegd.models.spec import ModelSpec
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.serving.model_counts import ModelCounts
from edgesegd.serving.observer import FrameObserver


@dataclass(slots=True, eq=False)
class ServedModel:
    """One model, whatever version of it serves.

    `spec` is that of the version that serves now, and changes with it; the `scheduler` stays, so
    that no frame that waits is lost. The `observer` is told what becomes of each frame, and
    `counts` counts it. `ready` gives what an engine that is ready said of itself, None while none
    is; a model that `serves` all the same has given it back, and the next frame brings it. One that
    is `unloaded` takes no more frames, though streams that were opened before may refer to it.
    """

    spec: ModelSpec
    scheduler: Scheduler
    observer: FrameObserver
    ready: Callable[[], EngineReady | None] = lambda: None
    serves: Callable[[], bool] = lambda: False
    counts: ModelCounts = field(default_factory=ModelCounts)
    unloaded: bool = False

    @property
    def name(self) -> str:
        """What clients call it."""
        return self.spec.name
