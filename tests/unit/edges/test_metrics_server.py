"""The metrics page over real HTTP."""

from __future__ import annotations

import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from edgesegd.core.errors import CannotListen
from edgesegd.edges.metrics_server import MetricsServer


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
