"""When frames are counted by the names of streams, and what traces need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from edgesegd.composition.call_observation import CallObservation, counts_streams
from edgesegd.config import Config
from edgesegd.core.errors import ConfigError

WITHOUT_OTEL = """
import sys
sys.modules["opentelemetry"] = None
from prometheus_client import CollectorRegistry
from edgesegd.composition.call_observation import CallObservation
from edgesegd.config import Config
CallObservation(Config(), CollectorRegistry())
print("the one without traces was made")
CallObservation(Config(traces="http://127.0.0.1:4317"), CollectorRegistry())
"""


@pytest.mark.parametrize(
    ("listen", "metrics", "counts"),
    [
        (("127.0.0.1:8460",), "127.0.0.1:9460", True),
        (("unix:///run/edgesegd/grpc.sock", "[::1]:8460"), "", True),
        (("0.0.0.0:8460",), "127.0.0.1:9460", False),
        (("127.0.0.1:8460", "192.0.2.11:8460"), "127.0.0.1:9460", False),
        (("127.0.0.1:8460",), "0.0.0.0:9460", False),
    ],
)
def test_streams_are_counted_by_name_only_where_no_other_machine_can_come(
    listen: tuple[str, ...], metrics: str, counts: bool
) -> None:
    assert counts_streams(Config(listen=listen, metrics_listen=metrics)) is counts


def test_the_operator_decides_otherwise() -> None:
    assert counts_streams(Config(listen=("0.0.0.0:8460",), stream_metrics="on"))
    assert not counts_streams(Config(stream_metrics="off"))


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:4317", "grpc://localhost:4317", "http://", "http://localhost", "http://a:b:c"],
)
def test_what_is_no_address_of_a_collector_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="traces is the address of a collector, http://HOST:PORT"):
        CallObservation(Config(traces=endpoint), CollectorRegistry())


def test_nothing_of_opentelemetry_is_imported_without_traces_and_with_them_it_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OTEL], capture_output=True, text=True, check=False
    )
    assert "traces needs opentelemetry" in done.stderr.splitlines()[-1]
    assert "pip install 'edgeseg[otel]'" in done.stderr.splitlines()[-1]
    assert "the one without traces was made" in done.stdout
