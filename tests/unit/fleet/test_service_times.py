from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fleet.service_times import ServiceTimes, WrongFile

TIMES = ServiceTimes(
    machine="aarch64, 4 cores",
    inputs="a model, a picture",
    cores=4,
    frame_bytes=105_000,
    front_frame=0.001,
    front_result=0.002,
    client_frame=0.001,
    client_result=0.0,
    serial=0.01,
    invoke=0.1,
    invoke_all_cores=0.12,
    wake_ups=(0.001, 0.003),
    spread=(0.9, 1.1),
    stages={"invoke": 0.1},
    proxies={"envoy": 0.0002},
)


def test_a_file_has_all_times(tmp_path: Path) -> None:
    TIMES.write(tmp_path / "times.json")
    assert ServiceTimes.read(tmp_path / "times.json") == TIMES


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("invoke", -0.1, "invoke is a number of seconds"),
        ("invoke", 0, "invoke is a number of seconds"),
        ("front_frame", "1 ms", "front_frame is a number"),
        ("cores", 2.5, "cores is a whole number"),
        ("spread", [], "spread is a list"),
        ("spread", ["wide"], "spread is a list"),
        ("wake_ups", [-0.001], "wake_ups is a list of numbers"),
        ("proxies", {"envoy": None}, "proxies is seconds by name"),
        ("other", 1, r"of this version: \['other'\]"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, name: str, value: object, text: str) -> None:
    file = tmp_path / "times.json"
    TIMES.write(file)
    found: dict[str, Any] = json.loads(file.read_text())
    file.write_text(json.dumps({**found, name: value}))
    with pytest.raises(WrongFile, match=text):
        ServiceTimes.read(file)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "times.json").write_text(text)
    with pytest.raises(WrongFile, match=r"times\.json"):
        ServiceTimes.read(tmp_path / "times.json")
