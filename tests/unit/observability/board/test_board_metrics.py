"""What the page says of the board, from folders like its /sys."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edgesegd.board import memory
from edgesegd.observability.board.registration import register_board
from support.fake_sysfs import fake_sysfs

TEMPERATURE = "edgeseg_board_temperature_celsius"
FREQUENCY = "edgeseg_board_cpu_frequency_hertz"
MAX_FREQUENCY = "edgeseg_board_cpu_frequency_max_hertz"
THROTTLED = "edgeseg_board_throttled"
TIME = "edgeseg_board_time_seconds"
MEMORY = "edgeseg_board_memory_bytes"
AVAILABLE = "edgeseg_board_memory_available_bytes"
MB = 1 << 20
ALWAYS = {TIME, MEMORY, AVAILABLE}
"""What needs no sensor."""


def page(sys: Path) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each family by the values of the labels."""
    registry = CollectorRegistry()
    register_board(registry, sys)
    text = generate_latest(registry).decode()
    return {
        family.name: {tuple(each.labels.values()): each.value for each in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_every_sensor_of_a_board_has_a_series(tmp_path: Path) -> None:
    found = page(fake_sysfs(tmp_path))
    assert found.keys() == {TEMPERATURE, FREQUENCY, MAX_FREQUENCY, THROTTLED, *ALWAYS}
    assert found[TEMPERATURE] == {
        ("thermal_zone0", "cpu-thermal"): 61.342,
        ("apex_0", "apex"): 48.05,
    }
    assert found[FREQUENCY] == {("policy0",): 1.5e9}
    assert found[MAX_FREQUENCY] == {("policy0",): 1.8e9}


def test_a_board_without_sensors_has_its_clock_and_its_memory_only(tmp_path: Path) -> None:
    before = time.time()
    found = page(tmp_path)
    assert found.keys() == ALWAYS
    assert before <= found[TIME][()] <= time.time()


@pytest.mark.parametrize("used", [3 * MB, 8 * MB, 9 * MB])
def test_the_memory_that_is_available_is_shown_also_when_there_is_none_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, used: int
) -> None:
    for name, path in (("MEMINFO", "meminfo"), ("OWN_CGROUPS", "own"), ("CGROUPS", "cgroups")):
        monkeypatch.setattr(memory, name, tmp_path / path)
    (tmp_path / "cgroups").mkdir()
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "meminfo").write_text("MemAvailable: 81920 kB\n")
    (tmp_path / "cgroups/memory.max").write_text(f"{8 * MB}\n")
    (tmp_path / "cgroups/memory.current").write_text(f"{used}\n")
    found = page(tmp_path)
    assert found[MEMORY] == {(): 8 * MB}
    assert found[AVAILABLE] == {(): max(0, 8 * MB - used)}
    (tmp_path / "meminfo").unlink()
    assert AVAILABLE not in page(tmp_path), "the system does not tell"


@pytest.mark.parametrize("content", ["", "-", "hot"])
def test_a_sensor_that_gives_no_number_has_no_series(tmp_path: Path, content: str) -> None:
    files = (
        "class/thermal/thermal_zone0/temp",
        "class/apex/apex_0/temp",
        "devices/system/cpu/cpufreq/policy0/scaling_cur_freq",
        "devices/platform/soc/soc:firmware/get_throttled",
    )
    found = page(fake_sysfs(tmp_path, dict.fromkeys(files, content)))
    assert found.keys() == {MAX_FREQUENCY, THROTTLED, *ALWAYS}
    assert found[THROTTLED] == {("cooling",): 0}


def test_a_sensor_whose_driver_fails_has_no_series_and_the_others_have(tmp_path: Path) -> None:
    sys = fake_sysfs(tmp_path)
    (sys / "class/thermal/thermal_zone0/temp").unlink()
    (sys / "class/thermal/thermal_zone0/temp").mkdir()  # the kernel's errors read alike
    assert page(sys)[TEMPERATURE] == {("apex_0", "apex"): 48.05}


def test_temperatures_below_zero_are_read(tmp_path: Path) -> None:
    sys = fake_sysfs(tmp_path, {"class/thermal/thermal_zone0/temp": "-7500"})
    assert page(sys)[TEMPERATURE]["thermal_zone0", "cpu-thermal"] == -7.5


def test_the_temperature_of_a_coral_that_has_left_the_bus_is_shown(tmp_path: Path) -> None:
    """An alert says what it means: source: github.com/google-coral/edgetpu, issue 843."""
    sys = fake_sysfs(tmp_path, {"class/apex/apex_0/temp": "-87900"})
    assert page(sys)[TEMPERATURE]["apex_0", "apex"] == -87.9


@pytest.mark.parametrize(
    ("bits", "active"),
    [
        ("0", set()),
        ("50000", set()),
        ("1", {"under_voltage"}),
        ("50005", {"under_voltage", "throttled"}),
        ("0x2", {"frequency_capped"}),
        ("f000f", {"under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"}),
        ("80008", {"soft_temperature_limit"}),
    ],
)
def test_the_firmware_says_why_a_raspberry_pi_is_throttled_now(
    tmp_path: Path, bits: str, active: set[str]
) -> None:
    sys = fake_sysfs(tmp_path, {"devices/platform/soc/soc:firmware/get_throttled": bits})
    values = page(sys)[THROTTLED]
    assert len(values) == 5
    assert {cause for (cause,), value in values.items() if value} == active


@pytest.mark.parametrize("alarm", ["0", "1"])
def test_a_kernel_without_the_firmware_s_file_says_whether_the_voltage_is_too_low(
    tmp_path: Path, alarm: str
) -> None:
    supply, other = "class/hwmon/hwmon1", "class/hwmon/hwmon0"
    sys = fake_sysfs(
        tmp_path,
        {
            f"{supply}/name": "rpi_volt",
            f"{supply}/in0_lcrit_alarm": alarm,
            f"{other}/name": "nvme",
            f"{other}/in0_lcrit_alarm": "1",
        },
    )
    assert len(page(sys)[THROTTLED]) == 5, "the firmware's file says more"
    (sys / "devices/platform/soc/soc:firmware/get_throttled").unlink()
    assert page(sys)[THROTTLED] == {("under_voltage",): float(alarm), ("cooling",): 0}


@pytest.mark.parametrize("kind", ["cpufreq-cpu4", "thermal-cpufreq-1", "Processor"])
def test_a_cpu_that_the_kernel_slows_down_is_throttled(tmp_path: Path, kind: str) -> None:
    device = "class/thermal/cooling_device2"
    changes = {f"{device}/type": kind, f"{device}/cur_state": "3"}
    assert page(fake_sysfs(tmp_path, changes))[THROTTLED]["cooling",] == 1


def test_a_fan_that_turns_does_not_count_as_throttling(tmp_path: Path) -> None:
    assert page(fake_sysfs(tmp_path))[THROTTLED]["cooling",] == 0
