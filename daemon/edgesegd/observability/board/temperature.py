"""How hot the board and its accelerators are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edgesegd.observability.board.sysfs import read_number, read_text

APEX = "apex"
"""The type of a Coral on PCIe. A Coral on USB has no sensor. One that has left the bus shows -87.9
degrees, which is given as it is: below -40 it is no temperature but a fault."""


class TemperatureCollector(Collector):
    """The temperature of each sensor below `sys`, the folder /sys; nothing where there is none.

    Sources: Documentation/ABI/testing/sysfs-class-thermal of Linux, which gives thousandths of a
    degree Celsius, as the driver of the Coral does in class/apex.
    """

    def __init__(self, sys: Path) -> None:
        self._sys = sys

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family, if there is a sensor."""
        family = GaugeMetricFamily(
            "edgeseg_board_temperature_celsius",
            "Temperature of each sensor of the board.",
            labels=["sensor", "type"],
        )
        for folder, kind in self._sensors():
            if (thousandths := read_number(folder / "temp")) is not None:
                family.add_metric([folder.name, kind], thousandths / 1000)
        if family.samples:
            yield family

    def _sensors(self) -> Iterator[tuple[Path, str]]:
        """The folder and the type of each."""
        for zone in sorted(self._sys.glob("class/thermal/thermal_zone*")):
            yield zone, read_text(zone / "type")
        for device in sorted(self._sys.glob("class/apex/apex_*")):
            yield device, APEX
