"""Tries what an attacker in an engine would try.

`python -m edgesegd.sandbox.attempts MODE PROFILE FOLDER [FILE…]`: the process enters the same
sandbox as an engine with that profile, and prints one JSON object: what took effect, and the
outcome of each attempt. FOLDER is the daemon's data folder; it and each FILE must not be readable.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edgesegd.board.system import IS_LINUX
from edgesegd.sandbox.files import files_for
from edgesegd.sandbox.sandbox import DRIVER, enter_sandbox

REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOENT, errno.EROFS)
"""What is tried is there, unless the sandbox hides it or shows it read-only."""
PTRACE_SEIZE = 0x4206
"""Of `linux/ptrace.h`: like PTRACE_ATTACH, but the other process is not stopped."""
DISKS = ("/dev/mem", "/dev/mmcblk0", "/dev/nvme0n1", "/dev/sda", "/dev/vda")
SHADOW = Path("/etc/shadow")
TMP = Path("/tmp")  # noqa: S108 # a folder for all
MARK = ".edgesegd-attempt-"
"""Begins the names of files that are written. Not even their deletion may be possible then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: `refused`, or not, or not tried (None); `how` says more."""

    attempt: str
    refused: bool | None
    how: str


class NotTried(Exception):
    """There is nothing here to try it on."""


def main(mode: str, profile: str, folder: str, *files: str) -> None:
    """Enter the sandbox, try everything, and print the outcomes."""
    targets = Targets(Path(folder))
    with targets:
        report = enter_sandbox(mode, profile, files_for(driver=profile == DRIVER), [folder, *files])
        outcomes = [outcome_of(*each) for each in attempts(targets)]
    found = {"report": asdict(report), "attempts": [asdict(each) for each in outcomes]}
    sys.stdout.write(json.dumps(found) + "\n")


class Targets:
    """What was there before the sandbox: files, folders and sockets.

    `file` is one in `folder`, and `given` its descriptor, open to read, as an engine may be given
    its model. `own` is a socket like those that an engine inherits, and `address` that of another
    program's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = first_file(folder)
        self.given = None if self.file is None else open_to_read(self.file)
        self.there = {path for path in (SHADOW, folder, TMP) if os.path.exists(path)}  # noqa: PTH110
        self.disk = next((Path(disk) for disk in DISKS if os.path.exists(disk)), None)  # noqa: PTH110
        self.own, self._peer = socket.socketpair(type=socket.SOCK_DGRAM)
        self._other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if IS_LINUX:
            self._other.bind("")  # a free name, unix(7)
        self.address = self._other.getsockname()

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_reason: object) -> None:
        """Close the file and the sockets."""
        if self.given is not None:
            os.close(self.given)
        for each in (self.own, self._peer, self._other):
            each.close()


def attempts(targets: Targets) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is tried, in words, and how; a function raises OSError if the kernel refuses it."""
    front = os.getppid()
    yield "open a socket to a network", lambda: socket.socket(socket.AF_INET)
    yield "open a Unix socket", lambda: socket.socket(socket.AF_UNIX)
    yield "send to another program's socket", lambda: send_to_other(targets)
    yield "read /etc/shadow", lambda: read_shadow(targets)
    yield "read a file in the data folder", lambda: read_first(targets)
    yield "write a file in the data folder", lambda: write_in(targets.folder, targets)
    yield "write a file in /tmp", lambda: write_in(TMP, targets)
    yield "write a file that it was given to read", lambda: write_given(targets)
    yield "open a disk or the memory", lambda: open_disk(targets)
    yield "start a process", fork
    yield "run a program", execute
    yield "trace the daemon", lambda: trace(front)
    yield (
        "read the daemon's environment",
        lambda: open_file(Path(f"/proc/{front}/environ"), os.O_RDONLY),
    )
    yield "send the daemon a signal", lambda: os.kill(front, 0)
    yield "choose the daemon's cores", lambda: choose_cores(front)


def outcome_of(attempt: str, function: Callable[[], object]) -> Outcome:
    """Try it."""
    try:
        function()
    except NotTried as reason:
        return Outcome(attempt, None, str(reason))
    except OSError as error:
        how = error.strerror or str(error)
        return Outcome(attempt, True if error.errno in REFUSALS else None, how)
    return Outcome(attempt, False, "")


def first_file(folder: Path) -> Path | None:
    """The first file in a folder; None if there is none, or this user may not list it."""
    try:
        return next((each for each in sorted(folder.iterdir()) if each.is_file()), None)
    except OSError:
        return None


def open_to_read(path: Path) -> int | None:
    """Its descriptor; None if it has no content, or this user may not read it."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.stat().st_size else None
    except OSError:
        return None


def send_to_other(targets: Targets) -> None:
    """Send a byte to the socket of another program."""
    if not targets.address:
        raise NotTried("this system has no sockets without a file")
    targets.own.sendmsg([b"x"], [], 0, targets.address)


def open_file(path: Path, flags: int) -> None:
    """Open a file and close it again."""
    os.close(os.open(path, flags, 0o600))


def read_first(targets: Targets) -> None:
    """Open the file that was found in the folder."""
    if targets.file is None:
        raise NotTried(f"no file can be seen in {targets.folder}")
    open_file(targets.file, os.O_RDONLY)


def read_shadow(targets: Targets) -> None:
    """Open the file with the hashes of passwords."""
    if SHADOW not in targets.there:
        raise NotTried(f"there is no {SHADOW}")
    open_file(SHADOW, os.O_RDONLY)


def write_in(folder: Path, targets: Targets) -> None:
    """Make a new file, and remove it."""
    if folder not in targets.there:
        raise NotTried(f"there is no folder {folder}")
    path = folder / f"{MARK}{secrets.token_hex(8)}"
    open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with contextlib.suppress(OSError):
        path.unlink()


def write_given(targets: Targets) -> None:
    """Open a file that is open to read again, by its descriptor, so that it can be changed."""
    if targets.given is None:
        raise NotTried(f"no file can be read in {targets.folder}")
    opened = os.open(f"/proc/self/fd/{targets.given}", os.O_RDWR)
    try:
        # A sealed file in memory can be opened, but not changed.
        mmap.mmap(opened, 1, prot=mmap.PROT_READ | mmap.PROT_WRITE).close()
    finally:
        os.close(opened)


def remove_written(folder: Path) -> None:
    """Remove what was written in attempts that were possible; outside of the sandbox."""
    for place in (folder, TMP):
        with contextlib.suppress(OSError):  # of another user
            for path in place.glob(f"{MARK}*"):
                path.unlink()


def open_disk(targets: Targets) -> None:
    """Open the first disk that there was for reading."""
    if targets.disk is None:
        raise NotTried(f"there is none of {', '.join(DISKS)}")
    open_file(targets.disk, os.O_RDONLY)


def fork() -> None:
    """Start a process that ends at once."""
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def execute() -> None:
    """Run a program, in a process of its own if there can be one."""
    try:
        child = os.fork()
    except OSError:
        # Here a program would replace this process, so one is run that does not exist.
        try:
            os.execv("/nonexistent", ["nonexistent"])  # noqa: S606 # no shell
        except FileNotFoundError:
            return
    if child == 0:
        try:
            os.execv(sys.executable, [sys.executable, "-S", "-c", ""])  # noqa: S606 # no shell
        except OSError as error:
            os._exit(error.errno or 1)
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise OSError(code, os.strerror(code))


def trace(process: int) -> None:
    """Attach to a process as a debugger; this process's end detaches it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(PTRACE_SEIZE), process, None, None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def choose_cores(process: int) -> None:
    """Give a process the cores that it has."""
    if not hasattr(os, "sched_setaffinity"):
        raise NotTried("this system lets no program choose cores")
    os.sched_setaffinity(process, os.sched_getaffinity(process))


if __name__ == "__main__":
    main(*sys.argv[1:])
