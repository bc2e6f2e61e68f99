"""Files that are compiled for an Edge TPU, and the names of their plain twins."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgesegd.delegates.table import KNOWN

EDGETPU_OP: Final = KNOWN["edgetpu"].custom_op
COMPILED: Final = "_edgetpu.tflite"
"""The ending of files from the Edge TPU compiler, instead of ".tflite"."""


def plain_path(compiled: Path) -> Path | None:
    """Where the plain twin of a compiled file is expected; None if its name does not say so."""
    if not compiled.name.endswith(COMPILED):
        return None
    return compiled.with_name(compiled.name.removesuffix(COMPILED) + ".tflite")


def compiled_path(plain: Path) -> Path:
    """Where the compiled twin of a plain file is expected."""
    return plain.with_name(plain.name.removesuffix(".tflite") + COMPILED)
