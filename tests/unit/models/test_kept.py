"""A version that is kept stays what it was, whatever becomes of its files."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgesegd.core.errors import ModelInvalid
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.content import read_content
from edgesegd.models.kept import KeptModel
from edgesegd.models.pair import find_pair
from edgesegd.models.reading import read_model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for file in resolve_model("builtin", tmp_path).parent.glob("scenes.t*"):
        shutil.copy(file, tmp_path / f"rooms{file.suffix}")
    return tmp_path / "rooms.tflite"


def test_the_bytes_are_there_when_the_file_was_overwritten(path: Path) -> None:
    pair = find_pair(read_model(path))
    before = path.read_bytes()
    kept = KeptModel.of(pair)
    path.write_bytes(b"another")
    descriptor = kept.descriptors[pair.served.sha256]
    content = Path(f"/dev/fd/{descriptor}")
    assert read_content(replace(pair.served, content=content)) == before
    with pytest.raises(PermissionError):
        os.write(descriptor, b"x")
    kept.close()
    kept.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_that_changed_since_it_was_read_is_refused(path: Path) -> None:
    pair = find_pair(read_model(path))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelInvalid, match="was replaced"):
        KeptModel.of(pair)
