"""A folder like the /sys of a board with sensors."""

from __future__ import annotations

from pathlib import Path

RASPBERRY_PI = {
    "class/thermal/thermal_zone0/type": "cpu-thermal",
    "class/thermal/thermal_zone0/temp": "61342",
    "class/thermal/cooling_device0/type": "cpufreq-cpu0",
    "class/thermal/cooling_device0/cur_state": "0",
    "class/thermal/cooling_device1/type": "gpio-fan",
    "class/thermal/cooling_device1/cur_state": "1",
    "class/apex/apex_0/temp": "48050",
    "devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1500000",
    "devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "1800000",
    "devices/platform/soc/soc:firmware/get_throttled": "50000",
}
"""A warm Raspberry Pi with a Coral on PCIe, which was throttled since its boot and is not now."""


def fake_sysfs(folder: Path, changes: dict[str, str] | None = None) -> Path:
    """`folder` with the files of RASPBERRY_PI and of `changes`."""
    for name, content in {**RASPBERRY_PI, **(changes or {})}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n", encoding="ascii")
    return folder
