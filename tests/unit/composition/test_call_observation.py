"""When frames are counted by the names of streams."""

from __future__ import annotations

import pytest

from edgesegd.composition.call_observation import counts_streams
from edgesegd.config import Config


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
