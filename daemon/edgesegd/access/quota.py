"""How much of a daemon the clients of one identity may use, and how that is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from edgesegd.core.errors import ConfigError
from edgesegd.core.priority import Priority

MAX_STREAMS: Final = 1_000_000
MAX_FRAMES: Final = 1_000_000
MAX_BYTES: Final = 1 << 50
MAX_MODELS, MAX_MODEL_NAME = 1024, 256
"""How many models a quota may name, and how many characters each name may have."""

LIMITS: Final = {
    "streams": "max_streams",
    "frames": "max_frames_per_second",
    "bytes": "max_bytes_per_second",
    "priority": "max_priority",
    "models": "models",
}
"""Each limit by a short name: the field of a quota, which is its key in the file too."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits for the clients of one identity, over all their connections; None for no limit.

    At most `max_streams` are open at a time. Frames and their bytes are counted over all streams
    and single images. No stream has a higher priority than `max_priority`. If there are `models`,
    clients may use only those of these names.
    """

    max_streams: int | None = None
    max_frames_per_second: float | None = None
    max_bytes_per_second: int | None = None
    max_priority: Priority | None = None
    models: tuple[str, ...] | None = None

    def given(self) -> dict[str, Any]:
        """Its limits as they are in the file, by the names of the fields; those that there are."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.name.lower() if isinstance(value, Priority) else value
            for name, value in values.items()
            if value is not None
        }


NO_LIMITS: Final = Quota()


def parse_quota(given: object) -> Quota:
    """The quota with these limits, by the names of its fields; raises ConfigError."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"a quota is a table of limits, not {_shown(given)}")
    for name in given:
        if name not in _PARSERS:
            raise ConfigError(
                f"a quota has no limit {_shown(name)}; there are {', '.join(_PARSERS)}"
            )
    return Quota(**{name: _PARSERS[name](name, value) for name, value in given.items()})


def _number(name: str, value: object, smallest: int, largest: int) -> int:
    if type(value) is int and smallest <= value <= largest:
        return value
    raise ConfigError(
        f"{name} is a whole number from {smallest} to {largest:,}, not {_shown(value)}"
    )


def _streams(name: str, value: object) -> int:
    return _number(name, value, 0, MAX_STREAMS)


def _frames(name: str, value: object) -> float:
    if isinstance(value, int | float) and type(value) is not bool and 0 < value <= MAX_FRAMES:
        return float(value)
    raise ConfigError(
        f"{name} is a number greater than 0, at most {MAX_FRAMES:,}, not {_shown(value)}"
    )


def _bytes(name: str, value: object) -> int:
    return _number(name, value, 1, MAX_BYTES)


def _priority(name: str, value: object) -> Priority:
    names = {each.name.lower(): each for each in Priority}
    if isinstance(value, str) and value in names:
        return names[value]
    raise ConfigError(f"{name} is one of {', '.join(names)}, not {_shown(value)}")


def _models(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_MODELS:
        raise ConfigError(f"{name} is a list of 1 to {MAX_MODELS} names, not {_shown(value)}")
    for each in value:
        if not isinstance(each, str) or not 0 < len(each) <= MAX_MODEL_NAME:
            raise ConfigError(
                f"{name} has names of 1 to {MAX_MODEL_NAME} characters, not {_shown(each)}"
            )
    return tuple(dict.fromkeys(value))


_PARSERS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "max_streams": _streams,
    "max_frames_per_second": _frames,
    "max_bytes_per_second": _bytes,
    "max_priority": _priority,
    "models": _models,
}


def _shown(value: object) -> str:
    """A value as it is in the message of an error, where a huge number has no digits."""
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return "a huge number"
    return f"{value!r:.80}"
