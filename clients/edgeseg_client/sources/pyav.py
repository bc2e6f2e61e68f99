"""PyAV, which is in an extra: imported when a camera or a video is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edgeseg_client.errors import WrongSource

if TYPE_CHECKING:
    from av.container import InputContainer

OPEN_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 3.0
"""A camera that sends nothing for as long is lost."""


def require_av() -> Any:  # noqa: ANN401 # a module
    """PyAV; raises `WrongSource`, which says how to install it."""
    try:
        import av  # noqa: PLC0415 # in an extra, and large
    except ModuleNotFoundError:
        raise WrongSource(
            "cameras and videos are read with PyAV: pip install 'edgeseg[video]'"
            " (on 32-bit Raspberry Pi OS: apt install python3-av)"
        ) from None
    # FFmpeg's messages are left out; what is wrong is in the errors. With any level FFmpeg's
    # threads need the interpreter's lock to log, and PyAV may hold it while it waits for them.
    try:
        av.logging.set_level(None)
    except TypeError:  # before PyAV 13 there is no such level; see _thread_type
        av.logging.set_level(av.logging.PANIC)
    return av


def ffmpeg_error() -> type[Exception]:
    """The base class of FFmpeg's errors."""
    error: type[Exception] = require_av().error.FFmpegError
    return error


def open_container(
    address: str, *, kind: str | None = None, options: dict[str, str] | None = None
) -> InputContainer:
    """Open a file, an address or a device; raises FFmpeg's errors."""
    container: InputContainer = require_av().open(
        address, format=kind, options=options or {}, timeout=(OPEN_SECONDS, SILENT_SECONDS)
    )
    return container


def thread_type(*, live: bool) -> str:
    """How FFmpeg decodes in threads: those that decode several frames at a time give each later.

    They also log when they end, for which PyAV must be able to ignore what is logged.
    """
    return "SLICE" if live or require_av().logging.get_level() is not None else "AUTO"
