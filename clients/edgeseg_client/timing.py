"""How long each stage of a frame took in the daemon."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The duration of each stage of one frame in the daemon, in seconds.

    Stages that were not reached are 0. `received_unix_ns` and `sent_unix_ns` are by the daemon's
    clock, in nanoseconds since the Unix epoch.
    """

    queued: float
    """Waiting for the engine."""
    decode: float
    """From bytes to pixels."""
    preprocess: float
    """From pixels to the model's input."""
    invoke: float
    """Running the model."""
    labels: float
    """From the model's output to class ids."""
    encode: float
    """From class ids to the outputs that were asked for."""
    received_unix_ns: int
    """When the daemon had the whole frame."""
    sent_unix_ns: int
    """When the daemon sent the response."""

    @property
    def total(self) -> float:
        """Seconds from when the daemon had the whole frame to when it sent the response."""
        return (self.sent_unix_ns - self.received_unix_ns) / 1e9
