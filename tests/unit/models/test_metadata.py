"""TFLite Metadata that TFLite Support wrote, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesegd.models.tflite.file import parse_tflite
from edgesegd.models.tflite.flatbuffer import Malformed
from edgesegd.models.tflite.metadata import Metadata, read_metadata
from support.tflite_writer import write_tflite

GOLDEN = (Path(__file__).parent / "data" / "with_metadata.tflite").read_bytes()


def read(model: bytes) -> Metadata:
    return read_metadata(parse_tflite(model).metadata, model)


def test_metadata_give_normalization_and_the_label_file_without_a_locale() -> None:
    found = read(GOLDEN)
    assert found.normalization is not None
    assert found.normalization.mean == (123.5, 116.0, 103.5)
    assert found.normalization.std == (58.0, 57.0, 57.5)
    assert found.names_of(0) == ("ground", "sky", "tree", "house")


def test_an_output_that_metadata_do_not_describe_has_no_class_names() -> None:
    assert read(GOLDEN).names_of(1) == ()


def test_metadata_of_an_unknown_kind_are_passed_over() -> None:
    assert read(write_tflite()) == Metadata()
    assert read(write_tflite(metadata={"TFLITE_METADATA": b"\x08\0\0\0M999"})) == Metadata()
    assert read(write_tflite(metadata={"TFLITE_METADATA": b""})) == Metadata()


def test_a_label_file_that_metadata_name_and_that_is_not_there_is_an_error() -> None:
    for broken in (
        GOLDEN[:-1],
        GOLDEN.replace(b"names.txt", b"other.txt", 1),
        GOLDEN[: GOLDEN.index(b"PK\x03\x04")],
    ):
        with pytest.raises(Malformed, match=r"\.txt, named in the metadata, cannot be read"):
            read(broken)
