"""Runs within a Debian that has booted systemd: installs the package, and prints what comes of it.

Its arguments are the file for the results (lines of JSON, each a step's name and what was seen),
and two revisions of the package.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

UNIT = "edgesegd.service"
WAIT_SECONDS = 40.0
SHOWN = "ActiveState,SubState,Result,NRestarts,StatusText,MainPID,ExecMainStatus,User"
BUILTIN = Path("/usr/lib/edgeseg/lib/python3.11/site-packages/edgesegd/builtin")
STATE = Path("/var/lib/edgeseg")
TOKENS = STATE / "tokens.json"
OPTIONS = Path("/etc/default/edgesegd")
LOOKED_AT = ("/etc", "/usr", "/var/lib", "/run/edgesegd")
OTHERS = (
    *("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid"),
    *("/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/etc/.pwd.lock", "/etc/.#"),
)
"""What dpkg, the tools for users and systemd keep themselves."""


def main() -> None:
    """Do all steps; the container ends after the last."""
    first, second = sys.argv[2:]
    before = files()
    tell("install", run("dpkg", "--install", first))
    tell("enabled", run("systemctl", "is-enabled", UNIT))
    tell("started", wait_for(is_ready))
    tell("segment", run("edgeseg", "segment", "/opt/project/docs/scene.jpg", "--out", "/root/out"))
    tell("compiled", len(list(Path("/usr/lib/edgeseg").rglob("*.pyc"))))
    tell("install-service", run("edgesegd", "install-service"))

    models = STATE / "models"
    models.mkdir(exist_ok=True)
    for ending in (".tflite", ".toml"):
        shutil.copy(BUILTIN / f"scenes{ending}", models / f"mine{ending}")
    OPTIONS.write_text(OPTIONS.read_text() + "EDGESEG_MODEL=mine\n")
    tell("token", run("edgesegd", "tokens", "add", "camera", "--data-dir", str(STATE)))
    run("systemctl", "restart", UNIT)
    tell("own model", wait_for(is_ready))
    tell("state before upgrade", state())
    tell("upgrade", run("dpkg", "--install", second))
    tell("version", run("dpkg-query", "--show", "--showformat=${Version}", "edgeseg"))
    tell("upgraded", wait_for(is_ready))
    tell("state after upgrade", state())

    tell("remove", run("dpkg", "--remove", "edgeseg"))
    tell("removed", show())
    tell("processes", processes())
    tell("state after remove", state())
    tell("left after remove", sorted(files() - before))
    run("dpkg", "--install", second)
    tell("again", wait_for(is_ready))
    tell("purge", run("dpkg", "--purge", "edgeseg"))
    tell("left after purge", sorted(files() - before))
    tell("user", run("getent", "passwd", "edgeseg"))
    tell("log", run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}"))


def tell(step: str, seen: object) -> None:
    """Write one result to the file that the test reads."""
    with Path(sys.argv[1]).open("a", encoding="utf-8") as results:
        results.write(json.dumps([step, seen]) + "\n")


def run(*command: str) -> tuple[int, str]:
    """The status and the output of a command."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "COLUMNS": "200"},
    )
    return done.returncode, done.stdout


def show() -> dict[str, str]:
    """What systemd knows of the unit."""
    _, output = run("systemctl", "show", f"--property={SHOWN}", UNIT)
    return dict(line.split("=", 1) for line in output.splitlines())


def is_ready(shown: dict[str, str]) -> bool:
    """Whether the daemon has told that it is ready, and with which model."""
    return shown["SubState"] == "running" and shown["StatusText"].endswith(" frames/s")


def wait_for(done: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """What systemd shows as soon as it is so, or at the end of the time."""
    until = time.monotonic() + WAIT_SECONDS
    while not done(shown := show()) and time.monotonic() < until:
        time.sleep(0.2)
    return shown


def files() -> set[str]:
    """All files and folders that a package may have made or caused."""
    found: set[str] = set()
    for root in LOOKED_AT:
        for folder, folders, names in os.walk(root):
            found.update(f"{folder}/{name}" for name in (*folders, *names))
    return {path for path in found if not path.startswith(OTHERS)}


def state() -> dict[str, str]:
    """The options, models and tokens, without what each start writes anew."""
    texts = {str(OPTIONS): OPTIONS.read_text()}
    for path in sorted(STATE.rglob("*")):
        if path.is_file() and (path.parent.name == "models" or path == TOKENS):
            texts[str(path)] = str(hash(path.read_bytes()))
    return texts


def processes() -> list[str]:
    """The command lines of processes of the package."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if "/usr/lib/edgeseg" in command:
            found.append(command)
    return found


if __name__ == "__main__":
    main()
