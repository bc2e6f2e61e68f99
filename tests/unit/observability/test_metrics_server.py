"""The metrics page over real HTTP."""

from __future__ import annotations

import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from edgesegd.core.errors import CannotListen
from edgesegd.observability.metrics_server import MAX_CONNECTIONS, MetricsServer


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("edgeseg_test", "A gauge.", registry=registry).set(7)
    return registry


def scrape(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/plain")
        text = page.read().decode()
    return {
        each.name: each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_the_metrics_page_is_served_on_a_free_port(registry: CollectorRegistry) -> None:
    server = MetricsServer(registry, "127.0.0.1", 0)
    try:
        assert not server.address.endswith(":0")
        assert scrape(server.address) == {"edgeseg_test": 7}
    finally:
        server.close()


def test_scrapes_do_not_wait_for_a_client_that_says_nothing(registry: CollectorRegistry) -> None:
    server = MetricsServer(registry, "127.0.0.1", 0)
    host, _, port = server.address.rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=10),
            ThreadPoolExecutor() as scrapers,
        ):
            pages = list(scrapers.map(scrape, [server.address] * 4))
        assert pages == [{"edgeseg_test": 7}] * 4
    finally:
        server.close()


def test_silent_connections_do_not_keep_scrapes_out(registry: CollectorRegistry) -> None:
    """The oldest give way, and their threads end."""
    server = MetricsServer(registry, "127.0.0.1", 0)
    host, _, port = server.address.rpartition(":")
    before = threading.active_count()
    try:
        with ExitStack() as silent:
            connections = [
                silent.enter_context(socket.create_connection((host, int(port)), timeout=30))
                for _ in range(3 * MAX_CONNECTIONS)
            ]
            assert scrape(server.address) == {"edgeseg_test": 7}
            assert connections[0].recv(1) == b"", "the oldest was ended"
            until = time.monotonic() + 10.0
            while threading.active_count() - before > MAX_CONNECTIONS + 1:
                assert time.monotonic() < until
                time.sleep(0.01)
    finally:
        server.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40,
        b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET " + b"/" * 100_000,
        b"\xff\xfe\x00 \xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: minus\r\n\r\n",
    ],
    ids=["http2", "tls", "many headers", "long line", "not text", "odd length"],
)
def test_garbage_is_not_logged_and_harms_no_scrape(
    registry: CollectorRegistry, capfd: pytest.CaptureFixture[str], garbage: bytes
) -> None:
    server = MetricsServer(registry, "127.0.0.1", 0)
    host, _, port = server.address.rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=30) as client,
            suppress(OSError),  # it hangs up when it has seen enough
        ):
            client.sendall(garbage)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass
        with socket.create_connection((host, int(port)), timeout=30) as client:
            linger = struct.pack("ii", 1, 0)  # end with a reset while the page is written
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert scrape(server.address) == {"edgeseg_test": 7}
    finally:
        server.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_scrape_of_the_metrics_page_prints_nothing(
    registry: CollectorRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(MetricsServer(registry, "127.0.0.1", 0)) as server:
        scrape(server.address)
    assert capfd.readouterr() == ("", "")


def test_a_closed_metrics_server_frees_its_port(registry: CollectorRegistry) -> None:
    with closing(MetricsServer(registry, "127.0.0.1", 0)) as server:
        host, _, port = server.address.rpartition(":")
    again = MetricsServer(registry, host, int(port))
    try:
        assert scrape(again.address)
    finally:
        again.close()


def test_a_metrics_port_in_use_is_refused_with_the_option_to_change(
    registry: CollectorRegistry,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: .*--metrics-listen"):
            MetricsServer(registry, "127.0.0.1", port)


def test_a_metrics_host_that_this_machine_does_not_have_is_refused(
    registry: CollectorRegistry,
) -> None:
    with pytest.raises(CannotListen, match="cannot serve metrics on 192"):
        MetricsServer(registry, "192.0.2.1", 0)


def test_an_address_of_one_interface_only_is_served(
    registry: CollectorRegistry, scoped_address: str
) -> None:
    server = MetricsServer(registry, f"[{scoped_address}]", 0)
    try:
        host, _, port = server.address.rpartition(":")
        where = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(where[0]) as client:
            client.connect(where[4])
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            page = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert b"edgeseg_test 7.0" in page
    finally:
        server.close()


def test_metrics_for_a_host_name_are_served_at_the_printed_address(
    registry: CollectorRegistry,
) -> None:
    server = MetricsServer(registry, "localhost", 0)
    try:
        assert scrape(server.address) == {"edgeseg_test": 7}
    finally:
        server.close()


@pytest.mark.parametrize(
    "accept", ["text/plain;version=x", "application/openmetrics-text; version=abc"]
)
def test_a_malformed_header_is_not_logged_and_harms_no_scrape(
    registry: CollectorRegistry, capfd: pytest.CaptureFixture[str], accept: str
) -> None:
    with closing(MetricsServer(registry, "127.0.0.1", 0)) as server:
        request = urllib.request.Request(  # http
            f"http://{server.address}/metrics", headers={"Accept": accept}
        )
        with suppress(urllib.error.HTTPError):  # older prometheus_client takes it
            urllib.request.urlopen(request, timeout=10).close()
        assert scrape(server.address) == {"edgeseg_test": 7}
    assert capfd.readouterr().err == ""
