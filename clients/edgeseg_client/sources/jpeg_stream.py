"""Splits MJPEG into its pictures, untouched, whatever is between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from edgeseg_client.errors import SourceLost

MAX_PICTURE: Final = 1 << 26
"""The largest picture in bytes; if no picture ends in as many, the stream is no MJPEG."""
CHUNK: Final = 1 << 16
_START: Final = b"\xff\xd8\xff"
_END: Final = b"\xff\xd9"
_START_OF_SCAN: Final = 0xDA
_WITH_LENGTH: Final = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xFF)})
"""Markers that a segment with a length follows; of the others only the end may come outside."""
_APPLICATION: Final = range(0xE0, 0xF0)
_MIN_PREVIEW: Final = 128
"""A segment of fewer bytes holds no preview."""
_START_AFTER_HEADERS: Final = b"\r\n\r\n" + _START
# In the data of a scan, FF is followed by 00 or by a restart marker; FF may also be repeated.
_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def split_jpegs(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The pictures in what `read` returns, until it returns b"".

    Markers are followed as ISO/IEC 10918-1, annex B, defines them, so that a preview inside a
    picture does not end it. Bytes between pictures, such as the headers of an HTTP multipart
    stream, are skipped; so is a picture that is cut off by the end. One that is cut off by the next
    picture is given as it is, with what is between them, so that its error is seen. Raises
    `SourceLost` if there are `MAX_PICTURE` bytes without a picture.
    """
    data, finder = bytearray(), _PictureEnd()
    while chunk := read(CHUNK):
        data += chunk
        while (end := finder.find(data)) is not None:
            yield bytes(data[finder.start : end])
            del data[:end]
            finder = _PictureEnd()
        if finder.start < 0:
            del data[: -len(_START)]
            finder.skipped += len(chunk)
        if len(data) + finder.skipped > MAX_PICTURE:
            raise SourceLost(f"no JPEG picture in {MAX_PICTURE >> 20} MiB; is it an MJPEG stream?")


class _PictureEnd:
    """Finds the end of the next picture, and goes on where it stopped when more data came."""

    def __init__(self) -> None:
        self.start = -1
        self.skipped = 0
        self._position = 0
        self._in_scan = False

    def find(self, data: bytearray) -> int | None:
        """The position behind the picture's end; None if it has not come yet."""
        if self.start < 0:
            self.start = data.find(_START)
            if self.start < 0:
                return None
            self._position = self.start + 2
        while not self._in_scan or self._skip_scan(data):
            if len(data) < self._position + 4:
                ends = data[self._position : self._position + 2] == _END
                return self._position + 2 if ends else None
            marker = data[self._position + 1]
            if data[self._position] == marker == 0xFF:
                self._position += 1
                continue
            if data[self._position] != 0xFF or marker not in _WITH_LENGTH:
                # The end, or the picture is damaged or cut off by the next; the daemon says so.
                return self._position + 2 * (data[self._position : self._position + 2] == _END)
            length = int.from_bytes(data[self._position + 2 : self._position + 4])
            if (cut := self._next_start(data, marker, length)) >= 0:
                return cut
            if len(data) < self._position + 2 + length:
                return None
            self._position += 2 + length
            self._in_scan = marker == _START_OF_SCAN
        return None

    def _skip_scan(self, data: bytearray) -> bool:
        """Go to the marker behind the data of a scan; returns whether it has come."""
        found = _MARKER_IN_SCAN.search(data, self._position)
        self._in_scan = found is None
        self._position = max(self._position, len(data) - 1) if found is None else found.start()
        return found is not None

    def _next_start(self, data: bytearray, marker: int, length: int) -> int:
        """Where in a segment the next picture starts, because this one was cut off; else -1.

        A picture in application data is taken for a preview, unless it follows HTTP headers.
        """
        begin, end = self._position + 2, self._position + 2 + length
        in_length = data.find(_START, begin, begin + 1 + len(_START))
        if marker in _APPLICATION and length >= _MIN_PREVIEW and in_length < 0:
            found = data.find(_START_AFTER_HEADERS, begin, end)
            return found if found < 0 else found + len(_START_AFTER_HEADERS) - len(_START)
        return data.find(_START, begin, end + len(_START) - 1)
