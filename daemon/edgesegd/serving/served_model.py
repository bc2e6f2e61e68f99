"""A model as the protocols see it: its facts, its scheduler, its observer."""

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
    """One model, in the version that serves.

    `spec` changes when another version serves; the `scheduler` stays, so that no waiting frame is
    lost. The `observer` is notified of the outcome of each frame, and `counts` counts it. `ready`
    returns what a ready engine reported about itself; None while no engine is ready. `serves` is
    also true while the model sleeps: it has no engine then, but the next frame starts one.
    `degraded` is true while a lesser delegate than the best one runs it. A model that is `unloaded`
    takes no more frames, although older streams may still refer to it.
    """

    spec: ModelSpec
    scheduler: Scheduler
    observer: FrameObserver
    ready: Callable[[], EngineReady | None] = lambda: None
    serves: Callable[[], bool] = lambda: False
    degraded: Callable[[], bool] = lambda: False
    counts: ModelCounts = field(default_factory=ModelCounts)
    unloaded: bool = False

    @property
    def name(self) -> str:
        """The name by which clients ask for it."""
        return self.spec.name
