"""The default colours against those that PASCAL VOC publishes."""

from __future__ import annotations

from edgesegd.models.palette import voc_color


def test_default_colours_are_those_of_pascal_voc() -> None:
    assert [voc_color(each) for each in (0, 1, 2, 8, 15, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (64, 0, 0),
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    ]


def test_no_two_classes_share_a_default_colour() -> None:
    assert len({voc_color(each) for each in range(256)}) == 256
