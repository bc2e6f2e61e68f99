"""The built-in model, which every runtime runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from edgesegd.models.reading import read_model
from edgesegd.models.spec import ModelSpec


@pytest.fixture(scope="session")
def model() -> ModelSpec:
    return read_model(resolve_model(BUILTIN, Path("/nowhere")))
