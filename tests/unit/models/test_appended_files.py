"""Archives behind a model, hostile ones included."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest

from edgesegd.models.tflite.appended_files import read_appended_text
from edgesegd.models.tflite.flatbuffer import Malformed


def archive(content: bytes, compression: int = ZIP_DEFLATED) -> bytes:
    memory = BytesIO(b"a model comes first")
    with ZipFile(memory, "a", compression) as written:
        written.writestr("labels.txt", content)
    return memory.getvalue()


def test_a_text_appended_to_a_model_is_read() -> None:
    assert read_appended_text(archive("süß".encode()), "labels.txt") == "süß"


def test_a_decompression_bomb_appended_to_a_model_is_not_unpacked() -> None:
    bomb = archive(bytes(300 << 20))
    assert len(bomb) < 1 << 20
    with pytest.raises(Malformed, match="larger than 1 MiB"):
        read_appended_text(bomb, "labels.txt")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (b"", "labels.txt"),
        (b"no archive at all", "labels.txt"),
        (archive(b"x"), "other.txt"),
        (archive(b"x", ZIP_BZIP2), "labels.txt"),
        (archive(b"four"), "../labels.txt"),
    ],
)
def test_an_appended_file_that_cannot_be_read_is_malformed(model: bytes, name: str) -> None:
    with pytest.raises(Malformed, match="named in the metadata"):
        read_appended_text(model, name)
