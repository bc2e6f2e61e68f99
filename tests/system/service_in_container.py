"""Runs within a container that has booted systemd: starts the service, and prints what comes of it.

Its arguments are the file for the results (lines of JSON, each a step's name and what was seen), a
Python with the client, and the address of the daemon's socket.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.landlock import WITHOUT_LANDLOCK

UNIT = "edgesegd.service"
PROXY = "edgesegd-proxy"
UNITS = Path("/etc/systemd/system")
SHIPPED = Path(__file__).parents[2] / "systemd"
SECURITY = Path("/sys/kernel/security")
"""A container does not show which parts for security the kernel has."""
WITH_LANDLOCK = "lockdown,capability,landlock"
OWNER = "owner"
"""The user with a service of its own."""
HOME = Path("/home/owner")
DEVICES = ("coral-usb", "coral-pcie", "gpu", "camera")
"""The drop-ins for devices."""
TCP = "127.0.0.1:8460"
WAIT_SECONDS = 40.0
CLIENT = """
import sys
from PIL import Image
from edgeseg_client import Client
with Client(sys.argv[1]) as client:
    print(client.segment(Image.new("RGB", (64, 48), "red")).labels.shape)
"""
SHOWN = "ActiveState,SubState,Result,NRestarts,StatusText,MainPID,ExecMainStatus,WatchdogUSec,User"
JOURNAL = ("journalctl", "--no-pager", "--output=json")


def main() -> None:
    """Do all steps; the container ends after the last."""
    run("mount", "--types=tmpfs", "none", str(SECURITY))
    (SECURITY / "lsm").write_text(WITH_LANDLOCK, encoding="utf-8")
    tell("install", run(sys.executable, "-m", "edgesegd", "install-service"))
    tell("enabled", run("systemctl", "is-enabled", UNIT))
    tell("drop-ins", drop_ins_of())
    tell("started", show())
    tell("member", segment_as("member"))
    tell("stranger", segment_as("stranger"))
    tell("busy", wait_for(lambda shown: not shown["StatusText"].endswith(" 0.0 frames/s")))
    front = int(show()["MainPID"])
    # A trial may end meanwhile.
    tell("confined", [seen for pid in (front, *children(front)) if (seen := confinement(pid))])
    for pid in children(front):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    tell("member without the engine", segment_as("member"))
    tell("engine lost", show())
    os.kill(front, signal.SIGSTOP)
    tell("restarted", wait_for(lambda shown: shown["NRestarts"] == "1" and is_running(shown)))
    tell("member again", segment_as("member"))
    tell("reload", run("systemctl", "reload", UNIT))
    tell("reloaded", show())
    serve_with_devices()
    tell("stop", run("systemctl", "stop", UNIT))
    tell("stopped", show())
    serve_without_landlock()
    start_on_demand()
    tell("uninstall", run(sys.executable, "-m", "edgesegd", "uninstall-service"))
    tell("enabled at last", run("systemctl", "is-enabled", UNIT))
    tell("journal of the cpu", run(*JOURNAL, "EDGESEG_DELEGATE=cpu"))
    tell("journal of crashes", run(*JOURNAL, "EDGESEG_CAUSE=crash"))
    tell("journal without an engine", run(*JOURNAL, "SYSLOG_IDENTIFIER=edgesegd"))
    serve_as_a_user()
    tell("log", run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}"))


def serve_with_devices() -> None:
    """With the drop-ins for all devices at once; a restart, which takes them away again."""
    tell("groups", groups_of_service())
    drop_ins = [SHIPPED / "drop-ins" / f"{name}.conf" for name in DEVICES]
    copies = [Path(shutil.copy(each, UNITS / f"{UNIT}.d")) for each in drop_ins]
    run("systemctl", "daemon-reload")
    tell("restart with devices", run("systemctl", "restart", UNIT))
    tell("groups with devices", groups_of_service())
    tell("member with devices", segment_as("member"))
    for each in copies:
        each.unlink()
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)


def serve_without_landlock() -> None:
    """As on a kernel without Landlock, which `sitecustomize.py` makes of this one for engines."""
    drop_ins, code = UNITS / f"{UNIT}.d", Path("/var/lib/without-landlock")
    code.mkdir()
    lines = "".join(f"    {line}\n" for line in WITHOUT_LANDLOCK.splitlines())
    (code / "sitecustomize.py").write_text(
        f"import sys\nif 'edgesegd.engine' in sys.orig_argv:\n    pass\n{lines}", encoding="utf-8"
    )
    path = f"Environment=PYTHONPATH={code}:{os.environ['PYTHONPATH']}"
    (drop_ins / "z-path.conf").write_text(f"[Service]\n{path}\n", encoding="utf-8")
    (SECURITY / "lsm").write_text("lockdown,capability", encoding="utf-8")
    run("systemctl", "daemon-reload")
    tell("drop-ins without landlock", drop_ins_of())
    tell("start without landlock", run("systemctl", "start", UNIT))
    tell("member without landlock", segment_as("member"))
    run("systemctl", "stop", UNIT)
    (drop_ins / "z-path.conf").unlink()
    (SECURITY / "lsm").write_text(WITH_LANDLOCK, encoding="utf-8")
    run("systemctl", "daemon-reload")
    tell("drop-ins with landlock again", drop_ins_of())


def start_on_demand() -> None:
    """The daemon is started by a connection, and stops after the proxy."""
    drop_in = UNITS / f"{UNIT}.d" / "on-demand.conf"
    shutil.copy(SHIPPED / "drop-ins" / "on-demand.conf", drop_in)
    for kind in ("socket", "service"):
        shutil.copy(SHIPPED / "on-demand" / f"{PROXY}.{kind}", UNITS)
    tell("on demand", run("systemctl", "disable", UNIT))
    run("systemctl", "daemon-reload")
    tell("proxy", run("systemctl", "start", f"{PROXY}.socket"))
    tell("before a connection", show())
    tell("stranger through the proxy", segment_as("stranger", TCP))
    tell("on a connection", show())
    run("systemctl", "stop", f"{PROXY}.socket", f"{PROXY}.service")
    tell("after the proxy", wait_for(lambda shown: shown["ActiveState"] == "inactive"))
    tell("log of the proxy", run("journalctl", "--no-pager", f"--unit={PROXY}.service"))
    drop_in.unlink()


def serve_as_a_user() -> None:
    """The service of a user, from its installation to its end."""
    _, uid = run("id", "--user", OWNER)
    for each in (HOME, *HOME.rglob("*")):
        shutil.chown(each, OWNER, OWNER)
    tell("systemd of the user", run("systemctl", "start", f"user@{uid.strip()}.service"))
    edgesegd = (sys.executable, "-m", "edgesegd")
    as_owner = ("runuser", "-u", OWNER, "--", "env", f"HOME={HOME}")
    tell("user install", run(*as_owner, *edgesegd, "install-service", "--user"))
    runtime = f"XDG_RUNTIME_DIR=/run/user/{uid.strip()}"
    systemctl = (*as_owner, runtime, "systemctl", "--user")
    _, shown = run(*systemctl, "show", f"--property={SHOWN}", UNIT)
    tell("user started", dict(line.split("=", 1) for line in shown.splitlines()))
    tell("user segments", segment_as(OWNER, TCP))
    tell("user journal", run(*JOURNAL, "EDGESEG_DELEGATE=cpu", f"_UID={uid.strip()}"))
    tell("user uninstall", run(*as_owner, *edgesegd, "uninstall-service", "--user"))
    tell("user enabled at last", run(*systemctl, "is-enabled", UNIT))
    tell("user log", run("journalctl", "--no-pager", f"_UID={uid.strip()}"))


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


def drop_ins_of() -> str:
    """The paths of the drop-ins of the unit."""
    return run("systemctl", "show", "--property=DropInPaths", UNIT)[1]


def children(pid: int) -> list[int]:
    """The processes that a process has started: engines, and trials of delegates."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def confinement(pid: int) -> dict[str, str]:
    """What the kernel says that a process may do; nothing if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    fields = dict(line.split(":", 1) for line in lines)
    if fields["State"].strip().startswith(("Z", "X")):
        return {}
    return {name: fields[name].strip() for name in ("Seccomp", "NoNewPrivs", "CapEff", "CapBnd")}


def groups_of_service() -> list[list[str]]:
    """The names of the further groups of the front, and of each process that it has started."""
    front = int(show()["MainPID"])
    every = []
    for pid in (front, *children(front)):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a trial that has ended
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            (numbers,) = (line.split()[1:] for line in lines if line.startswith("Groups:"))
            every.append(sorted(grp.getgrgid(int(number)).gr_name for number in numbers))
    return every


def is_running(shown: dict[str, str]) -> bool:
    """Whether the daemon has told that it is ready."""
    return shown["SubState"] == "running"


def wait_for(done: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """What systemd shows as soon as it is so, or at the end of the time."""
    until = time.monotonic() + WAIT_SECONDS
    while not done(shown := show()) and time.monotonic() < until:
        time.sleep(0.2)
    return shown


def segment_as(user: str, address: str | None = None) -> Sequence[object]:
    """Segment a frame as a user of this machine, with the real client."""
    return run("runuser", "-u", user, "--", sys.argv[2], "-c", CLIENT, address or sys.argv[3])


if __name__ == "__main__":
    main()
