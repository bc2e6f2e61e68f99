"""How a stream asks for the reuse of results."""

from __future__ import annotations

import math
from typing import Any

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.api.v1.reuse_options import MODES, parse_reuse
from edgesegd.core.errors import InvalidOptions
from edgesegd.core.reuse import ReuseMode, ReuseStream


def parse(**options: Any) -> ReuseStream | None:  # noqa: ANN401 # as the message
    return parse_reuse(pb.StreamOptions(**options))


def test_every_reuse_of_the_contract_means_something() -> None:
    assert set(MODES) == set(pb.Reuse.values())
    for mode in ReuseMode:
        assert MODES[pb.Reuse.Value(f"REUSE_{mode.name}")] is mode


def test_nothing_is_reused_where_it_is_not_asked_for() -> None:
    assert parse() is None
    assert parse(reuse=pb.REUSE_OFF) is None


def test_each_stream_that_reuses_has_a_number_of_its_own() -> None:
    one, other = parse(reuse=pb.REUSE_IDENTICAL), parse(reuse=pb.REUSE_UNCHANGED)
    assert one is not None
    assert other is not None
    assert (one.mode, other.mode) == (ReuseMode.IDENTICAL, ReuseMode.UNCHANGED)
    assert one.number != other.number
    assert (other.threshold, other.max_age) == (4.0, 1.0)


def test_threshold_and_age_are_the_streams() -> None:
    found = parse(reuse=pb.REUSE_UNCHANGED, reuse_threshold=2.5, reuse_max_age_ms=60_000)
    assert found is not None
    assert (found.threshold, found.max_age) == (2.5, 60.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reuse": 9}, "unknown reuse 9"),
        ({"reuse_threshold": 3}, "reuse_threshold is only for reuse UNCHANGED"),
        ({"reuse": pb.REUSE_IDENTICAL, "reuse_max_age_ms": 5}, "reuse_max_age_ms is only for"),
        ({"reuse": pb.REUSE_UNCHANGED, "reuse_threshold": -1}, "more than 0 and at most 64"),
        ({"reuse": pb.REUSE_UNCHANGED, "reuse_threshold": 64.5}, "not 64.5"),
        ({"reuse": pb.REUSE_UNCHANGED, "reuse_threshold": math.nan}, "not nan"),
        ({"reuse": pb.REUSE_UNCHANGED, "reuse_threshold": math.inf}, "not inf"),
        ({"reuse": pb.REUSE_UNCHANGED, "reuse_max_age_ms": 60_001}, "at most 60,000, not 60,001"),
    ],
)
def test_what_is_not_valid_is_refused_with_its_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptions, match=message):
        parse(**options)
