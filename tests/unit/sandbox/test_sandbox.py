"""What a process in the sandbox cannot do: a real process, refused by the real kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgesegd.sandbox.attempts import MARK, TMP, remove_written
from edgesegd.sandbox.kernel import landlock_version
from support.landlock import (
    NEEDS_LANDLOCK,
    NEEDS_NAMESPACES,
    NEEDS_SECCOMP,
    WITHOUT_BOTH,
    WITHOUT_LANDLOCK,
)

pytestmark = NEEDS_SECCOMP

PROFILES = ("cpu", "driver")
FILES = {
    "read /etc/shadow",
    "read a file in the data folder",
    "write a file in the data folder",
    "write a file in /tmp",
    "write a file that it was given to read",
}
PROCESSES = {
    *("start a process", "run a program", "trace the daemon", "send the daemon a signal"),
    "choose the daemon's cores",
}
SOCKETS = {
    "open a socket to a network",
    "open a Unix socket",
    "send to another program's socket",
}


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def data_folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tokens.json").write_text("{}", encoding="utf-8")
    yield tmp_path
    remove_written(tmp_path)


def tried(mode: str, profile: str, folder: Path, before: str = "") -> dict[str, Any]:
    """What a process reports that entered the sandbox after the code `before`."""
    code = f"{before}\nimport sys\nfrom edgesegd.sandbox.attempts import main\nmain(*sys.argv[1:])"
    done = python(code, mode, profile, str(folder))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(found: dict[str, Any]) -> dict[str, bool | None]:
    return {each["attempt"]: each["refused"] for each in found["attempts"]}


def test_without_a_sandbox_all_of_it_is_possible(data_folder: Path) -> None:
    """Otherwise the tests below could not fail."""
    outcomes = refused(tried("off", "cpu", data_folder))
    of_root = set() if os.geteuid() == 0 else {"read /etc/shadow", "trace the daemon"}
    for attempt in (FILES | PROCESSES | SOCKETS) - of_root:
        assert outcomes[attempt] is False, attempt


@NEEDS_LANDLOCK
@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_that_an_attacker_needs_is_possible(profile: str, data_folder: Path) -> None:
    found = tried("require", profile, data_folder)
    report = found["report"]
    assert (report["no_new_privileges"], report["seccomp"]) == (True, True)
    assert report["landlock"] >= 1
    assert not report["missing"]
    outcomes = refused(found)
    assert outcomes.keys() >= FILES | PROCESSES | SOCKETS
    assert False not in outcomes.values(), outcomes
    for attempt in FILES | PROCESSES | SOCKETS:
        assert outcomes[attempt] is True, attempt


@NEEDS_NAMESPACES
@pytest.mark.parametrize("profile", PROFILES)
def test_without_landlock_nothing_is_possible_in_a_file_system_of_its_own(
    profile: str, data_folder: Path
) -> None:
    found = tried("require", profile, data_folder, WITHOUT_LANDLOCK)
    report = found["report"]
    assert (report["seccomp"], report["landlock"], report["file_view"]) == (True, 0, True)
    assert not report["missing"]
    outcomes = refused(found)
    for attempt in FILES | PROCESSES | SOCKETS:
        assert outcomes[attempt] is True, attempt
    assert False not in outcomes.values(), outcomes


@pytest.mark.parametrize("profile", PROFILES)
def test_without_both_calls_are_refused_all_the_same_and_the_rest_is_reported(
    profile: str, data_folder: Path
) -> None:
    found = tried("auto", profile, data_folder, WITHOUT_BOTH)
    report = found["report"]
    assert (report["no_new_privileges"], report["seccomp"]) == (True, True)
    assert (report["landlock"], report["file_view"]) == (0, False)
    (missing,) = report["missing"]
    assert missing.startswith("Landlock: this kernel has none")
    outcomes = refused(found)
    writing = {attempt for attempt in FILES if attempt.startswith("write ")}
    still = PROCESSES | SOCKETS | (writing if profile == "cpu" else set())
    assert all(outcomes[attempt] for attempt in still), outcomes
    assert outcomes["read a file in the data folder"] is False


@NEEDS_LANDLOCK
def test_landlock_alone_keeps_files_and_the_daemon_from_a_process(data_folder: Path) -> None:
    """So it is in force, and not only seccomp in front of it."""
    code = """
import os, sys
from pathlib import Path
from edgesegd.sandbox import kernel, landlock
from edgesegd.sandbox.attempts import Targets, open_file, outcome_of, write_in
from edgesegd.sandbox.files import files_for
folder = Path(sys.argv[1])
targets = Targets(folder)
kernel.set_no_new_privileges()
landlock.restrict(files_for(driver=False), kernel.landlock_version())
for function in (
    lambda: open_file(Path("/etc/shadow"), os.O_RDONLY),
    lambda: open_file(folder / "tokens.json", os.O_RDONLY),
    lambda: write_in(folder, targets),
    lambda: os.execv(sys.executable, [sys.executable, "-c", "print('ran')"]),
    lambda: open_file(Path(f"/proc/{os.getppid()}/environ"), os.O_RDONLY),
):
    print(outcome_of("", function).refused)
open_file(Path(os.__file__), os.O_RDONLY)
"""
    done = python(code, str(data_folder))
    assert done.stderr == ""
    assert done.stdout.split() == ["True"] * 5


@NEEDS_LANDLOCK
def test_a_data_folder_among_pythons_own_counts_as_a_missing_part(data_folder: Path) -> None:
    inside = data_folder / "lib" / "data"
    inside.mkdir(parents=True)
    (inside / "tokens.json").write_text("{}", encoding="utf-8")
    on_path = f"import sys\nsys.path.append({str(data_folder / 'lib')!r})"
    found = tried("auto", "cpu", inside, on_path)
    assert found["report"]["missing"] == [
        f"Landlock: {inside} can be read, because it is in {data_folder / 'lib'}"
    ]
    assert refused(found)["read a file in the data folder"] is False


@NEEDS_LANDLOCK
@pytest.mark.parametrize("version", range(1, landlock_version() + 1))
def test_each_version_of_landlock_keeps_files_from_a_process(
    version: int, data_folder: Path
) -> None:
    """A newer kernel takes what an older one knows."""
    code = """
import os, sys
from pathlib import Path
from edgesegd.sandbox import kernel, landlock
from edgesegd.sandbox.attempts import Targets, open_file, outcome_of, write_in
from edgesegd.sandbox.files import files_for
folder = Path(sys.argv[1])
targets = Targets(folder)
kernel.set_no_new_privileges()
landlock.restrict(files_for(driver=True), int(sys.argv[2]))
print(outcome_of("", lambda: open_file(folder / "tokens.json", os.O_RDONLY)).refused)
print(outcome_of("", lambda: write_in(folder, targets)).refused)
print(outcome_of("", lambda: open_file(Path("/dev/null"), os.O_RDWR)).refused)
"""
    done = python(code, str(data_folder), str(version))
    assert done.stderr == ""
    assert done.stdout.split() == ["True", "True", "False"]


@NEEDS_LANDLOCK
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_rights_can_enter_the_sandbox_too() -> None:
    code = """
import os
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
os.environ["HOME"] = "/nonexistent"
print(enter_sandbox("require", "driver", files_for(driver=True)).missing)
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("()\n", "")


@NEEDS_LANDLOCK
def test_a_removed_working_folder_is_no_obstacle(tmp_path: Path) -> None:
    code = """
import os, sys
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
sys.path.insert(0, "relative")
os.mkdir(sys.argv[1])
os.chdir(sys.argv[1])
os.rmdir(sys.argv[1])
print(enter_sandbox("require", "driver", files_for(driver=True, libraries=["./a.so"])).missing)
"""
    done = python(code, str(tmp_path / "removed"))
    assert (done.stdout, done.stderr) == ("()\n", "")


@NEEDS_LANDLOCK
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_a_home_can_enter_the_sandbox_too() -> None:
    code = """
import os
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
os.setgroups([])
os.setgid(54321)
os.setuid(54321)
os.environ.pop("HOME", None)
print(enter_sandbox("require", "cpu", files_for(driver=False)).missing)
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("()\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_data_folder_that_this_user_may_not_list_is_reported_as_not_tried(
    data_folder: Path,
) -> None:
    data_folder.chmod(0o700)
    other = "import edgesegd.sandbox.attempts, os\nos.setgroups([])\nos.setgid(1)\nos.setuid(1)"
    found = tried("off", "cpu", data_folder, other)
    outcomes = {each["attempt"]: each for each in found["attempts"]}
    assert outcomes["read a file in the data folder"]["refused"] is None
    assert "no file can be seen in" in outcomes["read a file in the data folder"]["how"]
    assert outcomes["write a file in the data folder"]["refused"] is not False


def test_what_was_written_in_vain_is_removed_afterwards(data_folder: Path) -> None:
    """With a driver and without Landlock or namespaces it can be made, but not removed again."""
    tried("auto", "driver", data_folder, WITHOUT_BOTH)
    left = {place for place in (data_folder, TMP) if list(place.glob(f"{MARK}*"))}
    assert left == {data_folder, TMP}
    remove_written(data_folder)
    assert not [*data_folder.glob(f"{MARK}*"), *TMP.glob(f"{MARK}*")]


@NEEDS_NAMESPACES
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_rights_gets_a_file_system_of_its_own_and_keeps_its_groups(
    tmp_path: Path,
) -> None:
    """It is how a service opens a device: as a member of the device's group."""
    device = tmp_path / "device"
    device.touch()
    os.chown(device, 0, 4321)
    device.chmod(0o060)
    tmp_path.chmod(0o711)
    for parent in list(tmp_path.parents)[:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    code = """
import ctypes, os, sys
from pathlib import Path
from edgesegd.sandbox import file_view
from edgesegd.sandbox.files import Files
os.setgroups([4321])
os.setgid(54321)
os.setuid(54321)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as after the start of a program
device = Path(sys.argv[1])
file_view.restrict(Files((Path("/usr"),), (device, Path("/dev/null"))))
print(sorted(os.listdir("/")), os.getuid(), os.getgid())
device.write_text("written")
print(device.read_text())
"""
    done = python(code, str(device))
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == f"{sorted({'usr', 'dev', device.parts[1]})} 54321 54321"
    assert second == "written"


@NEEDS_NAMESPACES
def test_in_a_file_system_of_its_own_files_that_are_open_are_read_on_from_where_they_were(
    data_folder: Path,
) -> None:
    """One has gone, one has another in its place, and one is still at its path."""
    code = f"""{WITHOUT_LANDLOCK}
import os, sys
from pathlib import Path
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
gone, replaced, still = Path(sys.argv[1], "gone"), Path(sys.argv[1], "replaced"), Path(os.__file__)
for each in (gone, replaced):
    each.write_text(each.name)
opened = [os.open(each, os.O_RDONLY) for each in (gone, replaced, still)]
os.set_inheritable(opened[0], True)
gone.unlink()
replaced.unlink()
replaced.write_text("another")
expected = os.pread(opened[2], 50, 3)
for each in opened:
    os.lseek(each, 3, os.SEEK_SET)
print(enter_sandbox("require", "driver", files_for(driver=True, models=[replaced])).missing)
print(os.read(opened[0], 50), os.read(opened[1], 50), os.read(opened[2], 50) == expected)
print([os.get_inheritable(each) for each in opened])
for each in opened:
    try:
        print(os.write(os.open(f"/proc/self/fd/{{each}}", os.O_WRONLY), b"x"))
    except OSError as error:
        print("refused")
"""
    done = python(code, str(data_folder))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "()",
        "b'e' b'laced' True",
        "[True, False, False]",
        *["refused"] * 3,
    ]


@NEEDS_NAMESPACES
def test_where_a_kernel_refuses_a_part_of_it_the_files_are_as_before(data_folder: Path) -> None:
    """As one before Linux 5.12, which has no mount_setattr."""
    code = """
import os, sys
from edgesegd.sandbox import file_view, namespaces
from edgesegd.sandbox.files import files_for
def refused(*_arguments):
    raise OSError(38, "Function not implemented")
namespaces.set_attributes = refused
before = sorted(os.listdir("/tmp"))
try:
    file_view.restrict(files_for(driver=False))
except OSError as error:
    print(error.errno, set(before) <= set(os.listdir("/tmp")), os.path.exists(sys.argv[1]))
"""
    done = python(code, str(data_folder / "tokens.json"))
    assert (done.stdout, done.stderr) == ("38 True True\n", "")


def test_require_raises_what_is_missing(data_folder: Path) -> None:
    code = f"{WITHOUT_BOTH}\nimport sys\nfrom edgesegd.sandbox.attempts import main"
    done = python(f"{code}\nmain(*sys.argv[1:])", "require", "cpu", str(data_folder))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("edgesegd.core.errors.SandboxMissing: sandbox is require, and a part")
    assert "Landlock: this kernel has none" in last


@NEEDS_LANDLOCK
def test_landlock_counts_as_missing_where_it_would_not_hold_for_a_thread(data_folder: Path) -> None:
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True)"
    found = tried("auto", "cpu", data_folder, f"{thread}.start()")
    assert found["report"]["landlock"] == 0
    (missing,) = found["report"]["missing"]
    assert missing == "Landlock: other threads run already (1), and it would not hold for them"
    assert found["report"]["seccomp"], "which holds for all threads"


def test_a_thread_that_ran_before_is_filtered_too() -> None:
    code = """
import queue, socket, threading
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
orders, answers = queue.Queue(), queue.Queue()
def work():
    orders.get()
    try:
        socket.socket()
        answers.put("possible")
    except PermissionError:
        answers.put("refused")
threading.Thread(target=work).start()
enter_sandbox("auto", "cpu", files_for(driver=False))
orders.put(None)
print(answers.get())
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_no_filter_is_installed_on_a_machine_that_is_not_known(data_folder: Path) -> None:
    machine = "import platform\nplatform.machine = lambda: 'riscv64'"
    found = tried("auto", "cpu", data_folder, machine)
    assert not found["report"]["seccomp"]
    assert "seccomp: no filter is known for this machine (riscv64)" in found["report"]["missing"]
    assert refused(found)["open a socket to a network"] is False


@NEEDS_LANDLOCK
def test_what_an_engine_needs_stays_possible() -> None:
    code = """
import ctypes, mmap, os, signal, socket, subprocess, sys, threading
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import enter_sandbox
ours, theirs = socket.socketpair()
memory = os.memfd_create("before")
os.ftruncate(memory, 4096)
print(enter_sandbox("require", "cpu", files_for(driver=False)).missing)
import sqlite3, xml.etree.ElementTree, importlib.metadata
import PIL.Image, PIL.JpegImagePlugin, PIL.WebPImagePlugin, numpy
ours.send(b"x")
print(theirs.recv(1))
print(len(mmap.mmap(memory, 4096)))
print(open(f"/dev/fd/{memory}", "rb").read(1))
other = os.memfd_create("after")
os.ftruncate(other, 4096)
done = threading.Event()
threading.Thread(target=done.set).start()
print(done.wait(10))
os.setpriority(os.PRIO_PROCESS, 0, 10)
signal.setitimer(signal.ITIMER_REAL, 60)
print("about to abort", flush=True)
os.abort()
"""
    done = python(code)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == [
        "()",
        "b'x'",
        "4096",
        "b'\\x00'",
        "True",
        "about to abort",
    ]
    assert done.returncode == -6


def test_the_folder_in_which_the_daemon_is_started_is_not_readable(data_folder: Path) -> None:
    """Though Python's path begins with it."""
    command = [sys.executable, "-m", "edgesegd.sandbox.attempts", "auto", "cpu", str(data_folder)]
    done = subprocess.run(command, cwd=data_folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    if found["report"]["landlock"] == 0:
        pytest.skip("this kernel has no Landlock")
    assert refused(found)["read a file in the data folder"] is True
