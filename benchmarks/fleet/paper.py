"""How many cameras a board carries on paper: bounds that no schedule exceeds, docs/capacity.md."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.service_times import ServiceTimes
from fleet.simulation import Setting

BITS = 8


@dataclass(frozen=True)
class Bounds:
    """The cameras that each part of a board carries at most, if `share` of the frames get results.

    A camera sends `fps` frames a second, and the front receives all of them.
    """

    cores: float
    front: float
    link: float

    @property
    def lowest(self) -> float:
        """The cameras that the board carries at most."""
        return min(self.cores, self.front, self.link)


def bounds(times: ServiceTimes, setting: Setting, share: float) -> Bounds:
    """The bounds of a board with several engines, each with one thread."""
    front = times.front_frame + share * times.front_result
    return Bounds(
        cores=setting.cores / (setting.fps * (front + share * times.engine)),
        front=1 / (setting.fps * front) if front else float("inf"),
        link=setting.bytes_a_second / (setting.fps * times.frame_bytes),
    )


def mean_wait(service: float, load: float) -> float:
    """The mean wait before one engine whose frames take `service` seconds, for random arrivals.

    M/D/1, by Pollaczek and Khinchine: load * service / (2 * (1 - load)). Cameras arrive less
    randomly, so they wait less.
    """
    return load * service / (2 * (1 - load))
