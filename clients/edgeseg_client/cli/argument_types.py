"""Reads the values of options; what is not valid is an error that argparse prints."""

from __future__ import annotations

import argparse

from edgeseg_client.options import Size


def size(text: str) -> Size:
    """`model`, `frame` or `640x480`."""
    match text:
        case "model" | "frame":
            return text
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write model, frame or 640x480")
    return int(width), int(height)


def pixels(text: str) -> tuple[int, int]:
    """`1280x720`."""
    given = size(text)
    if isinstance(given, str):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in pixels; write 1280x720")
    return given


def classes(text: str) -> list[int | str]:
    """Names and ids, separated by commas."""
    names = (name.strip() for name in text.split(","))
    return [int(name) if name.isdecimal() else name for name in names if name]


def seconds(text: str) -> float:
    """A number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def positive(text: str) -> float:
    """A number of more than 0."""
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("the value must be more than 0")
    return value


def count(text: str) -> int:
    """A whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def positive_count(text: str) -> int:
    """A whole number of at least 1."""
    value = count(text)
    if value == 0:
        raise argparse.ArgumentTypeError("the value must be at least 1")
    return value
