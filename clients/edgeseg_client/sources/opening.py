"""Finds out what an address is, and makes the source for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edgeseg_client.errors import WrongSource
from edgeseg_client.sources.folder import Pictures
from edgeseg_client.sources.mjpeg import MjpegAddress, StandardInput
from edgeseg_client.sources.picamera import PiCamera
from edgeseg_client.sources.pictures import SUFFIXES, find_pictures
from edgeseg_client.sources.recording import SUFFIX, RecordedFrames
from edgeseg_client.sources.shown_address import shown_address
from edgeseg_client.sources.source import Source
from edgeseg_client.sources.video import StreamAddress, V4l2Camera, VideoFile, is_finite_video

_NAMED: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.+)", re.DOTALL)
_PICAMERA: Final = re.compile(r"picamera2(?::(\d))?")
_KINDS: Final = (
    "a folder or pictures, a video file, a camera (/dev/video0 or 0), picamera2, an address"
    " (rtsp://…, http://…), or - for MJPEG on standard input"
)

_USED_BY: Final[dict[str, tuple[str, tuple[type[Source], ...]]]] = {
    "--fps": (
        "V4L2 cameras, pictures at an address, pictures and videos",
        (V4l2Camera, MjpegAddress, Pictures, VideoFile),
    ),
    "--realtime": ("videos", (VideoFile,)),
    "--camera-size": ("V4L2 cameras and picamera2", (V4l2Camera, PiCamera)),
    "--loop": ("pictures and videos", (Pictures, VideoFile)),
}
"""For which sources each option is; for others it does nothing."""


def require_use(options: Iterable[str], sources: Sequence[Source]) -> None:
    """Raises `WrongSource` if one of the options that were given is for none of the sources."""
    for option in options:
        kinds, types = _USED_BY[option]
        if not any(isinstance(source, types) for source in sources):
            names = ", ".join(source.name for source in sources)
            raise WrongSource(f"{option} is for {kinds}, and {names} is none of them; leave it out")


def require_one_reader(sources: Iterable[Source]) -> None:
    """Raises `WrongSource` if two sources would read standard input."""
    names = [source.name for source in sources if isinstance(source, StandardInput)]
    if len(names) > 1:
        raise WrongSource(f"{' and '.join(names)} are all standard input; give - once")


def open_source(
    address: str,
    *,
    name: str = "",
    fps: float | None = None,
    realtime: bool = False,
    rounds: int = 1,
    size: tuple[int, int] | None = None,
    wait: float = 5.0,
) -> Source:
    """A source of frames; raises `WrongSource` if the address is nothing that can be read.

    Args:
        address: A folder, a picture, a video file, a recording, a camera (`/dev/video0` or `0`),
            `picamera2`, an address (`rtsp://…`, `http://…`), or `-` for MJPEG on standard input.
            `NAME=ADDRESS` gives it a name.
        name: Its name; by default that of its device, file or host.
        fps: How many frames a camera gives per second, or how fast pictures and videos are played.
        realtime: Whether videos are played as they were filmed.
        rounds: How often pictures and videos are played; 0 for endlessly.
        size: (width, height) of a camera's pictures, in pixels; None for its own choice.
        wait: Seconds after which a live source that cannot be opened raises its error.
    """
    if not address.strip():
        raise WrongSource(f"the source is empty; give {_KINDS} (the current folder is .)")
    if not name and not Path(address).exists() and (named := _NAMED.fullmatch(address)):
        name, address = named.groups()
    if address.isdecimal() and not Path(address).exists():
        address = f"/dev/video{address}"
    if address == "-":
        return StandardInput(name or "stdin")
    if match := _PICAMERA.fullmatch(address):
        return PiCamera(name or "picamera2", int(match[1] or 0), wait=wait, size=size)
    if address.startswith("/dev/"):
        return V4l2Camera(name or Path(address).name, address, wait=wait, size=size, fps=fps)
    if "://" in address:
        return _open_address(address, name, wait=wait, fps=fps, realtime=realtime, rounds=rounds)
    return _open_path(Path(address), name, fps=fps, realtime=realtime, rounds=rounds)


def _open_path(path: Path, name: str, *, fps: float | None, realtime: bool, rounds: int) -> Source:
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        pictures = find_pictures([str(path)])
        return Pictures(name or path.resolve().name, pictures, fps=fps, rounds=rounds)
    if not path.exists():
        raise WrongSource(f"there is no {shown_address(str(path))}; give {_KINDS}")
    if path.suffix == SUFFIX:
        return RecordedFrames(name or path.stem, path)
    return VideoFile(name or path.name, str(path), realtime=realtime, fps=fps, rounds=rounds)


def _open_address(
    address: str, name: str, *, wait: float, fps: float | None, realtime: bool, rounds: int
) -> Source:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its message would quote the password
        raise WrongSource(
            f"{shown_address(address)} is not an address: its host or port is not valid, or a"
            " password in it has one of : / ? # [ ] @ that is not percent-encoded (%2F for /)"
        ) from None
    if not host:
        raise WrongSource(f"{shown_address(address)} names no host; give {_KINDS}")
    if parts.scheme in {"http", "https"} and not parts.path.endswith((".m3u8", ".mp4", ".ts")):
        return MjpegAddress(name or host, address, wait=wait, fps=fps)
    if parts.scheme in {"http", "https"} and is_finite_video(address):
        return VideoFile(name or host, address, realtime=realtime, fps=fps, rounds=rounds)
    return StreamAddress(name or host, address, wait=wait)
