"""How fast the CPUs of the board run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from edgesegd.observability.board.sysfs import read_number

FAMILIES = (
    (
        "edgeseg_board_cpu_frequency_hertz",
        "Frequency that each group of CPUs was set to.",
        "scaling_cur_freq",
    ),
    (
        "edgeseg_board_cpu_frequency_max_hertz",
        "Highest frequency that each group of CPUs can have.",
        "cpuinfo_max_freq",
    ),
)
"""Name, help and file of each metric."""


class CpuFrequencyCollector(Collector):
    """The frequencies of the CPUs below `sys`, the folder /sys, by the policy that they share.

    Nothing where the kernel does not change the frequency, as in virtual machines. Source:
    Documentation/admin-guide/pm/cpufreq.rst of Linux, which gives kilohertz.
    """

    def __init__(self, sys: Path) -> None:
        self._sys = sys

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families that have a value."""
        policies = sorted(self._sys.glob("devices/system/cpu/cpufreq/policy*"))
        for name, text, file in FAMILIES:
            family = GaugeMetricFamily(name, text, labels=["policy"])
            for policy in policies:
                if (kilohertz := read_number(policy / file)) is not None:
                    family.add_metric([policy.name], kilohertz * 1000)
            if family.samples:
                yield family
