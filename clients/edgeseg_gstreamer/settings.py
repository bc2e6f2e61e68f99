"""What the properties of the element `edgeseg` mean."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Policy = Literal["latest", "every"]
Size = Literal["frame", "model"] | tuple[int, int]
"""The size of masks: that of the picture, of the model, or (width, height) in pixels."""

DEFAULT_SERVER: Final = "127.0.0.1:8460"
"""The address at which a daemon listens by default, as the client has it, which may be missing."""
_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_POLICIES: Final = ("auto", "latest", "every")
_RESIZES: Final = ("stretch", "letterbox", "crop")


class WrongProperty(Exception):
    """A property has a value that is not valid."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the properties say, checked. `policy` is None if it follows the source.

    `latency`, `max_age` and `retry_for` are in seconds; `max_age` is None without a limit.
    """

    server: str
    token: str | None
    ca: str | None
    model: str
    classes: tuple[int | str, ...]
    size: Size
    resize: Literal["stretch", "letterbox", "crop"]
    policy: Policy | None
    latency: float
    max_age: float | None
    hold_ns: int
    drop: bool
    retry_for: float
    max_buffers: int
    shared_memory: bool


def read_settings(values: Mapping[str, Any]) -> Settings:
    """The settings that the properties say; raises `WrongProperty` for a value that is not valid.

    What only the daemon can know, such as the names of classes, is not checked.
    """
    size, resize = _read_size(values["size"]), _one_of("resize", values["resize"], _RESIZES)
    if resize != "stretch" and size != "frame":
        raise WrongProperty(
            f"with resize={resize} only masks of size=frame lie over the picture; set size=frame"
        )
    policy = _one_of("policy", values["policy"], _POLICIES)
    return Settings(
        server=values["server"] or os.environ.get("EDGESEG_SERVER") or DEFAULT_SERVER,
        token=values["token"] or os.environ.get("EDGESEG_TOKEN"),
        ca=values["ca"] or os.environ.get("EDGESEG_CA"),
        model=values["model"] or "",
        classes=_read_classes(values["classes"] or ""),
        size=size,
        resize=resize,
        policy=None if policy == "auto" else policy,
        latency=values["latency"] / 1000,
        max_age=values["max-age"] / 1000 or None,
        hold_ns=values["hold"] * 1_000_000,
        drop=values["drop"],
        retry_for=float(values["retry-for"]),
        max_buffers=values["max-buffers"],
        shared_memory=values["shared-memory"],
    )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> Any:  # noqa: ANN401  # a Literal of `known`
    if value not in known:
        raise WrongProperty(f"there is no {name}={value}; there are: {', '.join(known)}")
    return value


def _read_size(text: str) -> Size:
    if text in ("frame", "model"):
        return text  # type: ignore[return-value]  # one of the two
    if (found := _SIZE.fullmatch(text or "")) is None:
        raise WrongProperty(f"size={text} is not a size; set frame, model or WIDTHxHEIGHT")
    return int(found[1]), int(found[2])


def _read_classes(text: str) -> tuple[int | str, ...]:
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    if "" in names:
        raise WrongProperty(f"classes={text} has an empty name; separate names by single commas")
    return tuple(int(name) if name.isascii() and name.isdecimal() else name for name in names)
