"""MJPEG from standard input or an address; every picture goes on as it came."""

from __future__ import annotations

import http.client
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from edgeseg_client.errors import SourceLost, WrongSource
from edgeseg_client.sources.jpeg_stream import split_jpegs
from edgeseg_client.sources.live import LiveSource
from edgeseg_client.sources.shown_address import shown_address
from edgeseg_client.sources.source import FrameTimer, Source, SourceFrame

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 1.0
"""How long a connection may take to open; then another is tried, sooner than TCP would."""
SILENT_SECONDS: Final = 5.0
"""A camera that sends nothing for as long is lost; a slow one sends a picture in that time."""
SNAPSHOT_FPS: Final = 1.0
"""How often an address that returns one picture is asked, if nothing else is said."""
STANDARD_INPUT: Final = 0
"""Its descriptor; Python has no stream for it where it was closed at the start."""
_GONE: Final = (OSError, http.client.HTTPException)


class StandardInput(Source):
    """MJPEG on standard input, as `rpicam-vid --codec mjpeg -o -` writes it."""

    is_live = True

    def __iter__(self) -> Iterator[SourceFrame]:
        number = 0
        for jpeg in split_jpegs(partial(os.read, STANDARD_INPUT)):
            if self._closed.is_set():
                return
            yield SourceFrame(jpeg, number, time.time_ns())
            number += 1
        if number == 0 and not self._closed.is_set():
            raise WrongSource(
                "there was no JPEG picture on standard input; send it MJPEG, such as that of"
                " `rpicam-vid --codec mjpeg -o -`, and give videos as files"
            )


class MjpegAddress(LiveSource):
    """An HTTP address of MJPEG, or of single pictures that are asked for `fps` times a second."""

    def __init__(self, name: str, address: str, *, wait: float, fps: float | None) -> None:
        super().__init__(name, wait=wait)
        self._opener, self._address = _opener(address)
        self._shown = shown_address(address)
        self._fps = fps

    def open_once(self) -> Iterator[SourceFrame]:
        """As the base says."""
        try:
            yield from self._frames()
        except _GONE as error:
            raise SourceLost(f"{self._shown}: {_reason(error)}") from error

    def _frames(self) -> Iterator[SourceFrame]:
        with self._open() as response:
            kind = response.headers.get_content_type()
            if kind.startswith("multipart/"):
                if self._fps is not None:
                    log.warning("%s sends MJPEG at its own pace; fps does nothing", self.name)
                    self._fps = None
                for jpeg in split_jpegs(response.read1):
                    yield SourceFrame(jpeg, captured_unix_ns=time.time_ns())
                return
            if not kind.startswith("image/"):
                raise WrongSource(
                    f"{self._shown} is {kind}, not MJPEG or a picture; give the address of the"
                    " stream itself"
                )
            picture = response.read()
        timer, number, fps = FrameTimer(self._closed), 0, self._fps or SNAPSHOT_FPS
        while True:
            yield SourceFrame(picture, captured_unix_ns=time.time_ns())
            number += 1
            timer.wait(number / fps)
            with self._open() as response:
                picture = response.read()

    def _open(self) -> http.client.HTTPResponse:
        try:
            response: http.client.HTTPResponse = self._opener.open(self._address)
        except urllib.error.HTTPError as error:
            if error.code in {401, 403}:
                raise WrongSource(
                    f"{self._shown} wants a name and a password: http://NAME:PASSWORD@HOST/…"
                ) from None
            raise
        return response


class _Connection(http.client.HTTPConnection):
    """Opens soon or not at all, and may be silent for longer then."""

    def connect(self) -> None:
        """As the base says."""
        self.timeout = CONNECT_SECONDS
        super().connect()
        self.sock.settimeout(SILENT_SECONDS)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """The same with TLS."""


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


def _opener(address: str) -> tuple[urllib.request.OpenerDirector, str]:
    """What opens an address, with the name and password in it; and the address without them."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    plain = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        name, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, f"{parts.scheme}://{host}/", name, password)
    handlers = (
        urllib.request.ProxyHandler({}),  # cameras are on the LAN
        _HttpHandler(),
        _HttpsHandler(),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )
    return urllib.request.build_opener(*handlers), plain


def _reason(error: Exception) -> str:
    """Why an address could not be read, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answers {error.code} {error.reason}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
