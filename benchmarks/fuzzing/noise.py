"""Bytes for ports: garbage, and conversations that were right before they were changed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attacks.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    header_block,
    message,
)
from attacks.messages import SEGMENT, SEGMENT_IMAGE, image_request, stream_frame, stream_options

from fuzzing.changes import NUMBERS, change_bytes

CONTINUATION, GOAWAY, PUSH_PROMISE, PRIORITY = 9, 7, 5, 2
KINDS = range(12)
TLS_HELLO = bytes.fromhex("160301020001000001fc0303") + bytes(500)
METRICS = b"GET /metrics HTTP/1.1\r\nHost: board\r\nAccept: */*\r\nConnection: close\r\n\r\n"
LEASE = b'{"bytes": 4096}\n'
ORDER = b'{"order": "list", "name": "", "version": "", "path": ""}\n'
OPENINGS = (PREFACE, METRICS, TLS_HELLO, b"SSH-2.0-x\r\n", b"\0" * 24, LEASE, ORDER)


def garbage(dice: Random) -> bytes:
    """Bytes that have little to do with any protocol."""
    begins = dice.choice((*OPENINGS, b""))
    rest = dice.randbytes(dice.choice((0, 1, 9, 100, 5000)))
    return change_bytes(begins, dice) + rest if dice.random() < 0.7 else begins + rest


def request_for_metrics(dice: Random) -> bytes:
    """A changed request of HTTP/1."""
    line = b"X: " + b"a" * dice.choice((1, 1000, 70_000)) + b"\r\n"
    more = line * dice.choice((0, 0, 1, 300))
    return change_bytes(METRICS.replace(b"Accept", more + b"Accept"), dice)


def lease(dice: Random) -> bytes:
    """A changed request for shared memory."""
    number = dice.choice((*map(str, NUMBERS), "-1", "1e9", "NaN", '"1"', "[" * 200, "9" * 200))
    line = b'{"bytes": ' + number.encode() + b"}\n"
    return line if dice.random() < 0.5 else change_bytes(line, dice)


def order(dice: Random) -> bytes:
    """A changed order to list the models."""
    return change_bytes(ORDER, dice)


def http2(dice: Random, pictures: Sequence[bytes]) -> bytes:
    """Two calls in frames of HTTP/2 that are changed, left out, doubled and in another order."""
    picture = dice.choice(pictures)
    table = dice.choice((0, 4096, 2**32 - 1)).to_bytes(4)
    frames = [
        frame(SETTINGS, 0, 0, b"\0\1" + table),
        frame(SETTINGS, 1, 0, b""),
        frame(HEADERS, END_HEADERS, 1, header_block(SEGMENT)),
        frame(DATA, 0, 1, message(stream_options())),
        *_data(1, message(stream_frame(picture)), dice),
        frame(PING, 0, 0, bytes(8)),
        frame(WINDOW_UPDATE, 0, 0, (1 << 16).to_bytes(4)),
        frame(HEADERS, END_HEADERS, 3, header_block(SEGMENT_IMAGE, ("grpc-timeout", "9S"))),
        *_data(3, message(image_request(picture)), dice),
        frame(DATA, END_STREAM, dice.choice((1, 3)), b""),
    ]
    for _ in range(dice.choice((1, 2, 4, 8))):
        at = dice.randrange(len(frames))
        match dice.randrange(6):
            case 0:
                frames[at] = change_bytes(frames[at], dice)
            case 1:
                frames[at] = _other_header(frames[at], dice)
            case 2:
                frames[at:at] = [frames[at]] * dice.choice((1, 1, 30))
            case 3 if len(frames) > 1:
                del frames[at]
            case 4:
                frames.insert(at, frames.pop(dice.randrange(len(frames))))
            case _:
                frames.insert(at, _any_frame(dice))
    return (PREFACE if dice.random() < 0.95 else change_bytes(PREFACE, dice)) + b"".join(frames)


def _data(stream: int, content: bytes, dice: Random) -> list[bytes]:
    """A message in one or several frames."""
    size = dice.choice((len(content), 16_384, 100))
    parts = [content[start : start + size] for start in range(0, min(len(content), 8000), size)]
    return [frame(DATA, 0, stream, part) for part in parts]


def _other_header(one: bytes, dice: Random) -> bytes:
    """The same payload with another length, kind, flags or stream."""
    changed = bytearray(one)
    at = dice.choice((0, 1, 2, 3, 4, 5, 8))
    changed[at : at + 1] = bytes([dice.choice((*KINDS, dice.randrange(256)))])
    return bytes(changed)


def _any_frame(dice: Random) -> bytes:
    """A frame of any kind, with or without a meaning."""
    kind = dice.choice((*KINDS, CONTINUATION, GOAWAY, PUSH_PROMISE, PRIORITY, RST_STREAM))
    stream = dice.choice((0, 1, 2, 3, 5, 2**31 - 1))
    size = dice.choice((0, 4, 5, 6, 8, 100))
    return frame(kind, dice.choice((0, 1, 4, 8, 32, 255)), stream, dice.randbytes(size))
