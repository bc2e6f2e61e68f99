"""Which classes get entities."""

from __future__ import annotations

import pytest

from edgeseg_client import ClassInfo, InvalidRequest
from edgeseg_mqtt.watched_classes import watch_classes

VOC = tuple(
    ClassInfo(id_, name, (0, 0, 0))
    for id_, name in enumerate(("Background", "person", "dining table", "cat", "Cat!", "person"))
)


def summary(wanted: list[int | str]) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(one.name, one.slug, one.ids) for one in watch_classes(VOC, wanted)]


def test_without_names_all_but_the_background_are_watched_once_a_name() -> None:
    assert summary([]) == [
        ("person", "person", (1, 5)),
        ("dining table", "dining_table", (2,)),
        ("cat", "cat", (3,)),
        ("Cat!", "cat_4", (4,)),
    ]


def test_classes_are_named_or_given_by_id_and_the_background_may_be_wanted() -> None:
    assert summary(["CAT", 0, 5, "cat"]) == [
        ("cat", "cat", (3,)),
        ("Background", "background", (0,)),
        ("person", "person", (5,)),
    ]


@pytest.mark.parametrize("wanted", ["dog", 6])
def test_a_class_that_the_model_does_not_have_is_an_error_that_lists_them(
    wanted: int | str,
) -> None:
    with pytest.raises(InvalidRequest, match=f"no class '?{wanted}.*dining table"):
        watch_classes(VOC, [wanted])


def test_a_model_with_too_many_classes_is_asked_about_and_served_by_name() -> None:
    many = tuple(ClassInfo(id_, f"class {id_}", (0, 0, 0)) for id_ in range(150))
    with pytest.raises(InvalidRequest, match=r"has 150 classes.*--classes.*class 149"):
        watch_classes(many, [])
    assert len(watch_classes(many, list(range(40)))) == 40


def test_a_model_with_nothing_but_a_background_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="no class but the background"):
        watch_classes(VOC[:1], [])
