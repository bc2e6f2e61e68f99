"""The files that an engine may open: a table, and what this Python and this model add to it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The daemon's own package."""
BROAD = (Path("/"), Path("/etc"), Path("/var"), Path("/home"), Path("/root"), Path("/tmp"))  # noqa: S108 # never allowed
"""Folders that hold other people's files; they are not allowed even if Python's path names them."""

READABLE = (
    # Libraries and their data.
    *("/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone"),
    # What libraries ask about cores, memory and this process itself.
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems"),
    *("/proc/sys/vm", "/proc/sys/kernel", "/proc/version"),
    *("/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/kernel/mm"),
    *("/sys/fs/cgroup", "/dev/urandom", "/dev/random", "/dev/zero"),
)
"""For every engine; what a board does not have is left out."""

OF_DRIVERS = (
    # Libraries of vendors, and what they read about devices.
    *("/opt", "/vendor", "/system", "/firmware", "/lib/firmware"),
    *("/etc/OpenCL", "/etc/vulkan", "/etc/glvnd", "/etc/drirc", "/etc/nvidia", "/etc/udev"),
    *("/sys", "/run/udev", "/proc/modules", "/proc/devices", "/proc/device-tree"),
    *("/proc/driver", "/proc/bus"),
)
"""More that an engine with a driver may read."""

WRITABLE = ("/dev/null",)

DEVICES = (
    # Coral, on USB and PCIe.
    *("/dev/bus/usb", "/dev/apex_*"),
    # GPUs and NPUs by Linux's own interfaces.
    *("/dev/dri", "/dev/accel", "/dev/dma_heap", "/dev/udmabuf", "/dev/ion", "/dev/sync"),
    # Vivante, Arm, NXP, Mali, Qualcomm, Rockchip, Hailo, MediaTek, NVIDIA, AMD.
    *("/dev/galcore", "/dev/ethosu*", "/dev/neutron*", "/dev/mali*"),
    *("/dev/kgsl-3d0", "/dev/adsprpc-smd*", "/dev/cdsprpc-smd*", "/dev/fastrpc-*"),
    *("/dev/rknpu*", "/dev/rga", "/dev/mpp_service", "/dev/hailo*", "/dev/apusys*"),
    *("/dev/nvidia*", "/dev/nvmap", "/dev/nvhost*", "/dev/kfd"),
)
"""Devices that an engine with a driver may open for writing; patterns as for glob."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files and folders, with all below: `readable` ones, and `devices` to read, write, control."""

    readable: tuple[Path, ...]
    devices: tuple[Path, ...]

    def readable_of(self, private: Iterable[str]) -> list[str]:
        """Why which of these files and folders stay readable; empty if none does."""
        found = []
        for path in private:
            real = real_path(Path(path))
            folder = next(
                (each for each in self.readable if real.is_relative_to(real_path(each))), None
            )
            if folder is not None:
                found.append(f"{path} can be read, because it is in {folder}")
        return found


def files_for(
    *, driver: bool, libraries: Iterable[str] = (), models: Iterable[Path | None] = ()
) -> Files:
    """What an engine may open.

    `libraries` are those of its delegate, as paths or names; `models` are files that it opens by
    their path.
    """
    readable = [*map(Path, READABLE), *_python_folders(), *filter(None, models)]
    devices = [Path(each) for each in WRITABLE]
    if driver:
        readable += [*map(Path, OF_DRIVERS), *_beside(libraries), *_searched(os.environ)]
        devices += [found for each in DEVICES for found in _matching(each)]
    return Files(_there(readable), _there(devices))


def _python_folders() -> Iterator[Path]:
    """Where modules are imported from, except for the folder in which the daemon was started.

    With `-m`, that is the first of Python's path.
    """
    yield PACKAGE
    yield from map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix))
    working = _working_folder()
    for place, folder in enumerate(sys.path):
        if folder and not (place == 0 and real_path(Path(folder)) == working):
            yield Path(folder)


def _beside(libraries: Iterable[str]) -> Iterator[Path]:
    """The libraries that are given by a path, and others in their folders that they may need."""
    for library in libraries:
        if "/" in library:
            yield Path(library)
            yield from real_path(Path(library)).parent.glob("*.so*")


def _searched(environ: Mapping[str, str]) -> Iterator[Path]:
    """The folders in which the environment lets the dynamic linker and loaders search."""
    for name in ("LD_LIBRARY_PATH", "VK_ICD_FILENAMES", "VK_DRIVER_FILES", "OCL_ICD_VENDORS"):
        for part in filter(None, environ.get(name, "").split(":")):
            yield Path(part)
            if name.startswith("VK_"):  # it names the library beside it
                yield from real_path(Path(part)).parent.glob("*.so*")


def _matching(pattern: str) -> Iterator[Path]:
    return Path("/").glob(pattern.removeprefix("/"))


def _there(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that exist and do not hold everyone's files, each once."""
    never = {*BROAD, *_home()}
    found = dict.fromkeys(paths)
    # Path.exists raises an error for what this user may not see.
    there = (path for path in found if os.path.exists(path))  # noqa: PTH110
    return tuple(path for path in there if real_path(path) not in never)


def _working_folder() -> Path | None:
    """None if it was removed."""
    try:
        return real_path(Path.cwd())
    except OSError:
        return None


def _home() -> Iterator[Path]:
    """None for a user without a line in /etc/passwd, as in containers, if HOME is not set."""
    with contextlib.suppress(RuntimeError):
        yield Path.home()


def real_path(path: Path) -> Path:
    """Without symbolic links; Path.resolve raises an error for a loop of them."""
    try:
        return Path(os.path.realpath(path))
    except OSError:  # a relative path, and the working folder was removed
        return path
