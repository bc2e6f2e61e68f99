"""What unit tests share. Property tests try the same examples everywhere, however slow it is."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("edgeseg", deadline=None, derandomize=True, database=None)
settings.load_profile("edgeseg")

INTERFACES = Path("/proc/net/if_inet6")


@pytest.fixture
def scoped_address() -> str:
    """A link-local address of this machine, with its interface; skips if there is none."""
    lines = INTERFACES.read_text(encoding="ascii").splitlines() if INTERFACES.exists() else []
    for line in lines:
        digits, *_, interface = line.split()
        if digits.startswith("fe80"):
            return f"{ipaddress.IPv6Address(int(digits, 16))}%{interface}"
    pytest.skip("no interface has a link-local IPv6 address: bring one up")
