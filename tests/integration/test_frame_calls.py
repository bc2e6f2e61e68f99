"""`scripts/count_frame_calls.py` as it is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "scripts/count_frame_calls.py"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_calls_of_a_frame_are_counted_in_front_and_engine() -> None:
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counted = dict(re.findall(r"^(.*): (\d+) calls, \d+ functions, ", done.stdout, re.MULTILINE))
    assert list(counted) == ["stream, front", "stream, engine", "segment, front", "segment, engine"]
    for calls in counted.values():
        assert 20 < int(calls) < 2000
    assert int(counted["stream, front"]) < int(counted["segment, front"]), "a call of its own"
