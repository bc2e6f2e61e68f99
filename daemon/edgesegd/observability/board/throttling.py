"""Whether the board slows its CPUs down, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edgesegd.observability.board.sysfs import read_number, read_text

FIRMWARE_FILE = "devices/platform/soc*/*firmware*/get_throttled"
FIRMWARE_CAUSES = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
"""What the lowest bits of a Raspberry Pi's `get_throttled` mean, from bit 0 on. Those from bit 16
on say the same of the time since the boot. Source: Raspberry Pi's documentation of `vcgencmd`."""
SUPPLY_SENSOR = "rpi_volt"
"""The hwmon device of a Raspberry Pi's supply. Kernels that are not its own have it, and no
`get_throttled`. Source: Documentation/hwmon/raspberrypi-hwmon.rst of Linux."""
COOLING = "cooling"
CPU_COOLERS = ("cpufreq-", "thermal-cpufreq-", "Processor")
"""Beginnings of the types of devices that cool by slowing a CPU: drivers/thermal/cpufreq_cooling.c
since Linux 5.12 and before, and drivers/acpi/processor_thermal.c."""


class ThrottlingCollector(Collector):
    """Whether CPUs are slowed down now, by cause, read below `sys`, the folder /sys.

    The firmware of a Raspberry Pi tells of FIRMWARE_CAUSES, or only of the first, by way of
    SUPPLY_SENSOR; the kernel of COOLING: it lowers the highest frequency because a sensor is too
    hot. Nothing where neither does.
    """

    def __init__(self, sys: Path) -> None:
        self._sys = sys

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family, if the board tells."""
        family = GaugeMetricFamily(
            "edgeseg_board_throttled",
            "1 while the CPUs are slowed down, or the voltage is too low, by cause.",
            labels=["cause"],
        )
        for cause, active in (*self._of_firmware(), *self._of_kernel()):
            family.add_metric([cause], active)
        if family.samples:
            yield family

    def _of_firmware(self) -> Iterator[tuple[str, bool]]:
        for file in sorted(self._sys.glob(FIRMWARE_FILE))[:1]:
            if (bits := read_number(file, 16)) is not None:
                for number, cause in enumerate(FIRMWARE_CAUSES):
                    yield cause, bool(bits >> number & 1)
                return
        yield from self._of_supply()

    def _of_supply(self) -> Iterator[tuple[str, bool]]:
        for sensor in self._sys.glob("class/hwmon/hwmon*"):
            alarm = read_number(sensor / "in0_lcrit_alarm")
            if alarm is not None and read_text(sensor / "name") == SUPPLY_SENSOR:
                yield FIRMWARE_CAUSES[0], bool(alarm)

    def _of_kernel(self) -> Iterator[tuple[str, bool]]:
        """A cooling device has a state of 0 while it does nothing."""
        states = [
            read_number(device / "cur_state")
            for device in self._sys.glob("class/thermal/cooling_device*")
            if read_text(device / "type").startswith(CPU_COOLERS)
        ]
        known = [state for state in states if state is not None]
        if known:
            yield COOLING, any(state > 0 for state in known)
