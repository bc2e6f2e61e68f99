"""A minute of `make fuzz`: anything arrives on a real daemon's ports, and in what it reads."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from fuzzing.ports import Ports
from fuzzing.target import Fault

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FUZZ = BENCHMARKS / "fuzz.py"
SECONDS = 60


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute_of_random_input_finds_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, FUZZ, f"--seconds={SECONDS}", "--seed=0", f"--findings={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not list(tmp_path.iterdir())
    tried = dict(re.findall(r"^(\w+): ([\d,]+) cases", done.stdout, re.MULTILINE))
    assert set(tried) == {"ports", "messages", "state", "regions"}
    assert all(int(count.replace(",", "")) > 100 for count in tried.values()), done.stdout
    assert re.search(r"\d call: OK", done.stdout), "some calls are valid"


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [
        ("--seconds", "0", "'0' is no number greater than 0"),
        ("--seconds", "-1", "'-1' is no number from 0 on"),
        ("--seconds", "nan", "'nan' is no number from 0 on"),
        ("--seconds", "inf", "'inf' is no number from 0 on"),
        ("--count", "0", "'0' is no whole number from 1 on"),
        ("--count", "1.5", "'1.5' is no whole number from 1 on"),
    ],
)
def test_a_length_that_is_none_is_refused_and_not_endless(flag: str, value: str, why: str) -> None:
    assert refusal("fuzz.py", "--target=messages", f"{flag}={value}").endswith(why)


@pytest.mark.parametrize(
    "arguments", [("fuzz_pictures.py", "--count=0"), ("fuzz_models.py", "--count=0", "a.tflite")]
)
def test_no_cases_are_no_success(arguments: tuple[str, ...]) -> None:
    assert refusal(*arguments).endswith("'0' is no whole number from 1 on")


def refusal(program: str, *arguments: str) -> str:
    """What a fuzzer says to arguments that it refuses."""
    command = [sys.executable, str(BENCHMARKS / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    return done.stderr.rstrip()


@pytest.mark.slow
@pytest.mark.usefixtures("no_resource_tracker_is_left")
def test_an_engine_and_a_front_that_end_meanwhile_are_found() -> None:
    with contextlib.closing(Ports()) as target:
        daemon = target._daemon._daemon
        (engine,) = daemon.engine_pids
        os.kill(engine, signal.SIGKILL)
        while not (engines := daemon.engine_pids) or engine in engines:
            time.sleep(0.1)
        assert any("engines were lost: 1, 0 before" in each for each in target.faults_at_the_end())

        daemon.process.kill()
        daemon.process.wait()
        with pytest.raises(Fault, match="nobody listens any more; the front: SIGKILL"):
            for number in range(100):
                target.try_case(Random(number))
        (fault,) = target.faults_at_the_end()
        assert fault.startswith("the front ended: SIGKILL")
