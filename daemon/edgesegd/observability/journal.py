"""Log records in the journal of systemd, with fields by which they can be found."""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Iterator, Mapping

from edgesegd.core.log_fields import FIELDS

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "edgesegd"
PREFIX = "EDGESEG_"
STDERR = 2
PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
"""The priority of each level; source: syslog(3). Lower levels have DEBUG_PRIORITY."""
DEBUG_PRIORITY = 7


def is_journal(environ: Mapping[str, str], descriptor: int = STDERR) -> bool:
    """Whether what is written to `descriptor` goes to the journal.

    JOURNAL_STREAM has the device and the inode of the stream that systemd gave to the service. A
    child whose streams lead elsewhere inherits the variable too, so they are compared. Source:
    systemd.exec(5).
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if not (device.isdecimal() and inode.isdecimal()):
        return False
    try:
        stream = os.fstat(descriptor)
    except OSError:
        return False
    return (stream.st_dev, stream.st_ino) == (int(device), int(inode))


class JournalHandler(logging.Handler):
    """Sends each record to the journal as one datagram; source: the Journal Native Protocol.

    The fields of a record are MESSAGE (with its traceback), PRIORITY, SYSLOG_IDENTIFIER, LOGGER,
    and those of `log_fields`: EDGESEG_MODEL, EDGESEG_DELEGATE and so on. A record that the journal
    does not take, as one that is longer than a datagram can be, is given to `otherwise`.
    """

    def __init__(self, otherwise: logging.Handler, address: str = SOCKET) -> None:
        super().__init__()
        self._otherwise = otherwise
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record."""
        try:
            datagram = b"".join(_encode(name, value) for name, value in self._fields(record))
            self._socket.sendto(datagram, self._address)
        except OSError:
            self._otherwise.emit(record)
        except Exception:  # noqa: BLE001 # of a wrong record: as other handlers do
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> Iterator[tuple[str, str]]:
        yield "MESSAGE", self.format(record)
        yield "PRIORITY", str(_priority(record.levelno))
        yield "SYSLOG_IDENTIFIER", IDENTIFIER
        yield "LOGGER", record.name
        for name in FIELDS:
            if value := getattr(record, name, None):
                yield PREFIX + name.upper(), _as_text(value)


def _priority(level: int) -> int:
    return next((number for least, number in PRIORITIES if level >= least), DEBUG_PRIORITY)


def _as_text(value: object) -> str:
    """A field's value; counts are written as "ok=100 superseded=3"."""
    if isinstance(value, Mapping):
        return " ".join(f"{name}={count}" for name, count in value.items())
    return str(value)


def _encode(name: str, value: str) -> bytes:
    """One field: a line, or with the value's length before it if it has several lines."""
    encoded = value.encode(errors="backslashreplace")
    if b"\n" in encoded:
        return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(encoded)), encoded)
    return b"%s=%s\n" % (name.encode(), encoded)
