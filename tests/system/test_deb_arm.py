"""The Debian packages for ARM, under emulation: each serves, with Debian's for its machine.

Emulated times say nothing about a board, and the sandbox of engines is off, for the emulator has
neither Landlock nor seccomp.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
import pytest

from edgeseg_client import Client
from support.debian_package import build_package, build_wheel, needed_packages
from support.running_daemon import RunningDaemon

VARIABLE = "EDGESEG_DEBIAN_ARM"
PROJECT = Path(__file__).parents[2]
STOP_SECONDS = 120.0
COMMAND = "usr/lib/edgeseg/bin/python3"

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Machine:
    """A kind of machine, and how it is emulated."""

    architecture: str
    runtime: str
    emulator: str
    processor: str
    triplet: str


MACHINES = [
    Machine("arm64", "litert", "qemu-aarch64-static", "cortex-a72", "aarch64-linux-gnu"),
    Machine("arm64", "tflite", "qemu-aarch64-static", "cortex-a72", "aarch64-linux-gnu"),
    Machine("armhf", "tflite", "qemu-arm-static", "cortex-a15", "arm-linux-gnueabihf"),
]
CPU_FACTS = """processor\t: 0
Features\t: fp asimd half thumb fastmult vfp edsp neon vfpv3 tls vfpv4
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
"""LiteRT looks for what the processor can do, and would find this machine's."""


@pytest.fixture(params=MACHINES, ids=lambda machine: f"{machine.architecture}-{machine.runtime}")
def machine(request: pytest.FixtureRequest) -> Machine:
    machine: Machine = request.param
    if VARIABLE not in os.environ:
        pytest.skip(
            f"set {VARIABLE} to a folder for Debian 12 of arm64 and armhf, made there the first"
            " time (as root; apt install mmdebstrap qemu-user-static debhelper)"
        )
    for command in ("mmdebstrap", "dh", machine.emulator):
        assert shutil.which(command), f"{command} is missing"
    return machine


@pytest.fixture
def root(machine: Machine, tmp_path: Path) -> Path:
    """A Debian of that machine with the package unpacked, whose Python runs here."""
    root = Path(os.environ[VARIABLE]) / machine.architecture
    if not (root / "usr").exists():
        options = [
            f"--architectures={machine.architecture}",
            f"--include={','.join(needed_packages())}",
        ]
        subprocess.run(
            ["mmdebstrap", "--variant=extract", *options, "bookworm", str(root)], check=True
        )
    shutil.rmtree(root / "usr/lib/edgeseg", ignore_errors=True)
    wheel = build_wheel(tmp_path)
    package = build_package(wheel, tmp_path, machine.architecture, machine.runtime)
    subprocess.run(["dpkg-deb", "--extract", package, root], check=True)

    processors = root / "sys/devices/system/cpu"
    processors.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online"):
        (processors / name).write_text("0-3\n")
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").write_text(CPU_FACTS)
    # The emulator of 32-bit machines does not find all of Python through translated paths.
    (root / "usr/lib/edgeseg/pyvenv.cfg").write_text(
        f"home = {root}/usr/bin\ninclude-system-site-packages = true\n"
    )
    libraries = root / "usr/lib" / machine.triplet
    emulated = f"{shutil.which(machine.emulator)} -0 {root / COMMAND} -L {root}"
    (root / COMMAND).unlink()
    (root / COMMAND).write_text(
        f"#!/bin/sh\nexport QEMU_CPU={machine.processor}"
        f" QEMU_SET_ENV=LD_LIBRARY_PATH={libraries}/blas:{libraries}/lapack\n"
        f'exec {emulated} {root}/usr/bin/python3.11 "$@"\n'
    )
    (root / COMMAND).chmod(0o755)
    return root


@contextmanager
def serving(root: Path, folder: Path) -> Iterator[str]:
    """The package's daemon, ready; gives its address."""
    flags = ("--listen=127.0.0.1:0", "--metrics-listen=", "--delegate=cpu", "--sandbox=off")
    with subprocess.Popen(
        [root / COMMAND, root / "usr/lib/edgeseg/bin/edgesegd", "serve", *flags],
        env={"PATH": os.environ["PATH"], "EDGESEG_DATA_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            lines: list[str] = []
            while not lines or " ready: " not in lines[-1]:
                lines.append(cast(IO[str], process.stdout).readline())
                assert lines[-1], lines
            [address] = [line.split()[-1] for line in lines if line.startswith("listening on ")]
            yield address
        finally:
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0


def test_the_package_serves_the_masks_of_this_machine(root: Path, tmp_path: Path) -> None:
    picture = PROJECT / "docs/scene.jpg"
    with RunningDaemon("--delegate=cpu") as daemon, Client(daemon.address) as client:
        expected = client.segment(picture, size="model").labels
    with (
        serving(root, tmp_path / "data") as address,
        Client(address, timeout=300, retry_for=300) as client,
    ):
        found = client.segment(picture, size="model").labels
    assert np.mean(found == expected) > 0.97
