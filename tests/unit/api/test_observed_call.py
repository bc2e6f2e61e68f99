"""How a call begins and ends for what observes it: the name of its stream, and the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import pytest

from edgesegd.api.client_gone import ClientGone
from edgesegd.api.observed_call import CLIENT_LEFT, call_info, observed
from edgesegd.api.open_call import OpenCall, enter_call
from edgesegd.core.call import NOT_OBSERVED, CallInfo, CallObserver
from edgesegd.core.errors import InvalidOptions, Overloaded

CALL = CallInfo("edgeseg.v1.SegmentationService", "Segment", "ipv4:10.0.0.7:4", is_stream=True)


class Context:
    """The part of gRPC's context that is read."""

    def __init__(self, *metadata: tuple[str, str | bytes]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._metadata

    def peer(self) -> str:
        return "ipv6:%5B::1%5D:41234"


class Reasons(CallObserver):
    """Observers that note why calls ended."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, call: CallInfo) -> CallObserver:
        assert call is CALL
        return self

    def ended(self, reason: str) -> None:
        self.seen.append(reason)


def info(*metadata: tuple[str, str | bytes], is_stream: bool = True) -> CallInfo:
    context: Any = Context(*metadata)
    return call_info("edgeseg.v1.SegmentationService", "Segment", context, is_stream=is_stream)


def test_a_call_is_known_by_its_peer_as_people_write_it_and_by_its_metadata() -> None:
    found = info(
        ("traceparent", "00-1-2-01"),
        ("some-bin", b"\0"),
        ("edgeseg-stream", "front"),
        ("authorization", "Bearer secret"),
    )
    assert found.peer == "ipv6:[::1]:41234"
    assert found.stream_name == "front"
    assert found.metadata == {"traceparent": "00-1-2-01", "edgeseg-stream": "front"}


@pytest.mark.parametrize("name", ["front door", "Küche", "門", "50 %", "a/b", "x" * 64])
def test_a_stream_has_the_name_that_its_client_sent(name: str) -> None:
    assert info(("edgeseg-stream", quote(name))).stream_name == name


def test_a_stream_without_a_name_and_a_single_image_have_none() -> None:
    assert info().stream_name == ""
    assert info(("edgeseg-stream", "")).stream_name == ""
    assert info(("edgeseg-stream", "front"), is_stream=False).stream_name == ""


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("x" * 65, "has 65 characters; at most 64"),
        (quote("a\nb"), "cannot be printed"),
        (quote("a\u202eb"), "cannot be printed"),
        (quote(" a"), "begins or ends with a space"),
        ("%ff", "not percent-encoded UTF-8"),
    ],
)
def test_a_name_that_no_stream_can_have_is_refused_with_the_reason(sent: str, why: str) -> None:
    with pytest.raises(InvalidOptions, match=why):
        info(("edgeseg-stream", sent))


def test_a_call_that_ends_by_itself_has_no_reason() -> None:
    reasons = Reasons()
    with observed(reasons, CALL):
        assert reasons.seen == []
    assert reasons.seen == [""]


def test_an_error_is_the_reason_and_goes_on() -> None:
    reasons = Reasons()
    with pytest.raises(Overloaded), observed(reasons, CALL):
        raise Overloaded("too many streams", 1.0)
    assert reasons.seen == ["too many streams"]


def test_a_bug_is_a_fault_of_the_daemon_and_its_text_is_not_the_reason() -> None:
    reasons = Reasons()
    with pytest.raises(ZeroDivisionError), observed(reasons, CALL):
        raise ZeroDivisionError("a text for the log only")
    assert reasons.seen == ["a fault of the daemon"]


def test_a_client_that_cannot_be_sent_anything_has_left() -> None:
    reasons = Reasons()
    with pytest.raises(ClientGone), observed(reasons, CALL):
        raise ClientGone
    assert reasons.seen == [CLIENT_LEFT]


async def test_a_call_that_is_cancelled_has_lost_its_client() -> None:
    reasons = Reasons()

    async def serve() -> None:
        with observed(reasons, CALL):
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reasons.seen == [CLIENT_LEFT]


async def test_a_generator_that_is_closed_has_lost_its_client() -> None:
    reasons = Reasons()

    async def responses() -> AsyncGenerator[int, None]:
        with observed(reasons, CALL):
            yield 1
            yield 2

    async with aclosing(responses()) as serving:
        assert await anext(serving) == 1
    assert reasons.seen == [CLIENT_LEFT]


async def test_an_evicted_call_ends_for_the_reason_of_the_eviction() -> None:
    reasons, opened = Reasons(), asyncio.get_running_loop().create_future()

    async def serve() -> None:
        call = OpenCall(("ipv4:10.0.0.7",))
        enter_call(call)
        opened.set_result(call)
        with call.raising_if_evicted(), observed(reasons, CALL):
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    (await opened).evict(Overloaded("memory is used up", 1.0))
    with pytest.raises(Overloaded):
        await task
    assert reasons.seen == ["memory is used up"]


async def test_a_call_that_is_evicted_while_its_client_does_not_read_has_that_reason() -> None:
    """Then its generator is not where the task waits; it is only closed."""
    reasons, opened = Reasons(), asyncio.get_running_loop().create_future()

    async def responses() -> AsyncGenerator[int, None]:
        with observed(reasons, CALL):
            yield 1

    async def serve() -> None:
        call = OpenCall(("ipv4:10.0.0.7",))
        enter_call(call)
        with call.raising_if_evicted():
            async with aclosing(responses()) as serving:
                await anext(serving)
                opened.set_result(call)
                await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    (await opened).evict(Overloaded("memory is used up", 1.0))
    with pytest.raises(Overloaded):
        await task
    assert reasons.seen == ["memory is used up"]


def test_what_is_not_observed_costs_no_object() -> None:
    assert NOT_OBSERVED.begin(CALL) is NOT_OBSERVED
