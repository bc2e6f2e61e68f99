"""When an image was captured, from the stamp of its header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

CaptureTime: TypeAlias = Literal["auto", "stamp", "receipt"]

_NS: Final = 1_000_000_000
_MAX_BELIEVED_NS: Final = 10 * _NS
"""A stamp that is further back is not one of this machine's clock, but of a recording or a
simulation: no transport that is of use to a robot delays an image for so long."""
_MAX_AHEAD_NS: Final = _NS


class Stamp(Protocol):
    """A `builtin_interfaces/Time`."""

    sec: int
    nanosec: int


def nanoseconds(stamp: Stamp) -> int:
    """The stamp in nanoseconds."""
    return stamp.sec * _NS + stamp.nanosec


@dataclass(frozen=True, slots=True)
class CaptureClock:
    """Finds out how old an image is when it arrives.

    With `stamp` the header's stamp counts, by the node's clock. With `receipt` an image is new when
    the node gets it. `auto` is `stamp`, unless the stamp cannot be one of the wall clock: time is
    simulated, or the stamp is more than 10 s old or 1 s ahead.
    """

    mode: CaptureTime = "auto"

    def captured_unix_ns(
        self, stamp_ns: int, *, ros_now_ns: int, wall_now_ns: int, simulated: bool
    ) -> int | None:
        """The time of the capture by the wall clock; None means the moment of receipt."""
        if self.mode == "receipt":
            return None
        age = ros_now_ns - stamp_ns
        believable = not simulated and -_MAX_AHEAD_NS <= age <= _MAX_BELIEVED_NS
        if self.mode == "auto" and not believable:
            return None
        return wall_now_ns - age
