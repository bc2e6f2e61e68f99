"""The bytes of a model's file, or a sentence that says why there are none."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ModelInvalid, ModelMissing

LARGEST_MODEL: Final = 1 << 30

_FOREIGN: Final = (
    (b"<", "is a web page or another text, not a model: the download went wrong"),
    (b"version https://git-lfs", "is only a Git LFS pointer: fetch the file with `git lfs pull`"),
    (b"PK\x03\x04", "is a zip archive: unpack it first"),
    (b"\x1f\x8b", "is a gzip archive: unpack it first"),
    (b"\x89HDF", "is a Keras HDF5 file: convert it to TFLite first"),
)


def read_model_bytes(path: Path) -> bytes:
    """All bytes of a file that is at least marked as a TFLite model.

    They are read once, so that the hash and the facts are those of the same file even if it is
    replaced meanwhile. Raises `ModelMissing` or `ModelInvalid`.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelInvalid(f"{path} is a folder, but a .tflite file is needed")
        if not stat.S_ISREG(status.st_mode):
            raise ModelInvalid(f"{path} is not a regular file")
        if status.st_size > LARGEST_MODEL:
            raise ModelInvalid(f"{path} has {status.st_size} bytes; at most 1 GiB can be served")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ModelMissing(
            f"there is no model at {path}; `edgesegd models list` shows those that there are"
        ) from None
    except (OSError, ValueError) as fault:
        raise ModelInvalid(f"{path} cannot be read: {fault}") from fault
    _refuse_foreign(path, data)
    return data


def _refuse_foreign(path: Path, data: bytes) -> None:
    """Raise `ModelInvalid` for a file that never was a TFLite model."""
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
