"""Names of topics and ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg_client import InvalidRequest
from edgeseg_mqtt.topics import Topics, slug, unique_slug

TOPICS = Topics("home/seg", "hut", "ha")


def test_topics_are_below_the_base_and_discovery_below_its_prefix() -> None:
    assert TOPICS.status == "home/seg/hut/status"
    assert TOPICS.camera("door", "classes", "cat", "share") == (
        "home/seg/hut/cameras/door/classes/cat/share"
    )
    assert TOPICS.daemon("delegate") == "home/seg/hut/daemon/delegate"
    assert TOPICS.discovery("daemon") == "ha/device/edgeseg_hut/daemon/config"
    assert TOPICS.home_assistant_status == "ha/status"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "a/+", "#", "$SYS", "a\nb", "x" * 201])
def test_what_mqtt_does_not_allow_in_a_topic_is_an_error(name: str) -> None:
    with pytest.raises(InvalidRequest, match="--base-topic"):
        Topics(name, "hut", "ha")
    with pytest.raises(InvalidRequest, match="--discovery-prefix"):
        Topics("seg", "hut", name)


@pytest.mark.parametrize(("node", "advice"), [("My hut", "my_hut"), ("", "kitchen"), ("ü", "'u'")])
def test_an_id_that_is_not_part_of_a_topic_is_an_error_with_a_better_one(
    node: str, advice: str
) -> None:
    with pytest.raises(InvalidRequest, match=advice):
        Topics("seg", node, "ha")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Front door", "front_door"), ("Haustür!", "haustur"), ("a/b+#", "a_b"), ("人", "")],
)
def test_a_slug_has_small_letters_digits_and_underscores(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.lists(st.text(max_size=5), max_size=20))
def test_slugs_of_several_names_are_unique_and_fit_into_topics(names: list[str]) -> None:
    taken: dict[str, str] = {}
    for number, name in enumerate(names):
        taken[unique_slug(name, number, taken)] = name
    assert len(taken) == len(names)
    assert all(slug(each) == each for each in taken)
