"""The initial metadata of a stream: the model that segments it."""

from __future__ import annotations

from urllib.parse import quote

from edgesegd.models.spec import ModelSpec

MODEL_KEY, VERSION_KEY = "edgeseg-model", "edgeseg-model-version"


def model_metadata(model: ModelSpec) -> tuple[tuple[str, str], ...]:
    """The name and the version of a model, percent-encoded, because names may not be ASCII."""
    return ((MODEL_KEY, quote(model.name)), (VERSION_KEY, quote(model.version)))
