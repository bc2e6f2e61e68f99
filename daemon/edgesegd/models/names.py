"""What a model may be called: by clients, in metrics, health and logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from edgesegd.core.errors import ConfigError

SUFFIX: Final = ".tflite"
MAX_NAME: Final = 256
"""Characters; a file's name has no more."""


def name_of_file(path: Path) -> str:
    """The name that a model has by its file: text, whatever bytes the file's name has."""
    return as_text(path.name.removesuffix(SUFFIX))


def as_text(name: str) -> str:
    """A name of the file system with the bytes escaped that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def given_name(name: str) -> str:
    """A name that an operator gives, as text; raises ConfigError for one that is none."""
    text = as_text(name)
    check_name(text)
    return text


def check_name(text: str) -> None:
    """Raise ConfigError if no model can have that name."""
    if not text or len(text) > MAX_NAME:
        raise ConfigError(f"the name of a model has 1 to {MAX_NAME} characters, not {len(text)}")
    if "/" in text or not text.isprintable():
        raise ConfigError(f"the name of a model has no slash and no control character: {text!r}")
