"""What a log record is about, as fields by which a log can be searched."""

from __future__ import annotations

FIELDS = ("model", "delegate", "cause")
"""The model's name, the delegate of the engine, and why it was lost (the cause in the metrics)."""


def log_fields(*, model: str = "", delegate: str = "", cause: str = "") -> dict[str, str]:
    """The `extra` of a call that logs; what is empty is not known, and has no field."""
    values = zip(FIELDS, (model, delegate, cause), strict=True)
    return {name: value for name, value in values if value}
