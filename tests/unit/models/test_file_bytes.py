"""Files that are no models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgesegd.core.errors import ModelInvalid, ModelMissing
from edgesegd.models.file_bytes import MAX_MODEL_BYTES, read_model_bytes


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\x1f\x8b....", "gzip archive"),
        (b"\x89HDF\r\n\x1a\n", "Keras HDF5"),
        (b"Not Found", "is a text file"),
        (bytes(range(256)), "TFL3 is missing"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_what_it_is(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelInvalid, match=sentence) as caught:
        read_model_bytes(path)
    assert str(caught.value).startswith(str(path))


def test_folders_pipes_and_giant_files_are_not_read_as_models(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="it is a folder"):
        read_model_bytes(tmp_path)
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    with pytest.raises(ModelInvalid, match="not a regular file"):
        read_model_bytes(pipe)
    giant = tmp_path / "giant.tflite"
    with giant.open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)
    with pytest.raises(ModelInvalid, match="larger than 1024 MiB"):
        read_model_bytes(giant)


def test_a_missing_model_file_says_what_to_do(tmp_path: Path) -> None:
    for path in (tmp_path / "x.tflite", tmp_path / "x" / "y.tflite", tmp_path / ("x" * 300)):
        with pytest.raises((ModelMissing, ModelInvalid)):
            read_model_bytes(path)
    with pytest.raises(ModelMissing, match="`edgesegd models list`"):
        read_model_bytes(tmp_path / "x.tflite")
    with pytest.raises(ModelInvalid, match="cannot be read"):
        read_model_bytes(Path("x\0y"))
