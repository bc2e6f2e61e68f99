"""The properties of the element `edgeseg`, as GObject has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gi.repository import GObject, Gst

from edgeseg_gstreamer.settings import DEFAULT_SERVER

_MAX_UINT: Final = 2**32 - 1
_FLAGS: Final = GObject.ParamFlags.READWRITE | Gst.PARAM_MUTABLE_READY


def _text(nick: str, blurb: str, default: str) -> tuple[Any, ...]:
    return str, nick, blurb, default, _FLAGS


def _number(nick: str, blurb: str, default: int, lowest: int = 0) -> tuple[Any, ...]:
    return GObject.TYPE_UINT, nick, blurb, lowest, _MAX_UINT, default, _FLAGS


def _switch(nick: str, blurb: str) -> tuple[Any, ...]:
    return bool, nick, blurb, False, _FLAGS


PROPERTIES: Final[Mapping[str, tuple[Any, ...]]] = {
    "server": _text(
        "Server",
        "The daemon's address, HOST:PORT or unix:///PATH (EDGESEG_SERVER if empty, or"
        f" {DEFAULT_SERVER})",
        "",
    ),
    "token": _text("Token", "The daemon's token (EDGESEG_TOKEN if empty)", ""),
    "ca": _text(
        "CA",
        "Use TLS, and trust the certificates in this PEM file (EDGESEG_CA if empty)",
        "",
    ),
    "model": _text("Model", "The name of the model; empty: the daemon's default model", ""),
    "classes": _text(
        "Classes",
        'Names or ids of the classes wanted, separated by commas; pixels of others are 255, "no'
        ' class"; empty: all',
        "",
    ),
    "size": _text(
        "Size", "The size of masks: frame (that of the picture), model, or WIDTHxHEIGHT", "frame"
    ),
    "resize": _text(
        "Resize",
        "How a picture of another aspect ratio is fitted into the model's input: stretch,"
        " letterbox or crop",
        "stretch",
    ),
    "policy": _text(
        "Policy",
        "latest: a newer picture supersedes one that waits for the daemon; every: each picture"
        " waits for its mask; auto: latest if the source is live, else every",
        "auto",
    ),
    "latency": _number(
        "Latency",
        "With latest: how long a picture waits for its mask, in milliseconds; added to the"
        " pipeline's latency",
        200,
    ),
    "max-age": _number(
        "Maximal age",
        "The daemon does not segment pictures that are older than this, in milliseconds; 0: no"
        " limit",
        0,
    ),
    "hold": _number(
        "Hold",
        "For how long the last mask is attached to later pictures that have none, in milliseconds;"
        " its own time is in the meta; 0: never",
        0,
    ),
    "drop": _switch("Drop", "Drop pictures that have no mask"),
    "retry-for": _number(
        "Retry for",
        "With every: how long pictures wait for a daemon that does not answer, in seconds; then"
        " they pass without masks until it does",
        30,
    ),
    "max-buffers": _number(
        "Maximal number of buffers", "How many pictures wait at the same time at most", 32, 1
    ),
    "shared-memory": _switch(
        "Shared memory",
        "Share memory with a daemon on this board, whose address is unix:///PATH",
    ),
    "stats": (
        Gst.Structure,
        "Statistics",
        "Numbers of pictures: in, masks, held, superseded, expired, late, away, failed",
        GObject.ParamFlags.READABLE,
    ),
}
"""By name, as `__gproperties__` of a class has them."""

DEFAULTS: Final[Mapping[str, Any]] = {
    name: description[-2] for name, description in PROPERTIES.items() if name != "stats"
}
