"""What an engine that is not sound any more may say: it is refused, and reads only its slot."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from edgesegd.core.delegate_check import DelegateCheck
from edgesegd.core.errors import InvalidFrame
from edgesegd.core.options import Output
from edgesegd.core.result import FrameResult, Outlines, SegmentResult, Stage
from edgesegd.core.reuse import Reused, ReuseMode
from edgesegd.ipc.checks import CHECKS, MAX_CHECKS, read_checks, write_checks
from edgesegd.ipc.messages import (
    MAX_ERROR,
    EngineReady,
    Message,
    WarmedUp,
    from_line,
    to_line,
)
from edgesegd.ipc.results import CPU, read_cpu_seconds, read_result, write_result

SLOT_BYTES = 4096
NOT_VALID = (ValueError, LookupError, TypeError)


def sound() -> tuple[Message, memoryview]:
    """A message with everything, and its slot."""
    slot = memoryview(bytearray(SLOT_BYTES))
    outlines = Outlines(bytes(48), array("I", [3, 3]).tobytes(), bytes(2))
    segment = SegmentResult(1, 9, (1, 2, 3, 4), 0.5, bytes(8), b"01", outlines)
    result = FrameResult(
        *(10, 10, (20, 20), {Output.LABELS: bytes(100)}, (segment,), {Stage.INVOKE: 0.1}),
        reused=Reused(7, ReuseMode.IDENTICAL),
    )
    return from_line(to_line(write_result(result, slot))), slot


def change(message: Message, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        message = message[key]
    message[path[-1]] = value


def test_the_sound_message_is_read() -> None:
    message, slot = sound()
    assert read_result(message, slot).segments[0].outlines is not None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("size",), [10]),
        (("size", 0), -1),
        (("size", 0), 10.5),
        (("size", 0), True),
        (("size", 0), 1 << 32),
        (("frame", 1), "20"),
        (("frame",), [20, 20, 20]),
        (("planes", "labels"), -100),
        (("planes", "labels"), SLOT_BYTES + 1),
        (("planes", "other"), 1),
        (("planes",), []),
        (("planes",), None),
        (("seconds",), "invoke"),
        (("seconds",), [["invoke", 0.1]]),
        (("segments",), [[0, 0, [0] * 4, None, [None] * 5]] * 257),
        (("segments", 0, 0), None),
        (("segments", 0, 1), 1 << 64),
        (("segments", 0, 2), [0, 0, 0]),
        (("segments", 0, 2, 0), [[]]),
        (("segments", 0, 3), "0.5"),
        (("segments", 0, 4), [None] * 4),
        (("segments", 0, 4, 0), 7),
        (("segments", 0, 4, 2), 47),
        (("segments", 0, 4, 3), 4),
        (("segments", 0, 4, 4), 3),
        (("seconds", "invoke"), "0.1"),
        (("seconds", "invoke"), float("nan")),
        (("seconds", "invoke"), -0.1),
        (("seconds", "invoke"), 1e300),
        (("seconds", "other"), 0.1),
        (("reused",), [7]),
        (("reused", 0), -1),
        (("reused", 1), "other"),
        (("error",), []),
        (("error",), "InvalidFrame"),
    ],
)
def test_a_result_that_no_engine_of_this_version_sends_is_refused(
    path: tuple[Any, ...], value: object
) -> None:
    message, slot = sound()
    change(message, path, value)
    with pytest.raises(NOT_VALID):
        read_result(message, slot)


def test_run_lengths_that_are_no_text_are_refused() -> None:
    message, slot = sound()
    slot[108] = 0xFF  # after the labels and the run lengths
    with pytest.raises(ValueError, match="run lengths"):
        read_result(message, slot)


def test_the_checks_of_a_delegate_are_read() -> None:
    checks = [DelegateCheck(0.5, False), DelegateCheck(1.0, True)]
    for some in ([], checks):
        message, _ = sound()
        write_checks(some, message)
        assert read_checks(from_line(to_line(message))) == some


@pytest.mark.parametrize(
    "checks",
    [
        None,
        0,
        {},
        "x",
        [None],
        [0.5],
        ["xy"],
        [[0.5]],
        [[0.5, True, 1]],
        [[1, True]],
        [[True, True]],
        [[0.5, 1]],
        [[1.01, True]],
        [[-0.1, True]],
        [[float("nan"), True]],
        [[0.5, True]] * (MAX_CHECKS + 1),
    ],
)
def test_checks_that_no_engine_of_this_version_sends_are_refused(checks: object) -> None:
    message, _ = sound()
    message[CHECKS] = checks
    with pytest.raises(NOT_VALID):
        read_checks(message)


def test_a_slot_is_not_read_more_than_once() -> None:
    message, slot = sound()
    half = SLOT_BYTES // 2
    message["planes"] = {"labels": half, "labels_png": half, "confidence_map": half}
    with pytest.raises(ValueError, match="more bytes than the slot"):
        read_result(message, slot)


@pytest.mark.parametrize(
    "line", [b"5\n", b'"x"\n', b"[]\n", b"null\n", b"[" * 100_000 + b"\n", b"\xff\n"]
)
def test_a_line_that_is_no_message_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_line(line)


def test_the_text_of_an_error_is_cut_before_it_fills_a_header() -> None:
    with pytest.raises(InvalidFrame) as caught:
        read_result({"error": "InvalidFrame", "message": "x" * 100_000}, sound()[1])
    assert str(caught.value) == "x" * MAX_ERROR
    with pytest.raises(TypeError):
        read_result({"error": "InvalidFrame", "message": ["x"]}, sound()[1])


@pytest.mark.parametrize(
    "change", [{"threads": "4"}, {"delegate": None}, {"not_sandboxed": [1]}, {"not_sandboxed": 5}]
)
def test_the_readiness_of_an_engine_has_its_types(change: dict[str, object]) -> None:
    message = EngineReady("litert", "cpu", 0, 0, 4).to_message()
    assert EngineReady.from_message(message).threads == 4
    with pytest.raises(TypeError):
        EngineReady.from_message({**message, **change})


@pytest.mark.parametrize("seconds", ["1", None, float("nan"), -1.0, float("inf")])
def test_the_warm_up_of_an_engine_took_some_time(seconds: object) -> None:
    assert WarmedUp.from_message({"seconds": 0.5}).seconds == 0.5
    with pytest.raises(TypeError):
        WarmedUp.from_message({"seconds": seconds})


@pytest.mark.parametrize("value", ["1", None, -1.0, True, float("nan"), float("inf")])
def test_a_processor_time_that_is_none_is_refused(value: object) -> None:
    assert read_cpu_seconds({CPU: 2e6}) == 2e6  # three weeks of a core
    with pytest.raises(NOT_VALID):
        read_cpu_seconds({CPU: value})
    with pytest.raises(NOT_VALID):
        read_cpu_seconds({})
