"""`benchmarks/fleet_sim.py` as it is run; what it finds depends on the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks/fleet_sim.py"


def fleet_sim(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)],
        env={**os.environ, "EDGESEG_SHARED": "nowhere"},  # the built-in model is quicker
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_service_times_are_measured_and_used_again_for_fleets(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    brief = ("--simulated-seconds=2", "--share=0.5")
    measured = fleet_sim("--seconds=1", f"--save={file}", *brief)
    assert measured.returncode == 0, measured.stderr
    again = fleet_sim(f"--times={file}", *brief)
    assert again.returncode == 0, again.stderr
    assert re.search(r"simulated: [1-9]\d* cameras a board", again.stdout)
    for boards in (1, 10, 1000):
        assert re.search(rf"^  {boards} boards: [1-9]\d* in turn, ", again.stdout, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_check_compares_each_figure_with_three_daemons(tmp_path: Path) -> None:
    done = fleet_sim("--check", "--seconds=1", "--rounds=1", "--cameras", "3")
    assert done.returncode in {0, 1}, done.stderr
    assert (
        len(re.findall(r"^3 cameras, .*: measured \d.*simulated \d", done.stdout, re.MULTILINE))
        == 4
    )
    assert done.stdout.splitlines()[-1].startswith("verdict: ")


def test_a_file_that_holds_no_service_times_is_named(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    file.write_text('{"cores": 4}')
    done = fleet_sim(f"--times={file}")
    assert done.returncode == 1
    assert "has no service times of this version" in done.stderr
    assert "Traceback" not in done.stderr
