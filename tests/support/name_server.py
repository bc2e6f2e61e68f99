"""A name server that gives the same IPv4 addresses for every name."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("!6H")
_AUTHORITATIVE_ANSWER = 0x8580
_A, _IN, _TTL = 1, 1, 60
_NAME_OF_QUESTION = 0xC000 | _HEADER.size


class NameServer:
    """Answers on UDP at `address` with `numbers`, which may change; no record of types but A.

    Source of the messages: RFC 1035, 4.1.
    """

    def __init__(self, *numbers: str) -> None:
        self.numbers = numbers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        number, *_ = _HEADER.unpack_from(query)
        end = query.index(0, _HEADER.size) + 5
        question = query[_HEADER.size : end]
        kind, _ = struct.unpack("!HH", question[-4:])
        numbers = self.numbers if kind == _A else ()
        header = _HEADER.pack(number, _AUTHORITATIVE_ANSWER, 1, len(numbers), 0, 0)
        records = (
            struct.pack("!HHHIH", _NAME_OF_QUESTION, _A, _IN, _TTL, 4) + socket.inet_aton(one)
            for one in numbers
        )
        return header + question + b"".join(records)
