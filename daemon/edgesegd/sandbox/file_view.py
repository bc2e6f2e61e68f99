"""A file system that holds only what a process may open, for kernels without Landlock.

Raspberry Pi OS has such a kernel: its user namespaces are on, and Landlock is off.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgesegd.sandbox import namespaces
from edgesegd.sandbox.files import Files, real_path

PLACES = (Path("/tmp"), Path("/run"), Path("/mnt"))  # noqa: S108 # nothing is written there
"""A folder that exists is covered by the new file system, until that is all there is."""

DESCRIPTORS, TARGET = Path("/dev/fd"), Path("/proc/self/fd")
"""A symbolic link by which files are opened that the front passed on open, and its target."""


def restrict(files: Files) -> None:
    """Leave this process a file system in which there is nothing but `files`.

    What is not a device is read-only. Raises OSError if the kernel refuses it, as to a process with
    other threads; then this process sees the files as before.
    """
    place = next((each for each in PLACES if each.is_dir()), None)
    if place is None:
        raise OSError(f"there is none of {', '.join(map(str, PLACES))}")
    with contextlib.ExitStack() as opened:
        opened.callback(namespaces.drop_capabilities)
        namespaces.leave_namespaces()
        shown = [
            *_opened(files.readable, namespaces.READ_ONLY | namespaces.NO_SET_USER, opened),
            *_opened(files.devices, namespaces.NO_SET_USER | namespaces.NO_EXEC, opened),
        ]
        namespaces.mount_empty(place)
        with contextlib.ExitStack() as covered:
            covered.callback(namespaces.uncover, place)
            for path, descriptor, attributes in shown:
                target = _below(place, path)
                _make_target(target, descriptor)
                namespaces.show_at(descriptor, target, attributes)
            link = _below(place, DESCRIPTORS)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(TARGET)
            namespaces.make_root(place)
            covered.pop_all()
        namespaces.set_attributes(Path("/"), namespaces.READ_ONLY)


def _opened(
    paths: Iterable[Path], attributes: int, stack: contextlib.ExitStack
) -> Iterator[tuple[Path, int, int]]:
    """The outermost of these paths that are there, also without symbolic links, with descriptors.

    A place is covered while others are shown, so they are opened before.
    """
    every = {each for path in paths for each in (path, real_path(path)) if _is_plain(each)}
    outermost: list[Path] = []
    for path in sorted(every):
        if not any(path.is_relative_to(other) for other in outermost):
            outermost.append(path)
            with contextlib.suppress(OSError):  # it has gone, or may not be opened
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
                yield path, descriptor, attributes


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _is_plain(path: Path) -> bool:
    return path.is_absolute() and ".." not in path.parts


def _make_target(target: Path, descriptor: int) -> None:
    """An empty folder or file in the new file system, unless something is shown there already."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        target.mkdir()
    else:
        target.touch()
