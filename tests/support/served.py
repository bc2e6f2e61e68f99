"""Models that are served without an engine, for tests of what is before the engines."""

from __future__ import annotations

from edgesegd.models.spec import ModelSpec
from edgesegd.scheduling.scheduler import Scheduler
from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel
from support.counted import Counted


def served(spec: ModelSpec, observer: Counted | None = None) -> ServedModel:
    """A model whose frames wait until the test takes them."""
    return ServedModel(spec, Scheduler(), observer or Counted())


def registry_of(*models: ServedModel) -> ModelRegistry:
    """All of them, of which the first is the default."""
    registry = ModelRegistry(models[0].name)
    for model in models:
        registry.add(model)
    return registry
