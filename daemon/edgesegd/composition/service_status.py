"""What the service manager shows of the daemon: one line on its models, delegates and rate."""

from __future__ import annotations

import time
from collections.abc import Callable

from edgesegd.serving.registry import ModelRegistry
from edgesegd.serving.served_model import ServedModel

MAX_MODELS = 3
"""Models that are described; the others are counted."""


class ServiceStatus:
    """Describes the models of `registry` each time that it is called.

    The rate counts the frames of all models since the last call, in frames per second of `clock`.
    """

    def __init__(
        self, registry: ModelRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._since, self._frames = clock(), registry.frames

    def __call__(self) -> str:
        """Such as "deeplabv3 1 on cpu; 12.3 frames/s"."""
        now, frames = self._clock(), self._registry.frames
        seconds = now - self._since
        # Models that were unloaded meanwhile take their count with them.
        rate = max(0, frames - self._frames) / seconds if seconds > 0 else 0.0
        self._since, self._frames = now, frames
        models = list(self._registry)
        parts = [_describe(model) for model in models[:MAX_MODELS]]
        if len(models) > MAX_MODELS:
            parts.append(f"{len(models) - MAX_MODELS} more models")
        return f"{', '.join(parts) or 'no model'}; {rate:.1f} frames/s"


def _describe(model: ServedModel) -> str:
    named = f"{model.name} {model.spec.version}"
    if (engine := model.ready()) is not None:
        worse = ", a better delegate is unhealthy" if model.degraded() else ""
        return f"{named} on {engine.delegate}{worse}"
    if model.serves():
        return f"{named} asleep"
    return f"{named} has no engine and is starting one"
