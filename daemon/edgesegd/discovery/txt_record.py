"""The TXT record: what a network is told of a daemon, within the limits of DNS-SD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_PAIR_BYTES = 255
"""Of one `key=value`, because its length is one byte (RFC 6763, section 6.1)."""
MAX_RECORD_BYTES = 1300
"""Of all pairs with their lengths, so that an answer fits one packet (RFC 6763, section 6.2)."""
FORMAT = "1"
"""The version of these keys, which section 6.7 recommends as the first one."""
NO_TLS, TLS, MUTUAL_TLS = "none", "server", "mutual"
CUT = "…"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is announced of a daemon.

    `models` are names and versions, the default model first. `delegate` is what runs the default
    model now; empty while it has no engine. `degraded` is whether a lesser delegate than the best
    one runs any model. `tls` is NO_TLS, TLS or MUTUAL_TLS (clients need certificates too).
    `metrics_port` is where other machines find the metrics; None if they cannot.
    """

    version: str
    models: Sequence[tuple[str, str]]
    delegate: str = ""
    degraded: bool = False
    tls: str = NO_TLS
    metrics_port: int | None = None


def txt_pairs(facts: Facts) -> dict[str, str]:
    """The keys and values; each pair has at most MAX_PAIR_BYTES, all have MAX_RECORD_BYTES.

    `models` is `NAME/VERSION,…`, in which a percent sign and a comma are percent-encoded. Models
    that do not fit are counted in `more_models`. `delegate` lacks the options, which may be paths
    of the board. Another value that is too long ends with CUT.
    """
    models, more = _fitting([_encode(*each) for each in facts.models], "models")
    pairs = {
        "txtvers": FORMAT,
        "version": facts.version,
        "models": models,
        "delegate": _without_options(facts.delegate),
        "tls": facts.tls,
    }
    if more:
        pairs["more_models"] = str(more)
    if facts.degraded:
        pairs["degraded"] = "1"
    if facts.metrics_port is not None:
        pairs["metrics"] = str(facts.metrics_port)
    return {key: _cut(key, value) for key, value in pairs.items()}


def record_bytes(pairs: Mapping[str, str]) -> int:
    """The size of the record."""
    return sum(1 + _size(key, value) for key, value in pairs.items())


def _encode(name: str, version: str) -> str:
    return f"{name}/{version}".replace("%", "%25").replace(",", "%2C")


def _without_options(delegate: str) -> str:
    """`armnn` for `armnn:backends=GpuAcc`; `edgetpu:usb:0` as it is."""
    return delegate.partition(":")[0] if "=" in delegate else delegate


def _fitting(values: Sequence[str], key: str) -> tuple[str, int]:
    """The first values that fit the pair of `key`, and how many are left out."""
    for count in range(len(values), 0, -1):
        joined = ",".join(values[:count])
        if _size(key, joined) <= MAX_PAIR_BYTES:
            return joined, len(values) - count
    return "", len(values)


def _cut(key: str, value: str) -> str:
    if _size(key, value) <= MAX_PAIR_BYTES:
        return value
    room = MAX_PAIR_BYTES - _size(key, CUT)
    return value.encode()[:room].decode(errors="ignore") + CUT


def _size(key: str, value: str) -> int:
    return len(f"{key}={value}".encode())
