"""The name of a stream, as the client sends it."""

from __future__ import annotations

from typing import cast

import pytest

from edgeseg_client import InvalidRequest
from edgeseg_client.stream_name import name_metadata


def test_a_name_is_sent_percent_encoded_and_no_name_is_not_sent() -> None:
    assert name_metadata("front") == (("edgeseg-stream", "front"),)
    assert name_metadata("Küche 1") == (("edgeseg-stream", "K%C3%BCche%201"),)
    assert name_metadata("") == ()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x" * 65, "at most 64 characters, not 65"),
        ("a\nb", "cannot be printed"),
        ("a\ud800", "cannot be printed"),
        (" a", "begins or ends with a space"),
        (7, "is a str, not int"),
    ],
)
def test_what_cannot_be_a_name_is_refused_before_anything_is_sent(name: object, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        name_metadata(cast(str, name))
