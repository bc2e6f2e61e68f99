"""The temperature of a board, from files as Linux has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg_mqtt.bridge import is_on_this_machine
from edgeseg_mqtt.temperature import read_temperature


def zone(folder: Path, number: int, kind: str, temperature: str | None) -> None:
    path = folder / f"thermal_zone{number}"
    path.mkdir()
    (path / "type").write_text(f"{kind}\n")
    if temperature is not None:
        (path / "temp").write_text(f"{temperature}\n")


def test_it_is_that_of_the_hottest_zone_of_the_processor(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "48312")
    zone(tmp_path, 1, "battery", "91000")
    zone(tmp_path, 2, "soc_thermal", "50500")
    zone(tmp_path, 3, "cpu1-thermal", None)
    zone(tmp_path, 4, "cpu2-thermal", "N/A")
    assert read_temperature(tmp_path) == 50.5


def test_it_is_not_known_where_no_zone_is_the_processors(tmp_path: Path) -> None:
    zone(tmp_path, 0, "iwlwifi_1", "40000")
    assert read_temperature(tmp_path) is None
    assert read_temperature(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("unix:///run/edgesegd.sock", True),
        ("127.0.0.1:8460", True),
        ("localhost:8460", True),
        ("[::1]:8460", True),
        ("dns:///localhost:8460", True),
        ("board.lan:8460", False),
        ("192.168.1.7:8460", False),
        ("[fe80::1]:8460", False),
    ],
)
def test_the_daemon_is_on_this_board_if_its_address_says_so(address: str, here: bool) -> None:
    assert is_on_this_machine(address) is here
