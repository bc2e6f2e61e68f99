"""A copy of this machine, or of another root, that boots systemd in a systemd-nspawn."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

BOOT_SECONDS = 90.0
"""How long the machine may take until it runs the command; then the test is skipped."""
COMMAND_SECONDS = 240.0
"""How long the command may take after that; then the test fails."""
LOOK_SECONDS = 0.1
LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
MASKED = (
    *("prometheus", "nginx", "mosquitto", "postgresql", "systemd-timesyncd", "e2scrub_reap"),
    *("systemd-networkd", "systemd-resolved", "networking", "avahi-daemon"),
)
"""Services that may be installed here, and that no test needs."""


def run_in_container(
    folder: Path,
    files: Mapping[str, str],
    binds: Mapping[Path, str],
    command: str,
    *,
    base: Path = Path("/"),
    seconds: float = COMMAND_SECONDS,
) -> str:
    """Boot, run `command` as root when the machine is up, and end; returns the output of all.

    `files` are the contents of further files by their path, and `binds` the read-only places of
    folders of this machine in the container. `folder` takes the layer over the files of `base`,
    which nothing changes, and is /results in the container. Skips if it does not boot in
    BOOT_SECONDS; the command may take `seconds` after that.
    """
    if os.geteuid() != 0 or shutil.which("systemd-nspawn") is None:
        pytest.skip("needs root and systemd-nspawn; on Debian: apt install systemd-container")
    with ExitStack() as undo:
        root = _copy_of(base, folder, undo)
        unit = f"""[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart={command}
ExecStopPost=/bin/systemctl exit --force 0
StandardOutput=file:/results/output
StandardError=file:/results/output
"""
        for path, text in {**files, "/etc/systemd/system/job.service": unit}.items():
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        (folder / "results").mkdir()
        output = folder / "results" / "output"
        begun, ended, printed = run_until(
            [
                *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network"),
                # Which the container would refuse by itself.
                f"--system-call-filter={' '.join(LANDLOCK)}",
                *("--directory", str(root), f"--bind={folder / 'results'}:/results"),
                *(f"--bind-ro={source}:{target}" for source, target in binds.items()),
                *("--boot", "systemd.unit=multi-user.target", "systemd.wants=job.service"),
                *(f"systemd.mask={name}.service" for name in MASKED),
            ],
            output,
            begin_seconds=BOOT_SECONDS,
            end_seconds=seconds,
        )
    if not begun:
        pytest.skip(f"no container boots here in {BOOT_SECONDS:g} s: {printed[-2000:]}")
    text = output.read_text(encoding="utf-8")
    assert ended, f"the command did not end in {seconds:g} s: {text}"
    return text


def run_until(
    command: Sequence[str], sign: Path, *, begin_seconds: float, end_seconds: float
) -> tuple[bool, bool, str]:
    """Run a command; whether it began, whether it ended by itself, and what it printed.

    It has begun when the file `sign` exists. It is killed if that takes longer than
    `begin_seconds`, or its end longer than `end_seconds` after that.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        until, begun = time.monotonic() + begin_seconds, False
        while (running := process.returncode is None) and time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=LOOK_SECONDS)
            if not begun and sign.exists():
                until, begun = time.monotonic() + end_seconds, True
        process.kill()
        printed, _ = process.communicate()
    return begun, not running, printed.decode(errors="replace")


def _copy_of(base: Path, folder: Path, undo: ExitStack) -> Path:
    """An overlay whose changes go into memory, for a container's own root may be an overlay."""
    layer, root = folder / "layer", folder / "root"
    for each in (layer, root):
        each.mkdir()
    _mount("-t", "tmpfs", "tmpfs", str(layer), undo=undo)
    for name in ("upper", "work"):
        (layer / name).mkdir()
    options = f"lowerdir={base},upperdir={layer / 'upper'},workdir={layer / 'work'}"
    _mount("-t", "overlay", "overlay", "-o", options, str(root), undo=undo)
    return root


def _mount(*arguments: str, undo: ExitStack) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    undo.callback(subprocess.run, ["umount", arguments[-1]], check=True)
