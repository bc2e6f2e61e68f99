"""Reads the files that TFLite Metadata stores in a zip archive at the end of a model."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from edgesegd.models.tflite.flatbuffer import Malformed

_MAX_TEXT_BYTES: Final = 1 << 20


def read_appended_text(model: bytes, name: str) -> str:
    """The text of one associated file; raises `Malformed` if it is missing or over 1 MiB."""
    try:
        with ZipFile(BytesIO(model)) as archive:
            member = archive.getinfo(name)
            if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
                raise Malformed(f"{name}, named in the metadata, is compressed in an unknown way")
            with archive.open(member) as stream:
                content = stream.read(_MAX_TEXT_BYTES + 1)
    except (
        BadZipFile,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
        struct.error,
        zlib.error,
    ) as fault:
        raise Malformed(
            f"the file is damaged or cut off: {name}, named in the metadata, cannot be read "
            f"from its end ({fault})"
        ) from fault
    if len(content) > _MAX_TEXT_BYTES:
        raise Malformed(f"{name}, named in the metadata, is larger than 1 MiB")
    return content.decode("utf-8", "replace")
