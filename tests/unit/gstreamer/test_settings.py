"""The properties of the element say what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from edgeseg_client import DEFAULT_ADDRESS
from edgeseg_gstreamer.settings import DEFAULT_SERVER, WrongProperty, read_settings

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("server", "token", "ca", "model", "classes"), ""),
    **dict.fromkeys(("max-age", "hold"), 0),
    **dict.fromkeys(("drop", "shared-memory"), False),
    "size": "frame",
    "resize": "stretch",
    "policy": "auto",
    "latency": 200,
    "retry-for": 30,
    "max-buffers": 32,
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EDGESEG_SERVER", "EDGESEG_TOKEN", "EDGESEG_CA"):
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_those_of_the_client() -> None:
    settings = read_settings(DEFAULTS)
    assert settings.server == DEFAULT_SERVER == DEFAULT_ADDRESS
    assert (settings.token, settings.ca, settings.max_age) == (None, None, None)
    assert (settings.size, settings.resize, settings.classes) == ("frame", "stretch", ())
    assert settings.policy is None, "it follows the source"


def test_the_variables_of_the_command_count_where_a_property_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGESEG_SERVER", "board:8460")
    monkeypatch.setenv("EDGESEG_TOKEN", "secret")
    assert read_settings(DEFAULTS).server == "board:8460"
    assert read_settings(DEFAULTS | {"server": "other:1"}).server == "other:1"
    assert read_settings(DEFAULTS).token == "secret"  # noqa: S105


def test_times_are_given_in_milliseconds_and_classes_by_name_or_id() -> None:
    given = {"latency": 150, "max-age": 500, "hold": 40, "classes": "dining table, 15,person"}
    settings = read_settings(DEFAULTS | given)
    assert (settings.latency, settings.max_age, settings.hold_ns) == (0.15, 0.5, 40_000_000)
    assert settings.classes == ("dining table", 15, "person")


def test_a_size_is_a_word_or_two_numbers() -> None:
    assert read_settings(DEFAULTS | {"size": "640x480"}).size == (640, 480)
    assert read_settings(DEFAULTS | {"size": "model"}).size == "model"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": "big"}, "set frame, model or WIDTHxHEIGHT"),
        ({"size": "0x480"}, "set frame, model or WIDTHxHEIGHT"),
        ({"policy": "newest"}, "there are: auto, latest, every"),
        ({"resize": "pad"}, "there are: stretch, letterbox, crop"),
        ({"classes": "person,,car"}, "separate names by single commas"),
        ({"resize": "letterbox", "size": "model"}, "set size=frame"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_is_right(
    wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(WrongProperty, match=said):
        read_settings(DEFAULTS | wrong)
