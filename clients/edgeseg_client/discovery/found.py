"""A daemon as its announcement describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote

NO_TLS: Final = "none"
ChangeKind: TypeAlias = Literal["appeared", "changed", "gone"]
_NUMBER: Final = re.compile("[0-9]{1,5}", re.ASCII)
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class FoundDaemon:
    """A daemon in this network; anyone in it can announce anything."""

    name: str
    """The name under which it is announced, which no other one has."""
    addresses: tuple[str, ...]
    """Its IP addresses, those first that this machine can reach directly."""
    port: int
    """Where it serves gRPC."""
    version: str
    """Its version; empty if it does not say."""
    models: tuple[str, ...]
    """NAME/VERSION of its models, the default one first."""
    more_models: int
    """How many models it has no room to announce."""
    delegate: str
    """What runs the default model now; empty while it has no engine."""
    degraded: bool
    """Whether a better delegate is unhealthy."""
    tls: str
    """`none`, `server`, or `mutual` if clients need certificates too."""
    metrics_port: int | None
    """Where it serves metrics; None if other machines cannot reach them."""

    @property
    def address(self) -> str:
        """The address for a client."""
        return _host_port(self.addresses[0], self.port)

    @property
    def metrics_address(self) -> str | None:
        """The address for Prometheus; None if there are no metrics."""
        if self.metrics_port is None:
            return None
        return _host_port(self.addresses[0], self.metrics_port)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {"name": self.name, "address": self.address, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a daemon; one that is gone is as it was last."""

    kind: ChangeKind
    daemon: FoundDaemon


def read_daemon(
    name: str, addresses: Sequence[str], port: int, properties: Mapping[bytes, bytes | None]
) -> FoundDaemon | None:
    """The daemon of an announcement; None without an address or a port.

    `properties` are the pairs of the TXT record. What it does not say, or says in a way that cannot
    be read, is as if it was not announced.
    """
    if not addresses or not 0 < port <= _MAX_PORT:
        return None
    texts = {
        key.decode("ascii", "replace").lower(): _printable(value.decode("utf-8", "replace"))
        for key, value in properties.items()
        if value is not None
    }
    models = filter(None, texts.get("models", "").split(","))
    metrics = _number(texts.get("metrics", ""))
    return FoundDaemon(
        name=_printable(name),
        addresses=tuple(addresses),
        port=port,
        version=texts.get("version", ""),
        models=tuple(_printable(unquote(each)) for each in models),
        more_models=_number(texts.get("more_models", "")),
        delegate=texts.get("delegate", ""),
        degraded=texts.get("degraded") == "1",
        tls=texts.get("tls", NO_TLS),
        metrics_port=metrics if 0 < metrics <= _MAX_PORT else None,
    )


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


def _printable(text: str) -> str:
    """The text without what could control a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
