"""Pictures that were changed at random are decoded or invalid; `make fuzz-pictures` tries more."""

from __future__ import annotations

import fuzz_pictures
import pytest

from edgesegd.core.frame import DECODED


def test_every_format_is_among_the_pictures_that_are_changed() -> None:
    formats = {spec.format for spec, _ in fuzz_pictures.seeds() if spec.width}
    begins = {data[:2] for spec, data in fuzz_pictures.seeds() if not spec.width}
    assert begins == {b"\xff\xd8", b"\x89P", b"RI", b"BM"}
    assert len(formats) + len(begins) == len(DECODED)


@pytest.mark.filterwarnings("ignore")
def test_changed_pictures_are_decoded_or_invalid() -> None:
    outcome = fuzz_pictures.fuzz(0, 4000)
    assert not outcome.faults, outcome.faults[0]
    assert outcome.decoded > 400
    assert outcome.invalid.total() > 400
    assert outcome.decoded + outcome.invalid.total() == 4000


def test_a_picture_is_made_again_from_its_number() -> None:
    assert fuzz_pictures.changed(77) == fuzz_pictures.changed(77)
    assert fuzz_pictures.changed(77) != fuzz_pictures.changed(78)
