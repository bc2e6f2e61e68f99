"""Why a picture has no mask."""

from enum import Enum


class NoMask(Enum):
    """The reasons; the values are names in the property `stats`."""

    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    LATE = "late"
    AWAY = "away"
    FAILED = "failed"
