"""What a soak counts as lost, with its own clients and a real daemon; and how it is called."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import soak as command
from soak import Soak, missed
from soaking.loads import NO_PICTURE, sharers, streams
from soaking.readings import read

from edgesegd.bench.inputs import drawn_inputs
from edgesegd.models.catalogue.store import BUILTIN, resolve_model
from edgesegd.models.reading import read_model
from support.running_daemon import RunningDaemon

ONCE_SECONDS = 0.2
"""Clients begin one stream at least, and end it."""


async def test_a_frame_that_is_answered_but_not_as_it_should_be_is_lost(tmp_path: Path) -> None:
    inputs = drawn_inputs(read_model(resolve_model(BUILTIN, tmp_path)))
    address = f"unix://{tmp_path}/grpc.sock"
    with RunningDaemon("--delegate=cpu", f"--listen={address}") as running:
        soak = Soak(running, address, inputs, tmp_path, seconds=0)
        reading = await asyncio.to_thread(read, running, 0.0, [])
        soak.readings += [reading, reading]
        await streams(address, inputs, "every", time.monotonic() + ONCE_SECONDS, soak.seen)
        await sharers(address, inputs, time.monotonic() + ONCE_SECONDS, soak.seen)
        assert soak.seen.answers["shared memory: invalid"] > 0, "that frame is no picture"
        assert missed(soak, reading) == []

        bad = replace(inputs, jpeg=NO_PICTURE)
        await streams(address, bad, "latest", time.monotonic() + ONCE_SECONDS, soak.seen)
    lost = soak.seen.answers["latest: invalid"]
    assert lost > 0
    assert soak.seen.unanswered == 0
    assert missed(soak, reading) == [f"{lost} x latest: invalid"]


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("--minutes=-1", "'-1' is no number from 0 on"),
        ("--minutes=0", "'0' is no number greater than 0"),
        ("--fault-minutes=nan", "'nan' is no number from 0 on"),
        ("--picture=/proc/no/soak.svg", "No such file or directory: '/proc/no/soak.svg'"),
    ],
)
def test_a_soak_that_could_not_end_well_is_refused_at_once(argument: str, why: str) -> None:
    done = subprocess.run(
        [sys.executable, command.__file__, argument],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert why in done.stderr
