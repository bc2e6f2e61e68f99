"""Calls whose messages are valid protobuf and may say anything; each must end, with all answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from attacks.http2 import DATA, WINDOW_UPDATE, Http2, frame, message
from attacks.messages import SEGMENT, SEGMENT_IMAGE

from edgeseg.v1 import segmentation_pb2 as pb
from fuzzing.changes import change_message, fill_message
from fuzzing.target import Fault

END_SECONDS = 30.0
"""How long a call may take; with a good client beside it, and twelve frames at most."""
INFO = "/edgeseg.v1.SegmentationService/GetServerInfo"
PREFIX = 5
"""Bytes before each message of gRPC: whether it is compressed, and its length."""
OF_THE_DAEMON = ("INTERNAL", "UNKNOWN", "DATA_LOSS")
FAULTY_ANSWERS = (pb.FRAME_STATUS_INTERNAL, pb.FRAME_STATUS_ENGINE_FAILED)
MAX_FRAMES = 12
POLICIES = (pb.QUEUE_POLICY_LATEST, pb.QUEUE_POLICY_EVERY)


@dataclass
class Call:
    """The path of a call, its messages, and how many of them are frames to be answered."""

    path: str
    messages: list[bytes]
    frames: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sent(self) -> bytes:
        """All that is sent."""
        return b"".join(map(message, self.messages))


def any_call(dice: Random, pictures: Sequence[bytes]) -> Call:
    """A call of our protocol with fields that are wild."""
    call = dice.choice((_stream, _stream, _image, _info))(dice, pictures)
    if dice.random() < 0.2:
        call.headers.append(("grpc-timeout", dice.choice(("1n", "1m", "1S", "99999999H"))))
    return call


def make_call(call: Call, address: str, source: str) -> str:
    """Make a call, and wait for its end; returns its status. Raises Fault."""
    with _Listening(address, time.monotonic() + END_SECONDS, source) as connection:
        stream = connection.open(call.path, *call.headers)
        connection.send(stream, call.sent, last=True)
        until = time.monotonic() + END_SECONDS
        while stream not in connection.ended and time.monotonic() < until:
            connection.receive(until - time.monotonic())
        end = connection.ended.get(stream)
        answers = connection.messages(stream)
    if end is None:
        raise Fault(f"the call did not end in {END_SECONDS:g} s; {len(answers)} answers")
    status = end.partition(":")[0]
    if status in OF_THE_DAEMON:
        raise Fault(f"the call ended with {end}")
    if call.path == SEGMENT:
        _check_answers(answers, call, status)
    return status


def _check_answers(answers: Sequence[bytes], call: Call, status: str) -> None:
    if status == "OK" and len(answers) != call.frames:
        raise Fault(f"{call.frames} frames were sent, and {len(answers)} answered")
    for each in map(pb.SegmentResponse.FromString, answers):
        if each.status in FAULTY_ANSWERS:
            raise Fault(f"a frame was answered with {pb.FrameStatus.Name(each.status)}: {each}")


class _Listening(Http2):
    """A connection that keeps what it receives in each stream."""

    def __init__(self, address: str, until: float, source: str) -> None:
        self._data: dict[int, bytes] = {}
        super().__init__(address, until, source)

    def messages(self, stream: int) -> list[bytes]:
        """The messages of a stream; raises Fault if one is not complete."""
        data, found = self._data.get(stream, b""), list[bytes]()
        while data:
            end = PREFIX + int.from_bytes(data[1:PREFIX])
            if len(data) < end:
                raise Fault(f"a message has {end} bytes, but only {len(data)} came")
            found.append(data[PREFIX:end])
            data = data[end:]
        return found

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._data[stream] = self._data.get(stream, b"") + payload
            if payload:
                self.write(frame(WINDOW_UPDATE, 0, stream, len(payload).to_bytes(4)))
        super()._handle(kind, flags, stream, payload)


def _stream(dice: Random, pictures: Sequence[bytes]) -> Call:
    opening = pb.SegmentRequest(options=pb.StreamOptions(policy=dice.choice(POLICIES)))
    _make_wild(opening, opening.options, dice, pictures)
    requests = [opening]
    for _ in range(dice.choice((0, 1, 3, MAX_FRAMES))):
        request = pb.SegmentRequest(frame=pb.Frame(data=dice.choice(pictures)))
        _make_wild(request, request.frame, dice, pictures)
        requests.append(request)
    frames = sum(request.WhichOneof("message") == "frame" for request in requests)
    return Call(SEGMENT, [request.SerializeToString() for request in requests], frames)


def _image(dice: Random, pictures: Sequence[bytes]) -> Call:
    request = pb.SegmentImageRequest(frame=pb.Frame(data=dice.choice(pictures)))
    _make_wild(request, request, dice, pictures)
    return Call(SEGMENT_IMAGE, [request.SerializeToString()])


def _info(dice: Random, _pictures: Sequence[bytes]) -> Call:
    return Call(INFO, [dice.choice((b"", b"\x0a\x03abc"))])


def _make_wild(
    whole: pb.SegmentRequest | pb.SegmentImageRequest,
    part: pb.StreamOptions | pb.Frame | pb.SegmentImageRequest,
    dice: Random,
    pictures: Sequence[bytes],
) -> None:
    """Change some fields of a part, or all of the whole."""
    if dice.random() < 0.1:
        fill_message(whole, dice, pictures)
    elif dice.random() < 0.8:
        change_message(part, dice, pictures)
