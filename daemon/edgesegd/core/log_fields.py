"""What a log record is about, as fields by which a log can be searched."""

from __future__ import annotations

from collections.abc import Mapping

FIELDS = ("model", "delegate", "cause", "peer", "stream", "frames", "reason")
"""The model's name, the delegate of the engine, and why it was lost (the cause in the metrics); of
a stream its client, its name, its frames by outcome, and why it ended."""

Field = str | Mapping[str, int]


def log_fields(
    *,
    model: str = "",
    delegate: str = "",
    cause: str = "",
    peer: str = "",
    stream: str = "",
    frames: Mapping[str, int] | None = None,
    reason: str = "",
) -> dict[str, Field]:
    """The `extra` of a call that logs; what is empty is not known, and has no field."""
    values = zip(FIELDS, (model, delegate, cause, peer, stream, frames, reason), strict=True)
    return {name: value for name, value in values if value}
