"""Reads the bytes of a model's file, with errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgesegd.core.errors import ModelInvalid, ModelMissing
from edgesegd.files.regular import read_regular_file, say_why

MAX_MODEL_BYTES: Final = 1 << 30

_FOREIGN: Final = (
    (b"<", "is a web page or another text, not a model: the download went wrong"),
    (b"version https://git-lfs", "is only a Git LFS pointer: fetch the file with `git lfs pull`"),
    (b"PK\x03\x04", "is a zip archive: unpack it first"),
    (b"\x1f\x8b", "is a gzip archive: unpack it first"),
    (b"\x89HDF", "is a Keras HDF5 file: convert it to TFLite first"),
)


def read_model_bytes(path: Path) -> bytes:
    """All bytes of a file that is at least marked as a TFLite model.

    They are read only once, so that hash and facts belong to the same content even if the file is
    replaced meanwhile. Raises `ModelMissing` or `ModelInvalid`.
    """
    try:
        data = read_regular_file(path, MAX_MODEL_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelMissing(
            f"there is no model at {path}; `edgesegd models list` shows the known models"
        ) from None
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read: {say_why(error)}") from error
    except ValueError as error:
        raise ModelInvalid(f"{path} cannot be read: {error}") from error
    _refuse_foreign(path, data)
    return data


def require_same(path: Path, digest: str, expected: str) -> None:
    """Raise `ModelInvalid` if the SHA-256 of the file at `path` has changed."""
    if digest != expected:
        raise ModelInvalid(f"{path} was replaced since it was first read; start again to use it")


def _refuse_foreign(path: Path, data: bytes) -> None:
    """Raise `ModelInvalid` for a file that is not a TFLite model."""
    if not data:
        raise ModelInvalid(f"{path} is empty")
    if data[4:8] == b"TFL3":
        return
    start = data[:512].lstrip()
    for mark, what in _FOREIGN:
        if start.startswith(mark):
            raise ModelInvalid(f"{path} {what}")
    if start.isascii() and b"\0" not in start:
        raise ModelInvalid(f"{path} is a text file, not a TFLite model")
    raise ModelInvalid(f"{path} is not a TFLite model: its mark TFL3 is missing")
