"""The built-in model, which every runtime runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.core.model.reading import read_model
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.model.store import BUILTIN, resolve_model


@pytest.fixture(scope="session")
def model() -> ModelSpec:
    return read_model(resolve_model(BUILTIN, Path("/nowhere")))
