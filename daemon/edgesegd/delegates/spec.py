"""One delegate, as `--delegate` names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgesegd.core.errors import ConfigError
from edgesegd.delegates.table import KNOWN, KnownDelegate

CPU = "cpu"
LIBRARY = re.compile(r"(?P<path>.+?\.(?:so(?:\.\d+)*|dylib|dll))(?::(?P<options>.*))?")
"""A path to a library, and after a colon its options: `PATH.so:key=value,…`."""


@dataclass(frozen=True, slots=True)
class DelegateSpec:
    """A delegate to load.

    `name` is its name in metrics and results. `libraries` are tried in turn; if there are none, the
    runtime's own CPU kernels run the model. `options` are passed to the library unchanged.
    `built_in` is whether the delegate is part of the runtime, which then loads the libraries
    itself.
    """

    name: str = CPU
    libraries: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    built_in: bool = False

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> DelegateSpec:
        """Read a message, in which `asdict` and JSON have turned tuples into lists."""
        return cls(
            message["name"],
            tuple(message["libraries"]),
            dict(message["options"]),
            bool(message["built_in"]),
        )

    @property
    def is_cpu(self) -> bool:
        """Whether this is the CPU, so no delegate at all."""
        return not self.libraries

    @property
    def known(self) -> KnownDelegate | None:
        """Its entry in the table; None for the CPU and for a library given by its path."""
        entry = KNOWN.get(self.name.partition(":")[0])
        return entry if entry is not None and entry.libraries == self.libraries else None

    def is_another_device_than(self, other: DelegateSpec) -> bool:
        """Whether both differ only in the device, which each of them names."""
        if self.known is None or self.known is not other.known:
            return False
        key = self.known.device_option
        mine, theirs = self.options.get(key), other.options.get(key)
        alike = {**self.options, key: ""} == {**other.options, key: ""}
        return alike and None not in {mine, theirs} and mine != theirs


Choice = tuple[DelegateSpec, int]
"""A delegate, and the number of threads of the interpreter; 0 lets the engine choose."""


def parse_delegate(text: str) -> DelegateSpec:
    """The delegate for `--delegate TEXT`; raises ConfigError.

    TEXT is `cpu`, the name of a known delegate (`edgetpu`, or `edgetpu:usb:0` for one of several
    devices), or `PATH.so` with options after a colon. Known delegates can have options too:
    `armnn:backends=GpuAcc`.
    """
    if text == CPU:
        return DelegateSpec()
    if as_library := LIBRARY.fullmatch(text):
        path = as_library["path"]
        name = path.rpartition("/")[2].split(".")[0].removeprefix("lib")
        return DelegateSpec(name, (path,), _parse_options(text, as_library["options"] or ""))
    name, _, rest = text.partition(":")
    if name not in KNOWN:
        raise ConfigError(
            f"there is no delegate {text!r}; known are cpu, {', '.join(KNOWN)}, "
            "or give a library: PATH.so:key=value,…"
        )
    known = KNOWN[name]
    if known.device_option and rest and "=" not in rest:
        options = {known.device_option: rest}
    else:
        options = _parse_options(text, rest)
    return DelegateSpec(text, known.libraries, {**known.options, **options}, known.built_in)


def _parse_options(text: str, options: str) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for option in filter(None, options.split(",")):
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise ConfigError(f"{option!r} in the delegate {text!r} is not key=value")
        parsed[key] = value
    return parsed
