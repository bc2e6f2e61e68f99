"""Engines of the built-in model, started without a daemon."""

from __future__ import annotations

from pathlib import Path

from edgesegd.delegates.spec import Choice
from edgesegd.ipc.messages import EngineSetup
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model
from edgesegd.models.spec_message import to_message


def builtin_setup(choice: Choice, *, slots: int) -> EngineSetup:
    """What the front tells an engine that is to run the built-in model."""
    model = read_model(resolve_model("builtin", Path()))
    return EngineSetup(
        model=to_message(model),
        runtime="auto",
        delegate=choice[0],
        threads=choice[1],
        max_pixels=10**6,
        decode_seconds=60.0,
        slots=slots,
        slot_size=1 << 20,
        reuse_bytes=1 << 22,
    )
