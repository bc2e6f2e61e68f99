"""What is on the page, and in which order."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from reference import library
from reference.commands import commands
from reference.markdown import join
from reference.source import Incomplete, Package

_CLIENTS = ("Client", "AsyncClient")
_OPTIONS = ("Options", "DEFAULTS")
_SENT = ("Frame", "RawImage", "Plane", "FrameBuffer")
_RETURNED = (
    *("Result", "FrameAnswer", "Status", "Segment", "Box", "Part", "Polygon"),
    *("CompressedRle", "Timing"),
)
_SOURCES = ("Source", "SourceFrame")
_SOURCE_FUNCTIONS = ("open_source", "picamera_frame")
_CLIENT_FUNCTIONS = ("tls_credentials",)
_DAEMON = ("ServerInfo", "ModelInfo", "ClassInfo")
_TYPES = (
    *("Output", "Size", "Resize", "Policy", "Priority", "Reuse"),
    *("ImageLike", "FrameInput", "PixelArray", "PixelFormat", "RawFormat", "YuvRange", "YuvMatrix"),
    *("LabelMap", "ScoreMap", "Mask", "PointArray", "Picture"),
)
_CONSTANTS = ("DEFAULT_ADDRESS", "NO_CLASS")
_INTERNAL = {"Slot", "Region"}
"""Types of the package that appear on the page only as types, and say nothing to a caller."""

_HEAD = """\
# Reference

Every keyword, option, field, error and command of the client. [client.md](client.md) says how to
use them. `scripts/make-reference` writes this page: change the docstrings and the help in the code,
then run `make reference`."""


def write_page(package: Package, parser: argparse.ArgumentParser) -> str:
    """The page; raises `Incomplete` if something on it is not described, or is not on it."""
    _require_places(package)
    return join([_HEAD, *_sections(package, parser)]) + "\n"


def _sections(package: Package, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield "## Clients"
    yield library.clients(package, *_CLIENTS)
    yield library.functions(package, _CLIENT_FUNCTIONS)
    yield library.options(package, *_OPTIONS)
    yield "## What is sent"
    yield library.classes(package, _SENT, defaults=True)
    yield "## What comes back"
    yield library.classes(package, _RETURNED)
    yield "## What a daemon serves"
    yield library.classes(package, _DAEMON)
    yield "## Sources"
    yield "From `edgeseg_client.sources`; PyAV for videos and most cameras is in the extra `video`."
    yield library.functions(package, _SOURCE_FUNCTIONS)
    yield library.classes(package, _SOURCES)
    yield "## Errors"
    yield library.errors(package, package.classes_in("errors"))
    yield "## Types"
    yield library.types(package, _TYPES)
    yield "## Constants"
    yield library.constants(package, _CONSTANTS)
    yield "## Commands"
    yield commands(parser)


def _require_places(package: Package) -> None:
    """Raises `Incomplete` for a name that the package exports, or a type in it, without a place."""
    classes = {*_CLIENTS, _OPTIONS[0], *_SENT, *_RETURNED, *_DAEMON, *_SOURCES}
    classes |= {*package.classes_in("errors")}
    placed = classes | {*_TYPES, *_CONSTANTS, *_CLIENT_FUNCTIONS, *_SOURCE_FUNCTIONS}
    if missing := [name for name in package.exported if name not in placed]:
        raise Incomplete(f"`__all__` has {missing[0]}, which has no place in reference/page.py")
    for name, where in library.names_in_types(package, sorted(classes | {*_TYPES})):
        if name not in placed | _INTERNAL:
            raise Incomplete(
                f"{where} has the type {name}, which has no place in reference/page.py"
            )
