"""Messages between the front and an engine arrive unchanged."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgesegd.core.errors import (
    EdgesegError,
    InternalFault,
    InvalidFrame,
    InvalidOptions,
    InvalidReason,
    Overloaded,
    StartupError,
)
from edgesegd.core.frame import FrameFormat, FrameSpec, Plane, YuvMatrix, YuvRange
from edgesegd.core.options import Output, PolygonOptions, ResizePolicy, ResultOptions, SizeMode
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode, ReuseStream, StreamFrame
from edgesegd.delegates.spec import DelegateSpec
from edgesegd.ipc.arena import Arena
from edgesegd.ipc.messages import (
    MAX_LINE,
    SENT_ERRORS,
    EngineReady,
    EngineSetup,
    FrameJob,
    Message,
    error_message,
    from_line,
    to_line,
)
from edgesegd.ipc.results import read_result, write_result

SLOT_SIZE = 4096
SIDES = st.integers(0, (1 << 32) - 1)
OUTLINES = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=4).map(
    lambda drawn: Outlines(
        bytes(8 * sum(length for length, _ in drawn)),
        array("I", [length for length, _ in drawn]).tobytes(),
        bytes(hole for _, hole in drawn),
    )
)
SEGMENTS = st.builds(
    SegmentResult,
    class_id=st.integers(0, 254),
    area=SIDES,
    box=st.tuples(SIDES, SIDES, SIDES, SIDES),
    mean_confidence=st.none() | st.floats(0, 1),
    rle=st.none() | st.lists(SIDES, max_size=16).map(lambda counts: array("I", counts).tobytes()),
    rle_compressed=st.none() | st.text(st.characters(max_codepoint=127)).map(str.encode),
    outlines=st.none() | OUTLINES,
)
RESULTS = st.builds(
    FrameResult,
    width=SIDES,
    height=SIDES,
    frame_size=st.tuples(SIDES, SIDES),
    planes=st.dictionaries(st.sampled_from(Output), st.binary(max_size=200)),
    segments=st.lists(SEGMENTS, max_size=20).map(tuple),
    seconds=st.dictionaries(st.sampled_from(Stage), st.floats(0, 100)),
    reused=st.none() | st.builds(Reused, st.integers(0, 2**64 - 1), st.sampled_from(ReuseMode)),
)
JOBS = st.builds(
    FrameJob,
    slot=st.integers(0, 9),
    length=SIDES,
    deadline=st.none() | st.floats(0, 1e9),
    frame=st.builds(
        FrameSpec,
        st.sampled_from(FrameFormat),
        SIDES,
        SIDES,
        SIDES,
        st.lists(st.builds(Plane, SIDES, SIDES), max_size=3).map(tuple),
        st.sampled_from(YuvRange),
        st.sampled_from(YuvMatrix),
    ),
    options=st.builds(
        ResultOptions,
        outputs=st.frozensets(st.sampled_from(Output)),
        size=st.sampled_from(SizeMode),
        width=SIDES,
        height=SIDES,
        resize=st.sampled_from(ResizePolicy),
        classes=st.lists(st.integers(0, 254)).map(tuple),
        polygons=st.builds(PolygonOptions, st.floats(0, 65_535), SIDES),
    ),
    in_stream=st.none()
    | st.builds(
        StreamFrame,
        st.builds(
            ReuseStream,
            number=st.integers(1, 1 << 53),
            mode=st.sampled_from(ReuseMode),
            threshold=st.floats(0, 64),
            max_age=st.floats(0, 60),
        ),
        frame_id=st.integers(0, 2**64 - 1),
        place=st.integers(0, 1 << 53),
    ),
)


def sent(message: Message) -> Message:
    """As it comes out of the socket: one line."""
    line = to_line(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    return from_line(line)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    arena = Arena.create(slots=2, slot_size=SLOT_SIZE)
    yield arena
    gc.collect()  # the errors that were raised hold views of the slots
    arena.close()


@pytest.mark.parametrize("path", ["/models/a.tflite", "/m/ä 模型 🙂.tflite", "/new\nline.tflite"])
def test_an_engine_setup_arrives_as_it_was_sent(path: str) -> None:
    delegate = DelegateSpec("armnn", ("libarmnnDelegate.so",), {"backends": "GpuAcc,CpuAcc"})
    model = {"path": path}
    setup = EngineSetup(model, "auto", delegate, 0, 10**6, 2.5, 2, SLOT_SIZE, model_file=7)
    setup = replace(setup, sandbox="require", private=("/data", "/tls/key.pem"))
    assert EngineSetup.from_message(sent(setup.to_message())) == setup


def test_an_engines_readiness_arrives_as_it_was_sent() -> None:
    ready = EngineReady("ai-edge-litert 2.1", "armnn", 3, 70, 4, 0.0123456789)
    assert EngineReady.from_message(sent(ready.to_message())) == ready


@pytest.mark.parametrize(
    "kind", [kind for kind in SENT_ERRORS.values() if issubclass(kind, StartupError)]
)
def test_an_engines_error_at_loading_is_raised_by_its_class(kind: type[EdgesegError]) -> None:
    with pytest.raises(kind, match="not possible") as caught:
        EngineReady.from_message(sent(error_message(kind("this is not possible"))))
    assert type(caught.value) is kind


@given(JOBS)
def test_a_frame_job_arrives_as_it_was_sent(job: FrameJob) -> None:
    again = FrameJob.from_message(sent(job.to_message()))
    assert again == job
    assert isinstance(again.frame.format, FrameFormat)
    assert again.in_stream is None or isinstance(again.in_stream.stream.mode, ReuseMode)
    assert all(isinstance(output, Output) for output in again.options.outputs)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(result=RESULTS)
def test_a_frame_result_arrives_as_it_was_sent(arena: Arena, result: FrameResult) -> None:
    """The front may read it when the slot holds the next frame already."""
    slot = arena.slot(1)
    arrived = read_result(sent(write_result(result, slot)), slot)
    slot[:] = b"\xff" * SLOT_SIZE
    assert arrived == result


def test_a_result_of_every_class_fits_in_the_longest_line(arena: Arena) -> None:
    number = 1 << 32
    segments = tuple(
        SegmentResult(each, number, (number,) * 4, 1 / 3, b"1", b"22", Outlines(b"1", b"22"))
        for each in range(255)
    )
    result = FrameResult(number, number, (number, number), {}, segments)
    assert len(to_line(write_result(result, arena.slot(0)))) < MAX_LINE / 10


def test_a_result_may_fill_the_slot_but_not_exceed_it(arena: Arena) -> None:
    slot = arena.slot(0)
    whole = FrameResult(1, 1, (1, 1), {Output.LABELS: b"\x07" * (SLOT_SIZE - 8)}, ())
    rle = (SegmentResult(0, rle=b"12345678"),)
    full = FrameResult(1, 1, (1, 1), whole.planes, rle)
    assert read_result(sent(write_result(full, slot)), slot) == full
    one_more = FrameResult(1, 1, (1, 1), {**whole.planes, Output.LABELS_PNG: b"x"}, rle)
    with pytest.raises(InvalidOptions, match=r"4,097 bytes, more than the 4,096 .* smaller size"):
        write_result(one_more, slot)
    assert read_result(sent(write_result(full, slot)), slot) == full


def test_a_result_does_not_touch_the_next_slot(arena: Arena) -> None:
    arena.slot(1)[:] = b"\x55" * SLOT_SIZE
    planes = {Output.LABELS: bytes(SLOT_SIZE)}
    write_result(FrameResult(1, 1, (1, 1), planes), arena.slot(0))
    assert set(arena.slot(1)) == {0x55}


@pytest.mark.parametrize("kind", SENT_ERRORS.values())
def test_an_engines_error_about_a_frame_is_raised_by_its_class(
    arena: Arena, kind: type[EdgesegError]
) -> None:
    text = 'the frame has "quotes", a line\nbreak and ünïcödé'
    with pytest.raises(kind) as caught:
        read_result(sent(error_message(kind(text))), arena.slot(0))
    assert type(caught.value) is kind
    assert str(caught.value) == text


def test_an_error_that_engines_do_not_send_arrives_as_a_fault_of_the_daemon(arena: Arena) -> None:
    assert "Overloaded" not in SENT_ERRORS
    with pytest.raises(InternalFault, match="too much"):
        read_result(sent(error_message(Overloaded("too much", 1.0))), arena.slot(0))


@pytest.mark.parametrize("name", ["NoSuchError", "Overloaded", "annotations", "__doc__", ""])
def test_an_error_that_is_unknown_here_arrives_as_a_fault_of_the_daemon(
    arena: Arena, name: str
) -> None:
    """As from an engine of another version."""
    with pytest.raises(InternalFault, match="so it was"):
        read_result({"error": name, "message": "so it was"}, arena.slot(0))


@pytest.mark.parametrize("reason", InvalidReason)
def test_what_is_wrong_with_a_frame_arrives_with_the_error(
    arena: Arena, reason: InvalidReason
) -> None:
    with pytest.raises(InvalidFrame, match="so it was") as caught:
        read_result(sent(error_message(InvalidFrame("so it was", reason))), arena.slot(0))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "said", [{}, {"reason": "new"}, {"reason": 5}, {"reason": None}, {"reason": []}]
)
def test_a_reason_that_is_unknown_here_arrives_as_another_one(
    arena: Arena, said: dict[str, object]
) -> None:
    with pytest.raises(InvalidFrame, match="so it was") as caught:
        read_result({"error": "InvalidFrame", "message": "so it was", **said}, arena.slot(0))
    assert caught.value.reason is InvalidReason.OTHER
