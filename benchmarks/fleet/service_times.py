"""What a frame costs on a board, in a file that can be made on one machine and used on another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path


class WrongFile(Exception):
    """A file with service times cannot be used."""


@dataclass(frozen=True)
class ServiceTimes:
    """The costs of a frame in seconds of CPU time, as `fleet/measure.py` measures them.

    The front and the client need `front_frame` and `client_frame` for every frame, and
    `front_result` and `client_result` more for one that gets a result. The engine needs `serial` on
    one core for decoding, resizing, labels and encoding, and `invoke` on one core, or
    `invoke_all_cores` on all of them together. `spread` are quantiles, at equal distances, of the
    engine's time for a frame as a ratio to its mean. `wake_ups` are such quantiles of the part of
    an idle daemon's latency that is no CPU time: processes that wake up, in seconds. `stages` are
    the medians of each stage of the daemon with one thread, in seconds. A frame has `frame_bytes`.
    `proxies` are seconds of CPU time of a proxy for each frame, with its answer. `others` is how
    many cores other programs used meanwhile: with more than a few hundredths the times are not to
    be trusted.
    """

    machine: str
    inputs: str
    cores: int
    frame_bytes: int
    front_frame: float
    front_result: float
    client_frame: float
    client_result: float
    serial: float
    invoke: float
    invoke_all_cores: float
    wake_ups: tuple[float, ...]
    others: float = 0.0
    spread: tuple[float, ...] = (1.0,)
    stages: dict[str, float] = field(default_factory=dict)
    proxies: dict[str, float] = field(default_factory=dict)

    @property
    def engine(self) -> float:
        """Of the engine for a result, on one core."""
        return self.serial + self.invoke

    def write(self, path: Path) -> None:
        """Write the file; raises OSError."""
        path.write_text(f"{json.dumps(asdict(self), indent=2)}\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> ServiceTimes:
        """Read a file; raises OSError, or WrongFile if it is not such a file."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise WrongFile(f"{path} is no JSON: {error}") from None
        names = {each.name for each in fields(cls)}
        if not isinstance(found, dict) or found.keys() != names:
            differs = sorted(names ^ found.keys()) if isinstance(found, dict) else "it is no object"
            raise WrongFile(f"{path} has no service times of this version: {differs}")
        _check(path, found)
        return cls(
            **{**found, "spread": tuple(found["spread"]), "wake_ups": tuple(found["wake_ups"])}
        )


_TEXTS = ("machine", "inputs")
_POSITIVE = ("cores", "frame_bytes", "serial", "invoke", "invoke_all_cores")
_QUANTILES = ("spread", "wake_ups")
_BY_NAME = ("stages", "proxies")


def _check(path: Path, found: dict[str, object]) -> None:
    """Raise WrongFile for values that no machine has."""
    for name, value in found.items():
        if name in (*_TEXTS, *_QUANTILES, *_BY_NAME):
            continue
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if number is None or number < 0 or (name in _POSITIVE and not number):
            raise WrongFile(f"{path}: {name} is a number of seconds, bytes or cores, not {value!r}")
    if not isinstance(found["cores"], int):
        raise WrongFile(f"{path}: cores is a whole number, not {found['cores']!r}")
    for name in _QUANTILES:
        values = found[name]
        if not isinstance(values, list) or not values or not all(map(_is_not_negative, values)):
            raise WrongFile(f"{path}: {name} is a list of numbers, 0 or more, not {values!r}")
    for name in _BY_NAME:
        times = found[name]
        if not isinstance(times, dict) or not all(map(_is_not_negative, times.values())):
            raise WrongFile(f"{path}: {name} is seconds by name, not {times!r}")


def _is_not_negative(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
