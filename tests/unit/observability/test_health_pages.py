"""Health over real HTTP: whether the event loop turns, and whether frames can be served."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry

from edgesegd.core.errors import Unauthenticated
from edgesegd.observability.health import Health, ModelHealth
from edgesegd.observability.health_pages import LoopCheck, Page, health_pages
from edgesegd.observability.metrics_server import MetricsServer

WELL = Page(True, "ok")


def get(server: MetricsServer, path: str) -> tuple[int, str]:
    """The status and the text of a page."""
    try:
        with urllib.request.urlopen(f"http://{server.address}{path}", timeout=10) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def serve(alive: Page = WELL, why_not_ready: str = "", *, public: bool = False) -> MetricsServer:
    def refuse(_authorization: str, _address: str) -> None:
        raise Unauthenticated("a token is needed")

    return MetricsServer(
        CollectorRegistry(),
        "127.0.0.1",
        0,
        check=refuse if public else lambda *_: None,
        health=health_pages(is_alive=lambda: alive, why_not_ready=lambda: why_not_ready),
        public_health=public,
    )


def test_a_daemon_that_serves_is_alive_and_ready() -> None:
    with closing(serve()) as server:
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (200, "ok\n")
        assert get(server, "/readyz?verbose") == (200, "ok\n")
        assert get(server, "/metrics")[0] == 200


def test_a_daemon_without_an_engine_is_alive_and_not_ready() -> None:
    with closing(serve(why_not_ready="no engine of the model scenes is ready")) as server:
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (503, "no engine of the model scenes is ready\n")


def test_a_daemon_whose_loop_hangs_is_neither_alive_nor_ready() -> None:
    with closing(serve(Page(False, "the event loop has not turned for 2 s"))) as server:
        for path in ("/healthz", "/readyz"):
            assert get(server, path) == (503, "the event loop has not turned for 2 s\n")


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/healthz/", "/metric", "/metrics/x"])
def test_a_probe_of_a_page_that_does_not_exist_fails_and_is_told_which_do(path: str) -> None:
    for public in (False, True):
        with closing(serve(why_not_ready="no engine", public=public)) as server:
            wanted = "there is no such page; there are: /metrics, /healthz, /readyz\n"
            assert get(server, path) == (404, wanted)


def test_public_health_needs_no_token_where_the_metrics_do() -> None:
    with closing(serve(public=True)) as server:
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (200, "ok\n")
        assert get(server, "/metrics") == (401, "a token is needed\n")


@pytest.fixture
def asked() -> Iterator[Callable[[LoopCheck], list[Page]]]:
    """Asks in a thread, and returns the list in which the answer will be."""
    threads: list[threading.Thread] = []

    def ask(check: LoopCheck) -> list[Page]:
        found: list[Page] = []
        threads.append(threading.Thread(target=lambda: found.append(check())))
        threads[-1].start()
        return found

    yield ask
    for thread in threads:
        thread.join()


async def test_a_loop_that_turns_is_well() -> None:
    assert await asyncio.to_thread(LoopCheck(30.0)) == WELL


async def test_a_loop_that_hangs_is_noticed_and_well_again_afterwards(
    asked: Callable[[LoopCheck], list[Page]],
) -> None:
    check = LoopCheck(0.05)
    found = asked(check)
    while not found:  # it does not turn meanwhile
        time.sleep(0.01)
    assert found == [Page(False, "the event loop has not turned for 0.05 s")]
    assert await asyncio.to_thread(LoopCheck(30.0)) == WELL


def test_a_loop_that_has_ended_is_not_well() -> None:
    async def make() -> LoopCheck:
        return LoopCheck()

    assert asyncio.run(make())() == Page(False, "the daemon has stopped")


async def test_frames_can_be_served_while_the_default_model_serves_and_nothing_stops() -> None:
    health = Health((), "scenes")
    assert health.why_not_ready() == "no engine of the model scenes is ready"
    await health.set_model("faces", ModelHealth("1", serves=True, degraded=False))
    assert health.why_not_ready() == "no engine of the model scenes is ready"
    await health.set_model("scenes", ModelHealth("1", serves=True, degraded=True))
    assert health.why_not_ready() == ""
    await health.set_model("scenes", ModelHealth("1", serves=False, degraded=True))
    assert health.why_not_ready() == "no engine of the model scenes is ready"
    await health.set_model("scenes", ModelHealth("1", serves=True, degraded=False))
    await health.drain()
    assert health.why_not_ready() == "the daemon is stopping"
