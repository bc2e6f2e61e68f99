"""What a network is told of a daemon, within the limits of DNS-SD."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from edgesegd.discovery.txt_record import (
    MAX_PAIR_BYTES,
    MAX_RECORD_BYTES,
    MUTUAL_TLS,
    Facts,
    record_bytes,
    txt_pairs,
)


def test_the_pairs_say_what_the_daemon_is() -> None:
    facts = Facts(
        version="0.9",
        models=[("deeplabv3", "1"), ("scenes", "12ab")],
        delegate="edgetpu:usb:0",
        tls=MUTUAL_TLS,
        metrics_port=9460,
    )
    pairs = txt_pairs(facts)
    assert pairs == {
        "txtvers": "1",
        "version": "0.9",
        "models": "deeplabv3/1,scenes/12ab",
        "delegate": "edgetpu:usb:0",
        "tls": "mutual",
        "metrics": "9460",
    }
    assert next(iter(pairs)) == "txtvers"


@pytest.mark.parametrize(
    ("delegate", "announced"),
    [
        ("cpu", "cpu"),
        ("edgetpu:usb:0", "edgetpu:usb:0"),
        ("qnn:skel_library_dir=/opt/qnn,backend_type=htp", "qnn"),
        ("", ""),
    ],
)
def test_options_of_a_delegate_are_not_announced(delegate: str, announced: str) -> None:
    assert txt_pairs(Facts("0.9", [], delegate))["delegate"] == announced


def test_what_is_not_so_has_no_key() -> None:
    assert txt_pairs(Facts("0.9", [])).keys() == {
        *("txtvers", "version", "models", "delegate", "tls")
    }
    assert txt_pairs(Facts("0.9", [], degraded=True))["degraded"] == "1"


def test_a_comma_in_the_name_of_a_model_does_not_separate() -> None:
    names = ["a,b", "100%", "50%2C"]
    models = txt_pairs(Facts("0.9", [(name, "1") for name in names]))["models"]
    assert [unquote(each) for each in models.split(",")] == [f"{name}/1" for name in names]


@pytest.mark.parametrize("name", ["m" * 300, "ä" * 256, "model"])
@pytest.mark.parametrize("count", [1, 40, 1000])
def test_no_names_exceed_the_limits_and_all_are_counted(name: str, count: int) -> None:
    facts = Facts(
        "1" * 300,
        [(f"{number}{name}", "1") for number in range(count)],
        delegate="/lib/ü" * 200,
        degraded=True,
        metrics_port=65535,
    )
    pairs = txt_pairs(facts)
    assert all(len(f"{key}={value}".encode()) <= MAX_PAIR_BYTES for key, value in pairs.items())
    assert record_bytes(pairs) <= MAX_RECORD_BYTES
    shown = list(filter(None, pairs["models"].split(",")))
    assert len(shown) + int(pairs.get("more_models", 0)) == count
    assert pairs["delegate"].startswith("/lib/ü")
    assert pairs["delegate"].endswith("…")
