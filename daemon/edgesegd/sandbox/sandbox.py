"""Puts this process into its sandbox, as far as the kernel has one."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgesegd.core.errors import SandboxMissing
from edgesegd.sandbox import file_view, given_files, kernel, landlock
from edgesegd.sandbox.files import Files
from edgesegd.sandbox.filter import program
from edgesegd.sandbox.machine import machine_of_process
from edgesegd.sandbox.modes import OFF, REQUIRE
from edgesegd.sandbox.rules import rules

CPU, DRIVER = "cpu", "driver"
"""The profiles: a delegate's driver needs its device, and what it reads about it."""


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """What took effect in a process. `landlock` is the version of the ABI, 0 for none.

    `file_view` says whether it has a file system of its own instead, `profile` is "" if the sandbox
    is off, and `missing` says what did not take effect, and why.
    """

    profile: str = ""
    no_new_privileges: bool = False
    seccomp: bool = False
    landlock: int = 0
    file_view: bool = False
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What is in force, for a line of the log."""
        if not self.profile:
            return "off"
        parts = (
            f"Landlock (ABI {self.landlock})" if self.landlock else "",
            "a file system of its own" if self.file_view else "",
            "seccomp" if self.seccomp else "",
            "no new privileges" if self.no_new_privileges else "",
        )
        return f"profile {self.profile}: {', '.join(filter(None, parts)) or 'nothing'}"


def enter_sandbox(
    mode: str, profile: str, files: Files, private: Sequence[str] = ()
) -> SandboxReport:
    """Give up what `profile` does not need, for ever; returns what took effect.

    With "require", raises SandboxMissing if a part is missing. A kernel without Landlock gives the
    process a file system of its own. Either holds for this thread and those that it starts, so it
    counts as missing if there are others already, or if something `private` is in a folder that
    stays readable.
    """
    if mode == OFF:
        return SandboxReport()
    missing: list[str] = []

    @contextlib.contextmanager
    def part(name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            missing.append(f"{name}: {error}")

    version, viewed, filtered = 0, False, False
    with part("no new privileges"):
        kernel.set_no_new_privileges()
    with part("Landlock"):
        version, viewed = _restrict_files(files)
        missing += [f"Landlock: {why}" for why in files.readable_of(private)]
    if viewed:
        with part("files that are open already"):
            given_files.keep_from_writing()
    with part("seccomp"):
        _filter_calls(driver=profile == DRIVER)
        filtered = True
    report = _report(profile, version, viewed, filtered, missing)
    if mode == REQUIRE and report.missing:
        raise SandboxMissing(
            f"sandbox is {REQUIRE}, and a part of it is missing: {'; '.join(report.missing)}"
        )
    return report


def _restrict_files(files: Files) -> tuple[int, bool]:
    """Restrict what can be opened: the version of Landlock's ABI, or whether by a file system."""
    if others := len(list(Path("/proc/self/task").iterdir())) - 1:
        raise OSError(f"other threads run already ({others}), and it would not hold for them")
    version = kernel.landlock_version()
    if version:
        landlock.restrict(files, version)
        return version, False
    try:
        file_view.restrict(files)
    except OSError as error:
        raise OSError(
            "this kernel has none or has it off (lsm=landlock,…), or a container hides it; and "
            f"instead, no file system of its own can be had: {error}"
        ) from None
    return 0, True


def _filter_calls(*, driver: bool) -> None:
    """Apply seccomp to all threads; raises OSError."""
    machine = machine_of_process()
    if machine is None:
        raise OSError(f"no filter is known for this machine ({platform.machine()})")
    kernel.install_filter(machine.column, program(machine, rules(driver=driver)))


def _report(
    profile: str, version: int, viewed: bool, filtered: bool, missing: list[str]
) -> SandboxReport:
    """What the kernel itself says about this process; Landlock has no such report."""
    status = _status()
    no_new_privileges = status.get("NoNewPrivs") == "1"
    seccomp = filtered and status.get("Seccomp", "2") == "2"
    if filtered and not seccomp:
        missing.append("seccomp: the kernel does not report it")
    return SandboxReport(profile, no_new_privileges, seccomp, version, viewed, tuple(missing))


def _status() -> dict[str, str]:
    """The lines of /proc/self/status; none where there is no such file."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}
