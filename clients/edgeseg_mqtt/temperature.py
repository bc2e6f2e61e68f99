"""The temperature of this board's processor, as Linux reports it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

THERMAL: Final = Path("/sys/class/thermal")

_PROCESSORS: Final = ("cpu", "soc", "x86_pkg_temp", "coretemp", "k10temp", "bcm2835")
"""What the types of a processor's zones begin with; other zones are of batteries or radios."""


def read_temperature(folder: Path = THERMAL) -> float | None:
    """The hottest zone of the processor in degrees Celsius; None if it is not known.

    Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst; values are in 1/1000 degree.
    """
    found = []
    for zone in sorted(folder.glob("thermal_zone*")):
        try:
            if (zone / "type").read_text().strip().lower().startswith(_PROCESSORS):
                found.append(int((zone / "temp").read_text()) / 1000)
        except (OSError, ValueError):  # a sensor that is off reports an error
            continue
    return max(found, default=None)
