"""Runs within a container that has booted systemd: starts the service, and prints what comes of it.

Its arguments are the file for the results (lines of JSON, each a step's name and what was seen), a
Python with the client, and the address of the daemon's socket.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

UNIT = "edgesegd.service"
WAIT_SECONDS = 40.0
CLIENT = """
import sys
from PIL import Image
from edgeseg_client import Client
with Client(sys.argv[1]) as client:
    print(client.segment(Image.new("RGB", (64, 48), "red")).labels.shape)
"""
SHOWN = "ActiveState,SubState,Result,NRestarts,StatusText,MainPID,ExecMainStatus,WatchdogUSec,User"


def main() -> None:
    """Do all steps; the container ends after the last."""
    tell("install", run(sys.executable, "-m", "edgesegd", "install-service"))
    tell("enabled", run("systemctl", "is-enabled", UNIT))
    tell("started", show())
    tell("member", segment_as("member"))
    tell("stranger", segment_as("stranger"))
    tell("busy", wait_for(lambda shown: not shown["StatusText"].endswith(" 0.0 frames/s")))
    front = int(show()["MainPID"])
    engines = children(front)
    tell("confined", [confinement(pid) for pid in (front, *engines)])
    for pid in engines:
        os.kill(pid, signal.SIGKILL)
    tell("member without the engine", segment_as("member"))
    tell("engine lost", show())
    os.kill(front, signal.SIGSTOP)
    tell("restarted", wait_for(lambda shown: shown["NRestarts"] == "1" and is_running(shown)))
    tell("member again", segment_as("member"))
    tell("stop", run("systemctl", "stop", UNIT))
    tell("stopped", show())
    tell("uninstall", run(sys.executable, "-m", "edgesegd", "uninstall-service"))
    tell("enabled at last", run("systemctl", "is-enabled", UNIT))
    tell("log", run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}"))


def tell(step: str, seen: object) -> None:
    """Write one result to the file that the test reads."""
    with Path(sys.argv[1]).open("a", encoding="utf-8") as results:
        results.write(json.dumps([step, seen]) + "\n")


def run(*command: str) -> tuple[int, str]:
    """The status and the output of a command."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def show() -> dict[str, str]:
    """What systemd knows of the unit."""
    _, output = run("systemctl", "show", f"--property={SHOWN}", UNIT)
    return dict(line.split("=", 1) for line in output.splitlines())


def children(pid: int) -> list[int]:
    """The processes that a process has started: engines, and trials of delegates."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def confinement(pid: int) -> dict[str, str]:
    """What the kernel says that a process may do."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: fields[name].strip() for name in ("Seccomp", "NoNewPrivs", "CapEff", "CapBnd")}


def is_running(shown: dict[str, str]) -> bool:
    """Whether the daemon has told that it is ready."""
    return shown["SubState"] == "running"


def wait_for(done: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """What systemd shows as soon as it is so, or at the end of the time."""
    until = time.monotonic() + WAIT_SECONDS
    while not done(shown := show()) and time.monotonic() < until:
        time.sleep(0.2)
    return shown


def segment_as(user: str) -> Sequence[object]:
    """Segment a frame as a user of this machine, with the real client."""
    return run("runuser", "-u", user, "--", sys.argv[2], "-c", CLIENT, sys.argv[3])


if __name__ == "__main__":
    main()
